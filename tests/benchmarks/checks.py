"""How long a student waits for the check of an exercise."""

from course_utils.exercises import exercise_ids
from course_utils.exercises.catalogue import get_exercise
from course_utils.exercises.evaluation import evaluate
from tests.benchmarks.frame import Table, median, take_turns


def run(rounds: int = 5) -> Table:
    table = Table(
        "Checks",
        "`evaluate` on the reference, which goes through every case, and on the first wrong answer, which is held "
        f"against the known mistakes as well; {rounds} rounds after one that is not counted. The goal is well under a "
        "second.",
        ("exercise", "right answer, CPU ms", "wrong answer, CPU ms"),
    )
    for name in exercise_ids():
        exercise = get_exercise(name)
        answers = {"right": exercise.reference, "wrong": exercise.mistakes[0].answer}
        contenders = {key: lambda a=answer, n=name: evaluate(n, a) for key, answer in answers.items()}
        take_turns(contenders, 1)
        samples = take_turns(contenders, rounds)
        table.rows.append(
            (name, *(median([s.cpu for s in own], unit=1000, digits=0) for own in samples.values()))
        )
    return table
