// An extension of JupyterLab that makes ipywidgets live on the slides of jupyterlab-rise 0.43, which lacks three things:
// the module @jupyterlab/console, without which ipywidgets 8 refuses to load (it only asks it for a name); notebooks
// that know the widgets of an extension that starts after they were opened; and slides that leave a widget its keys.
// Nothing is built: this file is what a bundler would make of it.

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB["course-present"] = (() => {
  const VIEW = "application/vnd.jupyter.widget-view+json";
  const consoleModule = { IConsoleTracker: { name: "@jupyterlab/console:IConsoleTracker" } };
  let shared;

  const load = async (name) => (await Object.values(shared[name])[0].get())();

  function makeLive(panel, renderer) {
    const { dirty } = panel.model;
    panel.content.rendermime.addFactory(renderer, -10); // the rank that ipywidgets gives it: before HTML
    for (const cell of panel.content.widgets) cell.model.trusted = true; // the lecture's own; draws its outputs anew
    panel.model.dirty = dirty; // else rise waits for the notebook to be saved
    panel.node.addEventListener("keydown", (event) => {
      if (event.target.closest(".jupyter-widgets")) event.stopPropagation(); // an arrow moves a slider, not the slides
    });
  }

  async function plugin() {
    const { IRenderMimeRegistry } = await load("@jupyterlab/rendermime");
    const { INotebookTracker } = await load("@jupyterlab/notebook");
    const { IJupyterWidgetRegistry } = await load("@jupyter-widgets/base");
    return {
      id: "course-present:widgets",
      autoStart: true,
      requires: [IRenderMimeRegistry, INotebookTracker, IJupyterWidgetRegistry], // the last: ipywidgets has started
      activate: (app, registry, tracker) => {
        const open = (panel) => panel.context.ready.then(() => makeLive(panel, registry.getFactory(VIEW)));
        tracker.forEach(open);
        tracker.widgetAdded.connect((_, panel) => open(panel));
      },
    };
  }

  return {
    init(scope) {
      shared = scope;
      shared["@jupyterlab/console"] ??= { "0.0.0": { get: async () => () => consoleModule, from: "course-present" } };
    },
    async get() {
      const made = await plugin();
      return () => ({ __esModule: true, default: made });
    },
  };
})();
