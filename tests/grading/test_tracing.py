"""A trace shows the judge what the observer saw, for every exercise; and arrays from another seed prove nothing."""

from dataclasses import replace

import pytest
import torch

from course_utils.exercises import exercise_ids, get_exercise
from course_utils.exercises.definition import Exercise
from course_utils.exercises.evaluation import Outcome, judge, observe
from course_utils.grading.judge import replay
from course_utils.grading.tracing import Recorder
from course_utils.grading.tracing.stacks import stacked
from course_utils.grading.wire import decode, encode

REPLAYED = exercise_ids()


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """The first use of torch.func imports for seconds on a busy machine, and an answer has five."""
    torch.func.grad(torch.sum)(torch.ones(2))


def traced(exercise: Exercise, answer: object, seed: int) -> list[Outcome]:
    """Outcomes as the grader sees them: observed in the jail, replayed from what came over the wire."""
    outcomes = []
    for case in exercise.cases:
        recorder = Recorder(answer)
        outcome = observe(recorder, case.observe, exercise.inputs(case, seed))
        if not outcome.trouble:
            trace = decode(*encode(recorder.trace()))
            outcome = replay(trace, case, exercise.inputs(case, seed))
        outcomes.append(outcome)
    return outcomes


def test_all_exercises_are_replayed() -> None:
    assert len(REPLAYED) >= 28


