"""Judge and jail share a processor while a notebook is graded, and only then."""

import os

import pytest

from course_utils.grading.jail import Zygote
from course_utils.grading.judge import grade_notebook
from course_utils.grading.processors import one_processor, processors, use_processors
from tests.grading.conftest import HONEST, IMPORTS, SMALL

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no such setting on this system"),
    pytest.mark.timeout(120),
]
TELLS = """
def kl_discrete(q, p):
    import os
    raise ValueError(f"processors {sorted(os.sched_getaffinity(0))}")
"""


def test_one_processor_inside_and_all_again_afterwards() -> None:
    before = processors()
    with one_processor():
        assert len(processors()) == 1
        assert set(processors()) <= set(before)
    assert processors() == before
    with pytest.raises(KeyError), one_processor():
        raise KeyError
    assert processors() == before


def test_a_jail_runs_where_its_judge_does(zygote: Zygote) -> None:
    before = processors()
    try:
        for processor in before:
            use_processors([processor])
            verdicts, _ = grade_notebook(zygote, SMALL, [IMPORTS, TELLS, HONEST], 0)
            assert f"processors [{processor}]" in verdicts[0].message
            assert verdicts[1].passed
    finally:
        use_processors(before)
