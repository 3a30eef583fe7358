"""What an answer was asked and what it gave, written down in the jail and gone through again by the judge.

An observer that runs beside the student's code can be made to say anything: a student may patch it, or write its
arrays himself. So the jail also sends the **trace**: every result the answer gave, and the judge runs the same observer
in its own process, on the same inputs, with a ``Replay`` in the answer's place. All that a student decides, then, is
what the answer returns when it is called; statistics, statements and comparisons are made where he is not.

A replay shows what can be seen of a call: its result and the gradients that go back through it, tensors it changed,
and in which order it called the functions, models and optimizers it was given, with which values. Those are the
judge's own, so that a step taken or a loss computed with them is really one. Where an answer is a class, the calls of
its objects are recorded and replayed in the same way.
"""

from course_utils.grading.tracing.recorder import Recorder
from course_utils.grading.tracing.replay import Replay, ReplayError
from course_utils.grading.tracing.stacks import Trace, copied

__all__ = ["Recorder", "Replay", "ReplayError", "Trace", "copied"]
