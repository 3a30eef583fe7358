"""The picture of an interactive figure, in the browser: shows what it is sent, and says where it was clicked.

ipywidgets' own ``Image`` has no alt text and no clicks, so this is a widget of our own, made with anywidget,
which takes the JavaScript from the string below: nothing is built, nothing is fetched.
"""

import traitlets
from anywidget import AnyWidget

__all__ = ["Picture"]

_JAVASCRIPT = """
// ipywidgets gives the handle of a slider no name, so that a screen reader says "slider" and no more. JupyterLab
// takes the arrow keys that are meant for a choice and goes to the next cell, unless what has the focus forbids it.
function makeUsableByKeyboard(root) {
  for (const control of root?.querySelectorAll("[role=slider], input, select, button") ?? []) {
    control.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  for (const slider of root?.querySelectorAll(".widget-slider") ?? []) {
    const label = slider.querySelector("label")?.textContent ?? "";
    slider.querySelector("[role=slider]")?.setAttribute("aria-label", label);
  }
}

function render({ model, el }) {
  const image = document.createElement("img");
  image.style.maxWidth = "100%";
  image.draggable = false;
  el.append(image);

  const draw = () => {
    const old = image.src;
    image.src = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    image.alt = model.get("alt");
    if (old) URL.revokeObjectURL(old);
    makeUsableByKeyboard(el.closest(".widget-vbox"));
  };
  image.onload = () => makeUsableByKeyboard(el.closest(".widget-vbox"));
  draw();
  model.on("change:png", draw);

  if (model.get("takes_clicks")) {
    const point = (event) => {
      const box = image.getBoundingClientRect();
      model.set("point", [(event.clientX - box.left) / box.width, (box.bottom - event.clientY) / box.height]);
      model.save_changes();
    };
    image.style.cursor = "crosshair";
    image.style.touchAction = "none";
    image.addEventListener("pointerdown", point);
    image.addEventListener("pointermove", (event) => event.buttons === 1 && point(event));
  }
  return () => URL.revokeObjectURL(image.src);
}

export default { render };
"""


class Picture(AnyWidget):
    """A PNG with alt text; ``point`` is where it was last clicked or dragged to.

    ``point`` holds the fractions of the width from the left and of the height from the bottom, as matplotlib's
    ``transFigure`` counts them; it changes only where ``takes_clicks`` was set before the picture was shown.
    """

    _esm = _JAVASCRIPT
    png = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    takes_clicks = traitlets.Bool(False).tag(sync=True)
    point = traitlets.List(traitlets.Float()).tag(sync=True)
