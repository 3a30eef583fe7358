"""The outer sandbox, by bubblewrap: what of the machine can be seen from inside, and what of it can be done."""

import os
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import course_utils
from course_utils.runtime import CourseError

SECONDS_TO_START = 120.0
PACKAGE = Path(course_utils.__file__).resolve().parent
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": str(PACKAGE.parent),
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TQDM_DISABLE": "1",
}
# The zygote needs the first to give jails namespaces, the next to become nobody, and the last to end jails.
CAPABILITIES = ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "DAC_READ_SEARCH", "KILL")


class NoSandboxError(CourseError):
    """No sandbox can be had on this machine; the message says why."""


def start_zygote(*, confined: bool) -> tuple[subprocess.Popen, socket.socket]:
    """Start a zygote and wait until it is ready; returns its process and the socket to it.

    Raises: NoSandboxError with the reason.
    """
    if not confined:
        return _start([], confined=False)
    if not shutil.which("bwrap"):
        raise NoSandboxError(
            "Grading runs students' code, and bubblewrap, which would keep it in, is not installed "
            "(Debian: apt install bubblewrap). Other than on Linux, grade in a container or a virtual machine."
        )
    reasons = []
    for namespaces in _ways():
        try:
            return _start(_bubblewrap(namespaces), confined=True)
        except NoSandboxError as error:
            reasons.append(str(error))
    raise NoSandboxError(f"No sandbox for students' code can be had here: {reasons[-1]}")


def _ways() -> Iterator[list[str]]:
    """For root: with its own rights, which give the jail a user number of its own; and as everybody."""
    if os.getuid() == 0:
        yield ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    yield ["--unshare-all", "--unshare-user"]


def _start(prefix: Sequence[str], *, confined: bool) -> tuple[subprocess.Popen, socket.socket]:
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    mode = "confined" if confined else "unconfined"
    command = [*prefix, sys.executable, "-P", "-m", "course_utils.grading.zygote", str(other.fileno()), mode]
    with other, tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command,
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=ENVIRONMENT if confined else {**os.environ, **ENVIRONMENT},
            cwd="/",
            start_new_session=True,
        )
        other.close()
        own.settimeout(SECONDS_TO_START)
        try:
            ready = own.recv(16) == b"ready"
        except OSError:
            ready = False
        if not ready:
            process.kill()
            process.wait()
            own.close()
            said.seek(0)
            lines = said.read()[-2000:].strip().splitlines() or ["it did not start in time"]
            raise NoSandboxError(lines[-1])
        own.settimeout(None)
    return process, own


def _bubblewrap(namespaces: Sequence[str]) -> list[str]:
    command = [str(shutil.which("bwrap")), *namespaces, "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    command += ["--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        command += ["--cap-add", f"CAP_{capability}"]
    command += ["--tmpfs", "/tmp"]  # before what may lie in it
    for folder in ("/bin", "/sbin", "/lib", "/lib64"):
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            command += ["--ro-bind", folder, folder]
    for folder in _python_folders():
        for outer in [*reversed(Path(folder).parents)][1:]:
            command += ["--perms", "0755", "--dir", str(outer)]  # else 0700, closed to the jail's user
        command += ["--ro-bind", folder, folder]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    return [*command, *_package(), "--remount-ro", "/", "--chdir", "/tmp", "--"]


def _python_folders() -> list[str]:
    """The folders Python and its packages are in; a folder inside another is not named again."""
    wanted = ["/usr", sys.base_prefix, sys.prefix, *site.getsitepackages(), *sysconfig.get_paths().values()]
    real = sorted({os.path.realpath(folder) for folder in wanted} | {os.path.abspath(sys.prefix)})
    kept: list[str] = []
    for folder in real:
        if os.path.isdir(folder) and not any(folder.startswith(f"{outer}/") for outer in kept):
            kept.append(folder)
    return kept


def _package() -> list[str]:
    """``course_utils`` without what gives answers away: of an exercise, only its observers."""
    outer = [
        option
        for part in [*reversed(PACKAGE.parents)][1:]
        for option in ("--perms", "0755", "--dir", str(part))
    ]
    command = [*outer, "--ro-bind", str(PACKAGE), str(PACKAGE)]
    for lecture in sorted(PACKAGE.glob("exercises/lecture_*")):
        command += ["--tmpfs", str(lecture)]
        for file in ("__init__.py", "observers.py"):
            if (lecture / file).exists():
                command += ["--ro-bind", str(lecture / file), str(lecture / file)]
    return command