@pytest.mark.parametrize("exercise_id", REPLAYED)
def test_every_case_can_be_replayed(exercise_id: str) -> None:
    exercise = get_exercise(exercise_id)
    seen = [observe(exercise.reference, case.observe, exercise.inputs(case, 3)) for case in exercise.cases]
    for outcome, again in zip(seen, traced(exercise, exercise.reference, seed=3), strict=True):
        assert outcome.arrays is not None
        assert again.arrays is not None
        assert outcome.arrays.keys() == again.arrays.keys()
        for name, array in outcome.arrays.items():
            torch.testing.assert_close(again.arrays[name], array, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("exercise_id", REPLAYED)
def test_right_answers_are_as_right_in_a_replay(exercise_id: str) -> None:
    exercise = get_exercise(exercise_id)
    for answer in exercise.accepted:
        direct = [observe(answer, case.observe, exercise.inputs(case, 5)) for case in exercise.cases]
        assert judge(exercise, traced(exercise, answer, seed=5), 5) == judge(exercise, direct, 5)


@pytest.mark.parametrize("exercise_id", REPLAYED)
def test_a_mistake_is_recognised_in_a_replay(exercise_id: str) -> None:
    exercise = get_exercise(exercise_id)
    mistake = exercise.mistakes[0]
    direct = [observe(mistake.answer, case.observe, exercise.inputs(case, 5)) for case in exercise.cases]
    seen, wanted = judge(exercise, traced(exercise, mistake.answer, seed=5), 5), judge(exercise, direct, 5)
    assert (seen.points, seen.status, seen.mistake) == (wanted.points, wanted.status, wanted.mistake)


@pytest.mark.parametrize("exercise_id", REPLAYED)
def test_results_made_for_other_inputs_earn_nothing(exercise_id: str) -> None:
    """The best that a forger can do who does not look at what he is asked."""
    exercise = get_exercise(exercise_id)
    outcomes = []
    for case in exercise.cases:
        recorder = Recorder(exercise.reference)
        observe(recorder, case.observe, exercise.inputs(case, 1001))
        outcomes.append(replay(recorder.trace(), case, exercise.inputs(case, 2002)))
    verdict = judge(exercise, outcomes, 2002)
    if exercise_id not in SAME_FOR_ALL_SEEDS:
        assert verdict.points == 0, verdict


SAME_FOR_ALL_SEEDS = {"misprints", "find_the_bug"}
"""Questions with one answer, which whoever knows it may give."""


@pytest.mark.parametrize("exercise_id", ["kl_monte_carlo", "score_function_gradient", "reparameterize"])
def test_a_trace_that_is_too_short_is_an_error(exercise_id: str) -> None:
    """How often an answer is called depends on what it gives, but it is the judge who says when that is enough."""
    exercise = get_exercise(exercise_id)
    for case in exercise.cases:
        recorder = Recorder(exercise.reference)
        observe(recorder, case.observe, exercise.inputs(case, 7))
        calls = recorder._calls
        assert replay(stacked(calls), case, exercise.inputs(case, 7)).trouble is None
        for n in {0, 1, len(calls) // 2, len(calls) - 1} - {len(calls)}:
            outcome = replay(stacked(calls[:n]), case, exercise.inputs(case, 7))
            assert outcome.arrays is None
            assert outcome.trouble == "error"


def test_a_wrong_answer_gains_nothing_by_being_called_seldom() -> None:
    """Calls are saved on what is clearly right only; who is not gets asked until the end, and sends less in vain."""
    exercise = get_exercise("kl_monte_carlo")
    case = exercise.cases[0]

    def too_large(*arguments: object) -> tuple[torch.Tensor, torch.Tensor]:
        estimate, error = exercise.reference(*arguments)
        return estimate, 1.3 * error

    recorder = Recorder(too_large)
    inputs = exercise.inputs(case, 3)
    observe(recorder, case.observe, inputs)
    assert len(recorder._calls) == inputs["_most"] + 2
    first = recorder._calls[: inputs["_first"] + 2]
    assert replay(stacked(first), case, inputs).trouble == "error"


CALL = {"on": [None, "__call__"], "steps": [], "own": [], "made": None, "gradients": [], "drew": False} | {
    "with_graph": [False],
    "result": 1.0,
}


@pytest.mark.parametrize(
    "trace",
    [
        None,
        [],
        {},
        {"runs": 3},
        {"runs": []},
        {"runs": [{}]},
        {"runs": [{"form": "\0tensor", "n": 10**12, "columns": []}]},
        {"runs": [{"form": "\0tensor", "n": 2, "columns": [torch.ones(3)]}]},
        {"runs": [{"form": {**CALL, "on": [0, "encode"]}, "n": 1, "columns": []}]},
        {"runs": [{"form": {**CALL, "steps": [["set", [[9, "value", 1.0]]]]}, "n": 1, "columns": []}]},
        {"runs": [{"form": {**CALL, "steps": [["set", [[0, "data", 1.0]]]]}, "n": 1, "columns": []}]},
        {"runs": [{"form": {**CALL, "steps": [["exec", "1"]]}, "n": 1, "columns": []}]},
        {"runs": [{"form": {**CALL, "made": {"parameters": [[[1.0], [2**40]]]}}, "n": 1, "columns": []}]},
    ],
)
def test_a_trace_that_does_not_fit_is_an_error_of_the_answer(trace: object) -> None:
    exercise = get_exercise("kl_discrete")
    case = exercise.cases[0]
    outcome = replay(trace, case, exercise.inputs(case, 1))
    assert outcome.arrays is None
    assert outcome.trouble == "error"


def test_a_change_of_an_argument_through_its_data_is_seen() -> None:
    exercise = get_exercise("kl_discrete")

    def careless(q: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        result = exercise.reference(q.clone(), p.clone())
        q.data.mul_(2)
        return result

    verdict = judge(exercise, traced(exercise, careless, seed=2), 2)
    assert "left as they were" in verdict.message


def test_recording_changes_no_outcome() -> None:
    exercise = get_exercise("reparameterize")
    for case in exercise.cases:
        inputs = exercise.inputs(case, 4)
        alone = observe(exercise.reference, case.observe, inputs)
        recorded = observe(Recorder(exercise.reference), case.observe, inputs)
        assert alone.arrays.keys() == recorded.arrays.keys()
        for name, array in alone.arrays.items():
            assert torch.equal(array, recorded.arrays[name]), name
        assert replace(alone, arrays=None) == replace(recorded, arrays=None)
