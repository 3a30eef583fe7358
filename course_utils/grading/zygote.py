"""Inside the sandbox: one process with torch imported, which forks a jail for each submission.

The judge holds the other end of a socket. A list of processors comes with the two descriptors of a conversation, and a
jail is forked that runs on them and knows nothing but the conversation; ``stop`` kills whatever is left of it and tells
what it used. The zygote itself never touches anything of a student's.
"""

import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path

import torch

import course_utils
from course_utils.grading import confine, runner
from course_utils.grading.processors import use_processors
from course_utils.grading.wire import Channel

PACKAGE = Path(course_utils.__file__).parent
HIDDEN = ["/tmp", str(PACKAGE), "/proc", "/dev/shm"]
NOT_NEEDED = {"plotting", "widgets", "notebooks", "presenting", "grading", "cli"}
"""Rooms of the package that no answer needs and that take long to import."""


def main() -> None:
    """Serve until the judge hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    confined = sys.argv[2] == "confined"
    preload()
    control.send(b"ready")
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 65536, 2)
        if not request:
            return
        use_processors(json.loads(request))
        jail = Jail(control, descriptors, confined)
        control.send(json.dumps(jail.until_stopped()).encode())


def preload() -> None:
    """Import what lectures import, and what observing an answer needs."""
    torch.set_num_threads(1)
    importlib.import_module("numpy.random")  # numpy loads it on first use
    torch.distributions.Normal(torch.zeros(2, requires_grad=True), 1.0).log_prob(
        torch.ones(2)
    ).sum().backward()
    # The first use of these imports a second's worth, which is not the student's.
    weight = torch.ones(2, requires_grad=True)
    torch.func.grad(torch.sum)(torch.ones(2))
    torch.autograd.grad(2 * weight, weight, torch.ones(2))
    torch.optim.Adam([weight]).step()
    files = [file.relative_to(PACKAGE.parent).with_suffix("") for file in PACKAGE.rglob("*.py")]
    for file in sorted(files):
        if len(file.parts) == 1 or file.parts[1] not in NOT_NEEDED:
            importlib.import_module(".".join(file.parts).removesuffix(".__init__"))
    # torch.manual_seed writes down who called it, for the day on which a device is found. In here none is.
    torch.cuda.manual_seed_all = torch.xpu.manual_seed_all = torch.mtia.manual_seed_all = lambda _: None
    runner.stand_in()
    # Jails share this memory until they write to it, and the garbage collector would.
    gc.collect()
    gc.freeze()
    confine.use_huge_pages()


class Jail:
    """One submission's processes, seen from the zygote."""

    def __init__(self, control: socket.socket, descriptors: list[int], confined: bool) -> None:
        self.control, self.confined = control, confined
        self.own_memory = _resident(os.getpid())
        self.first = confine.fork_into_new_namespaces() if confined else os.fork()
        if self.first == 0:
            self._become_jail(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def until_stopped(self) -> dict[str, object]:
        """Wait for the judge's word, watching the memory; then end everything, and tell what was used."""
        too_much = False
        while not select.select([self.control], [], [], 0.05)[0]:
            if not too_much and self.confined and self._memory() > confine.MEMORY:
                too_much = True
                self._kill()
        self.control.recv(16)
        self._kill()
        _, status, used = os.wait4(self.first, 0)
        cpu = used.ru_utime + used.ru_stime
        return {"status": status, "cpu": cpu, "peak": used.ru_maxrss * 1024, "too_much_memory": too_much}

    def _become_jail(self, descriptors: list[int]) -> None:
        channel = Channel(*descriptors)
        try:
            if self.confined:
                confine.confine(descriptors, HIDDEN)
            else:
                confine.keep_only(descriptors)
                os.setsid()
        except OSError as error:
            channel.send({"broken": str(error)})
            os._exit(1)
        try:
            runner.serve(channel)
        finally:
            os._exit(0)

    def _kill(self) -> None:
        """Without its first process, the kernel ends a whole process tree; outside a sandbox, its group has to do."""
        try:
            if self.confined:
                os.kill(self.first, signal.SIGKILL)
            else:
                os.killpg(self.first, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended already

    def _memory(self) -> int:
        """Bytes that the jail's processes hold beyond what they share with the zygote."""
        others = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        others = [pid for pid in others if pid not in (1, os.getpid())]
        return sum(max(0, _resident(pid) - self.own_memory) for pid in others)


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
