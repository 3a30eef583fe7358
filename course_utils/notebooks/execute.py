"""Running a notebook from top to bottom in a clean kernel."""

import asyncio
import copy
import tempfile
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import ipykernel.kernelspec
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from course_utils.notebooks.environment import kernel_env

CELL_TIMEOUT = 120
"""Seconds that one cell may take; a whole lecture is allowed half of that."""


class ExecutionError(Exception):
    """A cell failed; ``index`` is its position in the notebook, counted from 0."""

    def __init__(self, problem: str, index: int) -> None:
        super().__init__(problem)
        self.index = index


class _ThisPython(KernelSpecManager):
    """Every kernel name means the running interpreter, whatever kernels the user has registered."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = ipykernel.kernelspec.get_kernel_dict()
        return KernelSpec(resource_dir=ipykernel.kernelspec.RESOURCES, **spec)


def execute(notebook: NotebookNode, folder: Path, *, timeout: int = CELL_TIMEOUT) -> NotebookNode:
    """Return an executed copy of a notebook; its metadata stays as it was.

    Parameters
    ----------
    notebook : NotebookNode
        The notebook, not changed.
    folder : Path
        The kernel's working directory.
    timeout : int
        Seconds that one cell may take.

    Raises
    ------
    ExecutionError
        If a cell raises, takes too long or takes the kernel with it.
    """
    executed = copy.deepcopy(notebook)
    current = 0

    def remember(cell: NotebookNode, cell_index: int, **_: Any) -> None:
        nonlocal current
        current = cell_index

    client = NotebookClient(
        executed,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_ThisPython()),
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=remember,
    )
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as home:
        try:
            # The manager is ours, so it is for us to say that the kernel ends with the run.
            env = kernel_env(Path(home))
            asyncio.run(client.async_execute(env=env, cwd=str(folder), stderr=DEVNULL, cleanup_kc=True))
        except CellExecutionError as error:
            raise ExecutionError(f"{error.ename}: {error.evalue}", current) from None
        except CellTimeoutError:
            raise ExecutionError(f"takes longer than {timeout} s", current) from None
        except DeadKernelError:
            raise ExecutionError("the kernel died (out of memory?)", current) from None
    executed.metadata = copy.deepcopy(notebook.metadata)
    for cell in executed.cells:
        cell.metadata.pop("execution", None)
    return executed
