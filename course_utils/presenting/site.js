// What scrolls can be scrolled with the keyboard.
addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".highlight pre, .table-wrapper, div.math")) {
    box.tabIndex = 0;
  }
});
