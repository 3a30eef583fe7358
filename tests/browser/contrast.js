// WCAG 1.4.3 for every visible text within the elements that match a selector. axe leaves text undecided where
// anything may lie over it, as it may everywhere in JupyterLab; here the nearest painted ancestor counts.
(within) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => a * c + (1 - a) * below[i]);
  const background = (element) => {
    if (!element) return [1, 1, 1];
    const own = channels(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, background(element.parentElement));
  };
  const found = [];
  const seen = new Set();
  for (const root of document.querySelectorAll(within)) {
    const words = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = words.nextNode(); node; node = words.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || seen.has(element) || element.closest("mjx-container, style, script, option")) continue;
      seen.add(element);
      if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      if (element.getBoundingClientRect().width < 2) continue; // for screen readers only
      const style = getComputedStyle(element);
      const below = background(element);
      const light = [luminance(over(channels(style.color), below)), luminance(below)].sort((a, b) => b - a);
      const ratio = (light[0] + 0.05) / (light[1] + 0.05);
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
      if (ratio < (isLarge ? 3 : 4.5) - 0.005) found.push(`contrast ${ratio.toFixed(2)}: ${node.data.trim().slice(0, 60)}`);
    }
  }
  return found;
}
