"""The misprint hunt of lecture 4: what a student is told for each of the 64 possible answers."""

from itertools import chain, combinations

import pytest

from course_utils.exercises import evaluate, get_exercise
from course_utils.exercises.lecture_04.misprints import LETTERS, misprints

ANSWERS = [
    set(answer) for answer in chain.from_iterable(combinations(LETTERS, n) for n in range(len(LETTERS) + 1))
]


def verdict_on(answer: object):
    return evaluate("misprints", lambda: answer)


def test_only_the_three_wrong_formulas_pass_and_no_other_answer_earns_a_point() -> None:
    assert len(ANSWERS) == 64
    for answer in ANSWERS:
        verdict = verdict_on(answer)
        assert verdict.passed == (answer == misprints()), answer
        assert verdict.points == (3 if verdict.passed else 0), answer


def test_every_wrong_answer_is_told_why() -> None:
    for answer in ANSWERS:
        verdict = verdict_on(answer)
        assert verdict.passed or verdict.status == "mistake", answer


def test_the_formula_that_is_named_is_one_the_student_got_wrong() -> None:
    for answer in ANSWERS:
        name = verdict_on(answer).mistake
        if name and name.startswith(("marked_", "missed_")):
            letter = name[-1]
            assert (letter in answer) == name.startswith("marked_"), answer
            assert (letter in misprints()) != (letter in answer), answer


def test_no_sentence_names_the_letter_of_another_formula() -> None:
    single = [m for m in get_exercise("misprints").mistakes if m.name.startswith(("marked_", "missed_"))]
    assert len(single) == len(LETTERS)
    for mistake in single:
        words = mistake.sentence.replace(":", " ").replace(",", " ").split()
        assert {word for word in words if word in set(LETTERS)} == {mistake.name[-1]}


def test_a_wrong_verdict_does_not_show_the_answer() -> None:
    verdict = verdict_on({"A", "B", "C"})
    assert all("True" not in case.difference and "False" not in case.difference for case in verdict.cases)


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ({"B", "G"}, "names 'G'"),
        (None, "returns None"),
        (3, "a int where a set of letters is expected"),
        ({"A": True}, "a dict where a set of letters is expected"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(answer: object, part: str) -> None:
    verdict = verdict_on(answer)
    assert verdict.status == "error"
    assert part in verdict.message
