// Typeset, then size every slide, then present.
// Pairs: px of running text (code has at most 0.8 of it, at least 16), and the scale of pictures, of which the smallest
// text, 12 points, has 16.7 px at scale 1.
const SIZES = [[30, 1.2], [28, 1.15], [26, 1.1], [25, 1.05], [24, 1], [23, 1], [22, 0.97], [21, 0.97], [20, 0.97]];
const HEIGHT = 712;

// Derivations appear line by line: each line of an aligned formula after the first waits for a key.
function markDerivations() {
  for (const item of MathJax.startup.document.math) {
    if (!/\\begin\{(aligned|align\*?|gathered)\}/.test(item.math)) continue;
    const table = item.typesetRoot.querySelector('[data-mml-node="mtable"]');
    const lines = table?.querySelectorAll(':scope > [data-mml-node="mtr"], :scope > g > [data-mml-node="mtr"]') ?? [];
    [...lines].slice(1).forEach((line) => line.classList.add("fragment"));
  }
}

// The largest size at which a slide's content fits; small text is refused by the tests, not by this page.
function fit(content) {
  const code = widestCode(content);
  const wide = [content, ...content.querySelectorAll(".block > *, .block p, .block mjx-container[display]")];
  for (const [size, picture] of SIZES) {
    content.style.setProperty("--reading", `${size}px`);
    content.style.setProperty("--code", `${Math.max(16, Math.min(0.8 * size, code))}px`);
    for (const image of content.querySelectorAll("img")) {
      image.style.setProperty("--picture", `${Math.round(image.naturalWidth * picture)}px`);
    }
    if (content.scrollHeight <= HEIGHT && wide.every((box) => box.scrollWidth <= box.clientWidth)) return;
  }
}

// The size in px at which the longest line of code or output is as wide as the slide.
function widestCode(content) {
  content.style.setProperty("--code", "40px");
  const boxes = [...content.querySelectorAll(".block > .highlight > pre, pre.output")];
  return Math.min(...boxes.map((box) => Math.floor((40 * box.clientWidth) / box.scrollWidth - 0.3)), 40);
}

async function start() {
  await MathJax.startup.defaultPageReady();
  if (document.readyState !== "complete") await new Promise((go) => addEventListener("load", go)); // pictures have sizes
  markDerivations();
  document.body.classList.add("measuring");
  document.querySelectorAll(".content").forEach(fit);
  document.body.classList.remove("measuring");
  for (const summary of document.querySelectorAll("summary")) {
    summary.addEventListener("keydown", (event) => event.stopPropagation()); // the space bar unfolds here
  }
  await Reveal.initialize({
    width: 1280, height: 720, margin: 0, minScale: 0.1, maxScale: 4, center: false, hash: true, transition: "none",
    controls: false, slideNumber: "c/t", pdfSeparateFragments: false, pdfMaxPagesPerSlide: 1, plugins: [RevealNotes],
  });
  document.documentElement.dataset.ready = "true";
}

window.MathJax = {
  tex: { inlineMath: [["$", "$"]], displayMath: [["$$", "$$"]], processEscapes: true,
    packages: { "[-]": ["noundefined"] } }, // an unknown command is an error, not its name in red
  svg: { fontCache: "global" },
  options: { enableMenu: false, skipHtmlTags: ["script", "style", "pre", "code", "textarea"] },
  startup: { pageReady: start },
};
