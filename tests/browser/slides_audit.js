// Goes through all slides of the page, everything on them shown, and returns what is wrong, a sentence each.
(smallest) => {
  const problems = [];
  const room = { width: window.innerWidth, height: window.innerHeight };
  const scale = Reveal.getScale();
  Reveal.getSlides().forEach((slide, index) => {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v, 1e6);
    const say = (problem) => problems.push(`slide ${index + 1} ("${title(slide)}") ${problem}`);
    const shown = [...slide.querySelectorAll(".content *:not(svg *, mjx-assistive-mml *)")].filter(isShown);
    const out = { right: 0, below: 0 };
    for (const element of shown) {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || box.height === 0 || element.tagName === "MJX-ASSISTIVE-MML") continue;
      out.right = Math.max(out.right, box.right - room.width, box.left < -1 ? -box.left : 0);
      out.below = Math.max(out.below, box.bottom - room.height);
      if (element.tagName === "PRE") out.right = Math.max(out.right, element.scrollWidth - element.clientWidth - 1);
    }
    if (out.below > 1) say(`reaches ${Math.round(out.below / scale)} px below the screen`);
    if (out.right > 1) say(`reaches ${Math.round(out.right / scale)} px out of the screen sideways`);
    for (const image of slide.querySelectorAll("img")) {
      if (!image.complete || image.naturalWidth === 0) say(`has a picture that is missing: ${image.alt}`);
      else if (!image.closest("details") && image.getBoundingClientRect().width / scale < 0.96 * image.naturalWidth)
        say("has a picture that is made too small to be read");
    }
    for (const error of slide.querySelectorAll("[data-mml-node=merror], mjx-merror"))
      say(`has mathematics with an error: ${error.textContent}`);
    const words = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    for (let node = words.nextNode(); node; node = words.nextNode()) {
      const parent = node.parentElement;
      if (!node.data.trim() || parent.closest("pre, code, mjx-container, aside")) continue;
      if (/\$[^$]+\$|\\(begin|frac|mathbb|sum|log|mu|sigma)\b|\*\*/.test(node.data)) say(`has text not rendered: ${node.data.trim().slice(0, 60)}`);
    }
    const small = shown.filter((element) => hasText(element) && size(element) < smallest - 0.01);
    if (small.length) say(`has text of ${Math.min(...small.map(size)).toFixed(1)} px: ${small[0].textContent.trim().slice(0, 40)}`);
    if (shown.every((element) => !element.textContent.trim() && element.tagName !== "IMG")) say("is empty");
  });
  return problems;

  function title(slide) {
    return slide.querySelector("h1, h2, h3, h4")?.textContent ?? slide.querySelector("p, summary, img")?.textContent.slice(0, 40) ?? "";
  }
  function isShown(element) {
    return element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  }
  function size(element) {
    return parseFloat(getComputedStyle(element).fontSize);
  }
  function hasText(element) {
    if (element.closest("mjx-container, sup, sub")) return false;
    return [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  }
}
