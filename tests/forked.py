"""Processes that are forked from one that has imported the libraries before, and nbval's kernels among them.

Two dozen notebooks would each load PyTorch and matplotlib anew, which takes as long as a short lecture. Only libraries
are there already, never the course's own package, and nothing has been computed with them: a forked kernel knows as
little as any other. On systems other than Linux, where a fork is not safe or not possible, all is started as usual.
"""

import multiprocessing
import os
import sys
from importlib.metadata import EntryPoint
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

TESTS = Path(__file__).parent
CAN_FORK = sys.platform == "linux"
# PyTorch imports its compiler with the first optimizer. Not pyplot, which would look for IPython's backend too early.
LIBRARIES = ["torch._dynamo", "scipy.stats", "scipy.integrate", "hypothesis.strategies", "jaxtyping"]
LIBRARIES += ["sklearn.decomposition", "sklearn.linear_model", "matplotlib.backends.backend_agg"]
LIBRARIES += ["ipykernel.kernelapp", "anywidget"]


def context() -> BaseContext:
    """What starts processes: by a fork where that is possible."""
    if not CAN_FORK:
        return multiprocessing.get_context("spawn")
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(LIBRARIES)
    return forking


def fork_kernels() -> None:
    """From now on, Jupyter's kernels of this process are forked."""
    if CAN_FORK:
        factory, name = KernelProvisionerFactory.instance(), "forked"
        factory.provisioners[name] = EntryPoint(name, f"{__name__}:ForkingProvisioner", factory.GROUP_NAME)
        factory.default_provisioner_name = name


class ForkingProvisioner(LocalProvisioner):
    """Starts a kernel of Python by a fork."""

    async def launch_kernel(self, cmd: list[str], **settings: Any) -> dict[str, Any]:
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        process = context().Process(
            target=_be_a_kernel, args=(arguments, settings["env"], settings.get("cwd")), daemon=True
        )
        process.start()
        self.process, self.pid = _AsPopen(process), process.pid
        return self.connection_info


class _AsPopen:
    """What jupyter_client asks of a ``subprocess.Popen``."""

    stdin = stdout = stderr = None

    def __init__(self, process: BaseProcess) -> None:
        self.process = process
        self.kill, self.terminate = process.kill, process.terminate

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)


def _be_a_kernel(arguments: list[str], env: dict[str, str], cwd: str | None) -> None:
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    os.environ.clear()
    os.environ.update(env, JPY_PARENT_PID=str(os.getppid()))  # it ends when that one ends
    os.chdir(cwd or ".")
    # pytest has added the folders of the tests
    sys.path[:] = [path for path in sys.path if not Path(path).is_relative_to(TESTS)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    IPKernelApp.launch_instance(arguments)
