"""The ``course`` command: what it says and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from course_utils.exercises import exercise_ids


def course(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from course_utils.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_progress_lists_every_exercise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    run = course("progress")
    assert run.returncode == 0
    lines = run.stdout.splitlines()
    assert [line.split()[2] for line in lines[:-1]] == exercise_ids()
    assert lines[-1].startswith("0 of ")


def test_an_unknown_lecture_is_one_sentence(tmp_path: Path) -> None:
    run = course("build", "99", "--root", str(Path(__file__).parents[1]))
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1
    assert "99" in run.stderr


def test_no_command_shows_the_commands() -> None:
    run = course()
    assert "build" in run.stdout + run.stderr
    assert "progress" in run.stdout + run.stderr


def test_the_command_starts_without_torch() -> None:
    """Which takes seconds to import, and is not needed to say what the commands are, or to write slides."""
    code = "import sys, course_utils.cli, course_utils.presenting.slides; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
