"""Live slides: a lecture in JupyterLab's presenter, in a kernel that has already run it.

What is presented is a copy in a temporary folder: nothing that is typed or run during the talk touches the lecture.
The copy is run before the browser opens, in the very kernel that the page then finds: any cell on a slide can be
changed and run at once, and interactive figures follow their sliders. The latter needs a small extension of ours
(live_widgets.js), as jupyterlab-rise 0.43 does not load ipywidgets 8: github.com/jupyterlab-contrib/rise/issues/119.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client import BlockingKernelClient
from nbformat import NotebookNode

from course_utils.presenting.deck import presentation
from course_utils.runtime import CourseError

__all__ = ["LiveServer", "present_live", "serve"]

HERE = Path(__file__).parent

# What the presenter reads from a notebook: slides scale with the window, as the exported ones do.
RISE = {"theme": "white", "transition": "none", "center": False, "scroll": True, "slideNumber": "c/t", "width": "100%",
        "height": "100%", "auto_select": "none", "start_slideshow_at": "beginning"}  # fmt: skip

EXTENSION = {"name": "course-present", "version": "1.0.0", "jupyterlab": {
    "extension": True, "_build": {"load": "static/live_widgets.js", "extension": "./extension"}}}  # fmt: skip


class LiveServer:
    """A JupyterLab that shows one folder; ``url`` opens the lecture's slides."""

    def __init__(self, folder: Path, name: str, port: int, token: str) -> None:
        self.folder, self.name, self.base, self.token = folder, name, f"http://127.0.0.1:{port}", token

    @property
    def url(self) -> str:
        """The address of the slides."""
        return f"{self.base}/rise/{self.name}?token={self.token}"

    def ask(self, path: str, content: dict[str, Any] | None = None) -> Any:
        """Call the server's REST interface."""
        data = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.base}/api/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def run_all(self) -> None:
        """Run the lecture in the kernel that its page will use, and store the outputs, widgets included."""
        wanted = {"path": self.name, "type": "notebook", "name": "", "kernel": {"name": "python3"}}
        kernel = self.ask("sessions", wanted)["kernel"]["id"]
        connection = self.folder / ".jupyter" / "runtime" / f"kernel-{kernel}.json"
        client = BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        client.start_channels()
        try:
            _wait_until_ready(client)
            notebook = nbformat.read(self.folder / self.name, as_version=4)
            for cell in notebook.cells:
                if cell.cell_type == "code" and cell.source.strip():
                    _run(client, cell)
            nbformat.write(notebook, self.folder / self.name)
        finally:
            client.stop_channels()


def present_live(notebook: Path, *, run: bool, say: Callable[[str], None]) -> None:
    """Serve a lecture's live slides and open them in the browser, until interrupted."""
    with serve(notebook) as server:
        if run:
            say("Running the lecture ...")
            server.run_all()
        say(f"Slides: {server.url}")
        say("Keys: space, arrows; T speaker view; ? help. Stop with Ctrl-C here.")
        webbrowser.open(server.url)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            say("")


@contextmanager
def serve(notebook: Path, *, seconds: float = 90) -> Iterator[LiveServer]:
    """Run a JupyterLab over a copy of a lecture, prepared for presenting.

    Raises
    ------
    CourseError
        If the server does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="course-present-"))
    lecture = presentation(nbformat.read(notebook, as_version=4))
    lecture.metadata["rise"] = dict(RISE)
    nbformat.write(lecture, folder / notebook.name)
    shutil.copy(HERE / "live.css", folder / "rise.css")  # the name under which the presenter looks for it
    _install_extension(folder / ".jupyter" / "share")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = LiveServer(folder, notebook.name, port, secrets.token_hex(16))
    env = os.environ | {
        "JUPYTER_RUNTIME_DIR": str(folder / ".jupyter" / "runtime"),
        "JUPYTER_PATH": os.pathsep.join(
            [str(folder / ".jupyter" / "share"), *filter(None, [os.environ.get("JUPYTER_PATH")])]
        ),
        "JUPYTER_TOKEN": server.token,
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}", "--allow-root",
    ]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        try:
            _wait_for(server, process, seconds)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _install_extension(share: Path) -> None:
    """Put the extension where JupyterLab looks for those that are built already."""
    home = share / "labextensions" / EXTENSION["name"]
    (home / "static").mkdir(parents=True)
    (home / "package.json").write_text(json.dumps(EXTENSION))
    shutil.copy(HERE / "live_widgets.js", home / EXTENSION["jupyterlab"]["_build"]["load"])


def _wait_for(server: LiveServer, process: subprocess.Popen, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.ask("status")
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    lines = (server.folder / "server.log").read_text(errors="replace").strip().splitlines()
    raise CourseError(f"JupyterLab did not start: {lines[-1] if lines else 'it says nothing'}")


def _wait_until_ready(client: BlockingKernelClient, tries: int = 30) -> None:
    for left in reversed(range(tries)):
        try:
            return client.wait_for_ready(timeout=60)
        except RuntimeError:  # "died": its heart does not beat yet
            if not left:
                raise CourseError("The kernel for the slides did not start.") from None
            time.sleep(1)


def _run(client: BlockingKernelClient, cell: NotebookNode) -> None:
    outputs: list[NotebookNode] = []

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            outputs.append(nbformat.v4.output_from_msg(message))

    reply = client.execute_interactive(cell.source, output_hook=keep, allow_stdin=False, timeout=300)
    cell.outputs, cell.execution_count = outputs, reply["content"]["execution_count"]
