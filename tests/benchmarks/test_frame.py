import time
from itertools import pairwise

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import frame


def test_contenders_take_turns_and_the_first_to_go_changes():
    order = []
    contenders = {name: lambda n=name: order.append(n) for name in "abc"}
    samples = frame.take_turns(contenders, 3)
    assert "".join(order) == "abcbcacab"
    assert {name: len(own) for name, own in samples.items()} == {"a": 3, "b": 3, "c": 3}


def test_apart_nothing_is_shared_and_time_is_that_of_the_contender():
    state = []

    def idle():
        assert state == []  # what the other did is not seen here
        time.sleep(0.2)

    def busy():
        state.append(1)
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    samples = frame.take_turns_apart({"busy": busy, "idle": idle}, 2)
    assert [len(own) for own in samples.values()] == [2, 2]
    assert state == []
    assert all(sample.cpu >= 0.2 for sample in samples["busy"])
    assert all(sample.cpu < 0.1 and sample.wall >= 0.2 for sample in samples["idle"])


def test_sleeping_is_wall_time_and_not_cpu_time():
    sample = frame.measure(lambda: time.sleep(0.2))
    assert sample.wall >= 0.2
    assert sample.cpu < 0.1


def test_medians_show_their_spread_and_ratios_are_taken_within_rounds():
    assert frame.median([0.003, 0.001, 0.002], unit=1000, digits=0) == "2 (1 to 3)"
    # a machine that is ten times slower in the second round does not change the ratio
    assert frame.ratio([1.0, 10.0], [2.0, 20.0]) == "50.0 (50.0 to 50.0) %"


def test_a_table_is_markdown():
    table = frame.Table("Title", "A note.", ("what", "s"), [("a", "1")])
    assert table.markdown() == "## Title\n\nA note.\n\n| what | s |\n| --- | ---: |\n| a | 1 |\n"


def test_every_benchmark_has_a_file_and_unknown_names_are_refused(capsys):
    from pathlib import Path

    files = {path.stem for path in Path(command.__file__).parent.glob("*.py")}
    beside = {"__init__", "__main__", "by_hand", "frame", "test_by_hand", "test_frame", "usual"}
    assert files == {*command.BENCHMARKS, *beside}
    assert command.main(["no_such"]) == 2
    assert "There is no benchmark no_such; there are imports" in capsys.readouterr().err


def test_what_cannot_be_measured_is_said_and_nothing_is_written(capsys, monkeypatch):
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    before = command.RESULTS.read_bytes() if command.RESULTS.exists() else None
    assert command.main(["training_loop"]) == 0
    assert "Not measured: COURSE_DATA_DIR names no folder" in capsys.readouterr().out
    assert (command.RESULTS.read_bytes() if command.RESULTS.exists() else None) == before


def test_a_benchmark_that_breaks_does_not_cost_the_others(capsys, monkeypatch):
    from tests.benchmarks import imports, training_loop

    monkeypatch.setattr(imports, "run", lambda: 1 / 0)
    monkeypatch.setattr(training_loop, "run", lambda: frame.Table("After", "It ran.", ("what", "s")))
    assert command.main(["imports", "training_loop"]) == 1
    out, err = capsys.readouterr()
    assert "Not measured: division by zero" in out
    assert "## After" in out
    assert "ZeroDivisionError" in err


def test_the_machine_is_described_without_its_name():
    import platform

    description = frame.machine()
    assert "torch " in description
    if platform.node():
        assert platform.node() not in description.split()


@pytest.mark.parametrize("n", [1, 5, 20])
def test_controls_are_moved_without_standing_still(n):
    from course_utils.widgets import choice, player, slider
    from tests.benchmarks.widgets import _values

    for control in (
        slider(0, 3, 0, 1, "n"),
        slider(-1.0, 1.0, -1.0, 0.1, "x"),
        choice("ab", "c"),
        player(4, "frame"),
    ):
        values = [control.value, *_values(control, n)]
        assert len(values) == n + 1
        assert all(a != b for a, b in pairwise(values))
