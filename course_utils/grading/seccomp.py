"""A filter of system calls for the jail: what a model's arithmetic never needs, the kernel refuses.

Namespaces already keep a jail from others; the filter takes the tools away with which kernels have been broken out of:
sockets, new namespaces, mounts, tracing, keys, starting programs. Where the machine's kind is not known, there is none.
"""

import ctypes
import errno
import os
import platform

# Numbers from the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h).
_X86_64 = {
    "socket": 41, "socketpair": 53, "execve": 59, "ptrace": 101, "syslog": 103, "personality": 135,
    "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169,
    "init_module": 175, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298,
    "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313,
    "bpf": 321, "execveat": 322, "userfaultfd": 323,
}  # fmt: skip
_AARCH64 = {
    "umount2": 39, "mount": 40, "pivot_root": 41, "chroot": 51, "unshare": 97, "init_module": 105, "syslog": 116,
    "ptrace": 117, "personality": 92, "reboot": 142, "socket": 198, "socketpair": 199, "add_key": 217,
    "request_key": 218, "keyctl": 219, "execve": 221, "swapon": 224, "perf_event_open": 241, "open_by_handle_at": 265,
    "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "execveat": 281,
    "userfaultfd": 282,
}  # fmt: skip
_NEWER = 424  # from here on numbered alike everywhere: io_uring, pidfd_getfd, clone3, ...; glibc falls back without
_NEW_NAMESPACES = 0x7E020000  # the flags of clone that make any

_MACHINES = {"x86_64": (0xC000003E, 56, _X86_64), "aarch64": (0xC00000B7, 220, _AARCH64)}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where the kernel's struct seccomp_data has them


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def forbid_system_calls() -> None:
    """Install the filter for this process and all it starts; it cannot be taken off again."""
    if platform.machine() not in _MACHINES:
        return
    code = _filter(*_MACHINES[platform.machine()])
    program = _Program(len(code), (_Instruction * len(code))(*code))
    if ctypes.CDLL(None, use_errno=True).prctl(22, 2, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")


def _filter(architecture: int, clone: int, forbidden: dict[str, int]) -> list[_Instruction]:
    refuse = _Instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM)
    code = [
        _Instruction(_LOAD, 0, 0, _ARCHITECTURE),
        _Instruction(_EQUAL, 1, 0, architecture),
        _Instruction(_RETURN, 0, 0, _KILL),
        _Instruction(_LOAD, 0, 0, _NUMBER),
        # x86-64's second set of numbers (x32, bit 30) lies above, too
        _Instruction(_AT_LEAST, 0, 1, _NEWER),
        _Instruction(_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    for number in forbidden.values():
        code += [_Instruction(_EQUAL, 0, 1, number), refuse]
    code += [
        _Instruction(_EQUAL, 0, 3, clone),
        _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT),
        _Instruction(_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        refuse,
    ]
    return [*code, _Instruction(_RETURN, 0, 0, _ALLOW)]
