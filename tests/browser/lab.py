"""JupyterLab in the hands of the tests: opens notebooks, runs them, and moves what they show."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.notebooks.complete import KERNELSPEC


@dataclass(frozen=True)
class Lab:
    """A server and the folder that it shows."""

    url: str
    token: str
    folder: Path

    def write(self, name: str, sources: list[str]) -> str:
        """Write a notebook with these code cells."""
        cells = [new_code_cell(source) for source in sources]
        nbformat.write(
            new_notebook(cells=cells, metadata={"kernelspec": dict(KERNELSPEC)}), self.folder / name
        )
        return name

    def open(self, page: Any, name: str) -> None:
        """Open a notebook, and wait until its kernel is there."""
        page.goto(f"{self.url}/lab/tree/{name}?reset&token={self.token}")
        page.wait_for_function(KERNEL_IS_IDLE, timeout=120_000)

    def run_all(self, page: Any, *, timeout: float = 120) -> None:
        """Run all cells, and wait for the last."""
        page.set_default_timeout(timeout * 1000)
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(ALL_HAVE_RUN, timeout=timeout * 1000)
        page.set_default_timeout(60_000)

    def shut_down(self, page: Any) -> None:
        """End the kernel of the notebook on the page."""
        page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")


KERNEL_IS_IDLE = """() => {
  const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return session?.session?.kernel?.status === "idle";
}"""
ALL_HAVE_RUN = """() => [...document.querySelectorAll(".jp-CodeCell")].every((cell) => {
  const prompt = cell.querySelector(".jp-InputPrompt")?.textContent ?? "";
  return /\\[\\d+\\]/.test(prompt) || cell.querySelector(".cm-content").textContent.trim() === "";
})"""
