"""Lectures in JupyterLab as students have them: all cells are run, every slider is moved, pictures follow."""

import shutil

import pytest

from tests.browser.audit import violations
from tests.browser.conftest import ROOT
from tests.browser.moves import PICTURE, move_everything

QUICK = "04_gaussian_kl"  # is run by every `make test`, the others by `make slow`
LECTURES = sorted((ROOT / "lectures").glob("[0-9][0-9]_*.ipynb"))
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    "lecture",
    [pytest.param(p, marks=() if p.stem == QUICK else pytest.mark.slow, id=p.stem) for p in LECTURES],
)
def test_a_lecture_runs_and_moves_as_a_student_sees_it(page, lab, lecture):
    shutil.copy(lecture, lab.folder)
    page.set_viewport_size({"width": 1280, "height": 1000})
    lab.open(page, lecture.name)
    lab.run_all(page, timeout=300)
    for kind in ("error", "stderr"):
        assert page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']").all_inner_texts() == []
    assert (
        page.evaluate("[...document.querySelectorAll('.jp-OutputArea img')].filter((i) => !i.alt).length")
        == 0
    )
    interactive = page.locator(".jp-CodeCell").filter(has=page.locator(".widget-vbox"))
    assert interactive.count() >= 1, "no interactive part"
    for cell in interactive.all():
        cell.locator(PICTURE).first.wait_for()
        cell.scroll_into_view_if_needed()
        move_everything(cell)
    assert violations(page, within=".jp-OutputArea-output", headings=False) == []
    assert page.foreign == []
    lab.shut_down(page)
