"""The judge's side of a jail: put a question, take the answer as hostile bytes, and never wait longer than agreed."""

import json
import os
import secrets
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from course_utils.exercises.evaluation import Outcome
from course_utils.grading.processors import processors
from course_utils.grading.sandbox import NoSandboxError, start_zygote
from course_utils.grading.wire import Channel, WireError

SECONDS_PER_CELL = 12.0
"""The jail interrupts a cell after 8 seconds itself; what then goes on is killed."""
SECONDS_PER_CASE = 8.0
"""Likewise: an answer is interrupted after 5 seconds."""
SECONDS_TO_FORK = 30.0

MAX_MESSAGE, MAX_PRINTED = 2000, 400
TROUBLES = (None, "untouched", "error", "too slow")


@dataclass
class Used:
    """What a jail used up: seconds of CPU, the largest process in bytes, and whether it was ended for its memory."""

    cpu: float = 0.0
    peak: int = 0
    too_much_memory: bool = False


class Zygote:
    """One sandbox, from which jails are forked one after the other; a context manager.

    Raises: NoSandboxError where none can be had.
    """

    def __init__(self, *, confined: bool = True) -> None:
        self._confined = confined
        self._process, self._control = start_zygote(confined=confined)

    @property
    def process_id(self) -> int:
        """The sandbox's process."""
        return self._process.pid

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox, and everything in it."""
        self._control.close()
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """A new sandbox in place of this one."""
        self.close()
        self._process, self._control = start_zygote(confined=self._confined)

    def jail(self) -> "Jail":
        """Fork a jail, on the processors of this thread."""
        questions, ours = os.pipe()
        back, answers = os.pipe()
        try:
            socket.send_fds(self._control, [json.dumps(processors()).encode()], [questions, answers])
        finally:
            os.close(questions)
            os.close(answers)
        return Jail(self, Channel(back, ours))

    def stop(self) -> Used:
        """Kill what is left of the present jail, and tell what it used."""
        self._control.settimeout(SECONDS_TO_FORK)
        try:
            self._control.send(b"stop")
            told = json.loads(self._control.recv(4096))
            return Used(told["cpu"], told["peak"], told["too_much_memory"])
        except (OSError, ValueError):
            self.restart()
            return Used()
        finally:
            self._control.settimeout(None)


class Jail:
    """A conversation with one jail; a context manager that leaves nothing of it behind."""

    def __init__(self, zygote: Zygote, channel: Channel) -> None:
        self._zygote, self._channel = zygote, channel
        self.used = Used()
        self.token = secrets.token_hex(8)
        self._is_new = True  # no student's code has run yet, so what it says is our own

    def __enter__(self) -> "Jail":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.used = self._zygote.stop()
        self._channel.close()

    def ask(self, message: Any) -> None:
        """Send something; raises WireError if nobody is there."""
        self._channel.send(message)

    def hear(self, seconds: float) -> dict[str, Any]:
        """What the jail says next; raises WireError for nonsense, silence and death, NoSandboxError for no jail."""
        message = self._channel.receive(seconds)
        if isinstance(message, dict) and "broken" in message and self._is_new:
            raise NoSandboxError(f"The sandbox starts, but no jail in it: {str(message['broken'])[:200]}")
        self._is_new = False
        if not isinstance(message, dict):
            raise WireError("what was sent is no message")
        return message

    def hear_of(self, kind: str, seconds: float) -> dict[str, Any]:
        """What the jail's own part says about ``kind`` or about a cell: it knows the token it was given.

        Whatever else comes, a student's code has written, and it is the present cell or exercise that did it.
        Raises: WireError.
        """
        message = self.hear(seconds)
        if message.get("token") != self.token or not {kind, "cell"} & message.keys():
            raise WireError("something else was sent")
        return message

    def observe(self, observer: str, inputs: Any) -> tuple[Outcome, Any]:
        """One case of an exercise, put to the answer: whether there was trouble, and the trace, unchecked.

        Raises: WireError.
        """
        self.ask({"observer": observer, "inputs": inputs})
        message = self.hear(SECONDS_PER_CASE)
        return read_outcome(message), message.get("trace")


def read_outcome(message: dict[str, Any]) -> Outcome:
    """What a jail says about a case, each part of it checked; the arrays are the judge's business.

    Raises: WireError.
    """
    match message:
        case {
            "trouble": None | str() as trouble,
            "message": str(text),
            "printed": str(printed),
            "n_printed": int(n_printed),
        } if trouble in TROUBLES:
            n_printed = min(max(n_printed, 0), 10**12)
            return Outcome(None, trouble, text[:MAX_MESSAGE], printed[:MAX_PRINTED], n_printed)
    raise WireError("what was sent is no outcome")
