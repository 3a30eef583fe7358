"""Inside the sandbox: take everything away from the process that is about to run a student's cells.

The zygote holds ``CAP_SYS_ADMIN`` within the sandbox only to give each jail namespaces of its own; the jail keeps
nothing: no capabilities, no way to get new ones, no process of anyone else in sight, and a small empty folder.
"""

import ctypes
import os
import platform
import resource
import secrets
import signal
import sys
from pathlib import Path

from course_utils.grading.seccomp import forbid_system_calls

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_NOSUID_NODEV, MS_REC_PRIVATE = 0x2 | 0x4, 0x4000 | 0x40000
MADV_COLLAPSE, HUGE = 25, 1 << 21
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 24, 38, 47
JAIL_USERS = 0x7F00_0000
"""Where the grader is root, each jail runs as a user of its own from here on, where no system has any: limits on what
a user may have count for it alone, and not together with those who are graded beside it."""

MEBIBYTE = 1 << 20
MEMORY = 1024 * MEBIBYTE
"""Bytes of address space a jail may take beyond what the zygote had."""

LIMITS = {
    resource.RLIMIT_CPU: 120,  # seconds; wall time is the judge's business
    resource.RLIMIT_FSIZE: MEBIBYTE,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_NPROC: 24,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_MSGQUEUE: 0,
    resource.RLIMIT_MEMLOCK: 0,
}

_libc, _libc_with_gil = ctypes.CDLL(None, use_errno=True), ctypes.PyDLL(None, use_errno=True)


def fork_into_new_namespaces() -> int:
    """As ``os.fork``; the child has mounts and shared memory of its own, and is the first of a new process tree.

    With ``unshare`` it would take two forks to get there, and a fork of a process with torch in it costs milliseconds.
    """
    # As numbered in the kernel's arch/x86/... and include/uapi/asm-generic/unistd.h.
    clone = 56 if platform.machine() == "x86_64" else 220
    flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | signal.SIGCHLD
    ctypes.pythonapi.PyOS_BeforeFork()
    child = _libc_with_gil.syscall(clone, flags, 0, 0, 0, 0)
    if child == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    error = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if child < 0:
        raise OSError(error, f"clone: {os.strerror(error)}")
    return child


def use_huge_pages() -> None:
    """Have the kernel move this process's memory into huge pages, if it can: a fork copies one entry for 512 pages."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        where, access, *_, name = f"{line} -".split()[:6]
        if access == "rw-p" and name in ("-", "[heap]"):
            start, end = (int(address, 16) // HUGE * HUGE for address in where.split("-"))
            _libc.madvise(
                ctypes.c_void_p(start + HUGE), ctypes.c_size_t(max(0, end - start - HUGE)), MADV_COLLAPSE
            )


def hide(folders: list[str]) -> None:
    """Put an empty folder over each of these; the first, which may hold others, is the one the student may write to."""
    _call("mount", None, b"/", None, MS_REC_PRIVATE, None)
    for folder in reversed(folders):
        own = folder == folders[0]
        options = b"size=8m,nr_inodes=256,mode=1777" if own else b"size=4k,nr_inodes=1,mode=0555"
        _call("mount", b"tmpfs", folder.encode(), b"tmpfs", MS_NOSUID_NODEV, options)


def drop_privileges() -> None:
    """Keep no capability, and no way to any."""
    for capability in range(64):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails where there is nothing to drop
    if os.getuid() == 0:
        os.setgroups([])
        user = JAIL_USERS + secrets.randbelow(1 << 20)
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _libc.prctl(PR_CAP_AMBIENT, 4, 0, 0, 0)
    header, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _call("capset", header, nothing)
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit_resources() -> None:
    """Bounds of the kernel's own on what the jail may use up."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    address_space = pages * resource.getpagesize() + MEMORY
    for what, limit in {resource.RLIMIT_AS: address_space, **LIMITS}.items():
        _, hard = resource.getrlimit(what)
        bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (bound, bound))


def keep_only(descriptors: list[int]) -> None:
    """Close every open descriptor but these, and make standard input and output those of nobody."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    kept = sorted({0, 1, 2, *descriptors})
    for low, high in zip(kept, [*kept[1:], 65_536], strict=True):
        os.closerange(low + 1, high)


def confine(descriptors: list[int], hidden: list[str]) -> None:
    """All of it, for the first process of a jail, in an order in which each step is still allowed."""
    keep_only(descriptors)
    limit_resources()
    hide(hidden)
    os.chdir(hidden[0])
    drop_privileges()
    forbid_system_calls()
    sys.stdin = sys.stdout = sys.stderr = open(os.devnull, "r+")  # noqa: SIM115


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
