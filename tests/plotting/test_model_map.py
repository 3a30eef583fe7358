"""The map of generative models: complete, legible, and in agreement with the curriculum."""

import re

from matplotlib.figure import Figure

from course_utils.plotting import check_alt
from course_utils.plotting.model_map import ABILITIES_ALT, FAMILIES, MAP_ALT, TREE, draw_abilities, draw_map


def lectures(text: str) -> set[int]:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return set(range(numbers[0], numbers[-1] + 1)) if numbers else set()


def test_every_lecture_is_on_the_map_and_in_the_table() -> None:
    on_the_map = set().union(*(lectures(branch.lectures) for branch in TREE.values()))
    in_the_table = set().union(*(lectures(family.lectures) for family in FAMILIES))
    assert on_the_map == in_the_table == set(range(1, 13))


def test_every_branch_hangs_from_one_further_left() -> None:
    for branch in TREE.values():
        if branch.parent:
            parent = TREE[branch.parent]
            assert parent.x + parent.width < branch.x


def test_no_text_leaves_its_box_or_overlaps_another() -> None:
    for figure in (draw_map(), draw_abilities()):
        figure.draw_without_rendering()
        # A badge sits on the edge of its box, and never on the text inside.
        boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
        for i, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_all_text_is_readable_on_a_projector() -> None:
    for figure in (draw_map(), draw_abilities()):
        assert isinstance(figure, Figure)
        assert min(text.get_fontsize() for text in figure.axes[0].texts) >= 12


def test_alt_texts_say_what_there_is() -> None:
    for alt in (MAP_ALT, ABILITIES_ALT):
        check_alt(alt)
