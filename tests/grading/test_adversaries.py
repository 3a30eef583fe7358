"""No cheat gains a point, none costs an honest answer in the same notebook, and none touches the next student."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from course_utils.exercises import Verdict
from course_utils.grading.jail import Zygote
from course_utils.grading.judge import grade_notebook
from course_utils.grading.records import Record
from course_utils.grading.reports.feedback import feedback
from tests.grading.adversaries import ADVERSARIES, ENDLESS
from tests.grading.conftest import HONEST, IMPORTS, RIGHT, ROOT, SMALL, SmallLecture

SLOW = {"compiles for ever", "loop", "sleep", "loop in C"}

pytestmark = pytest.mark.timeout(240)


def grade(zygote: Zygote, *cells: str, seed: int = 11) -> dict[str, Verdict]:
    verdicts, _ = grade_notebook(zygote, SMALL, [IMPORTS, *cells], seed)
    return {verdict.exercise_id: verdict for verdict in verdicts}


def test_there_are_enough_of_them() -> None:
    assert len(ADVERSARIES) + len(ENDLESS) >= 60


def test_honest_answers_get_their_points(zygote: Zygote) -> None:
    verdicts = grade(zygote, RIGHT, HONEST)
    assert [verdict.points for verdict in verdicts.values()] == [2.0, 2.0]


@pytest.mark.parametrize("name", ADVERSARIES)
def test_a_cheat_gains_nothing_and_costs_nobody(zygote: Zygote, name: str) -> None:
    began = time.monotonic()
    verdicts = grade(zygote, ADVERSARIES[name], HONEST)
    assert verdicts["kl_discrete"].points == 0, verdicts["kl_discrete"]
    assert verdicts["optimal_gaussian_posterior"].points == 2, verdicts["optimal_gaussian_posterior"]
    assert len(verdicts["kl_discrete"].message) < 4000
    assert time.monotonic() - began < 60
    page = feedback("x", [Record("x", "x", "03_small", "", "", verdicts=tuple(verdicts.values()))])
    assert "<script" not in page
    assert "<img" not in page


@pytest.mark.parametrize("name", ["thread that writes", "daemon that writes", "exit while defining", "crash"])
def test_an_honest_answer_before_a_cheat_keeps_its_points(zygote: Zygote, name: str) -> None:
    verdicts = grade(zygote, HONEST, ADVERSARIES[name])
    assert [verdict.points for verdict in verdicts.values()] == [0.0, 2.0]


def test_the_next_student_is_untouched_and_nothing_is_left(zygote: Zygote) -> None:
    leave = "open('/tmp/left', 'w').write('x'); open('/dev/shm/left', 'w').write('x')"
    look = "import os\nassert not os.path.exists('/tmp/left') and not os.path.exists('/dev/shm/left')\n"
    grade(zygote, leave + ADVERSARIES["daemon that writes"])
    assert grade(zygote, look + RIGHT, HONEST)["kl_discrete"].points == 2
    sandbox = psutil.Process(zygote.process_id)
    deadline = time.monotonic() + 10
    while len(sandbox.children(recursive=True)) > 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(sandbox.children(recursive=True)) <= 2  # bubblewrap's own first process, and the zygote
    assert not Path("/tmp/left").exists()


def test_who_is_graded_beside_a_fork_bomb_can_still_fork(zygote: Zygote) -> None:
    """Limits on processes count per user: were all jails one, a student could use up what another needs."""
    crowd = "import os, time\nfor _ in range(40):\n    try:\n        if os.fork() == 0: time.sleep(30); os._exit(0)\n"
    crowd += "    except OSError:\n        break\ntime.sleep(4)\n"
    busy = (
        "import threading, time\ntime.sleep(1.5)\nthreads = [threading.Thread(target=time.sleep, args=(0.1,))"
        " for _ in range(8)]\nfor thread in threads: thread.start()\nfor thread in threads: thread.join()\n"
    )
    with Zygote() as other, ThreadPoolExecutor() as pool:
        beside = pool.submit(grade, other, crowd + RIGHT, HONEST)
        verdicts = grade(zygote, busy + RIGHT, HONEST)
        crowded = beside.result()
    assert [verdict.points for verdict in verdicts.values()] == [2.0, 2.0]
    assert [verdict.points for verdict in crowded.values()] == [2.0, 2.0]


def test_the_jail_sees_nothing_of_solutions_and_other_students(zygote: Zygote) -> None:
    places = [str(ROOT), str(Path.home()), "/tmp", "/home", "/mnt", "/srv", "/var", "/etc"]
    look = (
        f"import os\nseen = [os.path.join(d, f) for p in {places} for d, _, fs in os.walk(p) for f in fs]\n"
        "def kl_discrete(q, p):\n"
        "    bad = [s for s in seen if 'site-packages' not in s and\n"
        "           (s.endswith('.ipynb') or 'solutions' in s or '/lecture_' in s or 'students' in s)]\n"
        "    raise RuntimeError(f'{len(bad)} of {len(seen)}: {bad[:3]} {os.getuid() == 0} {os.listdir(os.getcwd())}')"
    )
    message = grade(zygote, look)["kl_discrete"].message
    assert "RuntimeError: 0 of " in message, message
    assert "False []" in message, message


def test_a_jail_has_one_small_folder_to_write_to(zygote: Zygote) -> None:
    write = (
        "import os, tempfile, course_utils\nopen('mine', 'w').write('x')\nopen(f'{tempfile.gettempdir()}/too', 'w')\n"
        "def can_write(folder):\n    try:\n        open(f'{folder}/x', 'w')\n        return True\n"
        "    except OSError:\n        return False\n"
        "places = [os.path.dirname(m.__file__) for m in (course_utils, os)] + ['/', '/usr', '/etc', '/dev/shm']\n"
        "seen = os.getcwd(), sorted(os.listdir()), [*map(can_write, places)]\n"
        "def kl_discrete(q, p):\n    raise RuntimeError('%s %s %s' % seen)"
    )
    message = grade(zygote, write)["kl_discrete"].message
    assert f"/tmp ['mine', 'too'] {[False] * 6}" in message, message


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in ENDLESS])
def test_what_never_ends_is_ended(zygote: Zygote, name: str) -> None:
    verdicts = grade(zygote, ENDLESS[name], HONEST)
    assert verdicts["kl_discrete"].points == 0
    assert verdicts["kl_discrete"].status == "error"
    assert verdicts["optimal_gaussian_posterior"].points == 2


def test_a_case_is_never_put_twice(zygote: Zygote) -> None:
    """A crash in the second case does not bring the first one back."""
    count = (
        "import os\nn = 0\ndef kl_discrete(q, p):\n    if len(q) == 400: os._exit(1)\n"
        + "    return (q * (q / p).log()).sum()"
    )
    verdicts = grade(zygote, count, HONEST)
    cases = verdicts["kl_discrete"].cases
    assert [case.passed for case in cases] == [True, False, False, False, False]
    assert verdicts["kl_discrete"].points == pytest.approx(0.4)
    assert verdicts["optimal_gaussian_posterior"].points == 2


def test_what_is_asked_differs_from_seed_to_seed(zygote: Zygote) -> None:
    echo = "def kl_discrete(q, p):\n    raise ValueError(str(q.tolist()))"
    one, other, again = (grade(zygote, echo, seed=seed)["kl_discrete"].message for seed in (1, 2, 1))
    assert one == again != other


def test_an_answer_that_builds_on_a_wrong_one_meets_the_courses_version(zygote: Zygote) -> None:
    """As in the notebook, where the check hands on the course's version; the wrong answer itself gains nothing."""
    lecture = SmallLecture(3, "03_small", (IMPORTS,))
    wrong = "def kl_discrete(q, p):\n    return torch.tensor(7.0)"
    built = (
        HONEST + "\n_own = optimal_gaussian_posterior\ndef optimal_gaussian_posterior(x, w, b, noise_var):\n"
    )
    built += "    half = torch.tensor([0.5, 0.5])\n    assert abs(kl_discrete(half, half)) < 1e-6\n"
    built += "    return _own(x, w, b, noise_var)"
    verdicts, _ = grade_notebook(zygote, lecture, [IMPORTS, wrong, built], 3)
    assert [verdict.points for verdict in verdicts] == [0.0, 2.0]
