"""JupyterLab in the hands of the tests: opens notebooks, runs them, and moves what they show."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
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


SETTINGS = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is on the page, seen or not
    "docmanager-extension/plugin": {"autosave": False},
}


@contextmanager
def running_lab(home: Path) -> Iterator[Lab]:
    """Run a JupyterLab that shows ``home/notebooks`` and keeps everything else of its own in ``home``, too."""
    for name, content in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    folder = home / "notebooks"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "IPYTHONDIR": str(home / "ipython"),
        "COURSE_HOME": str(home / "course"),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=test",
        f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True", "--ServerApp.log_level=ERROR",
    ]  # fmt: skip
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
        try:
            lab = Lab(f"http://127.0.0.1:{port}", "test", folder)
            _wait_for(server, f"{lab.url}/api?token=test", home / "log")
            yield lab
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(server: subprocess.Popen, url: str, log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")
