"""What a student reads under a check, in both themes of JupyterLab."""

import pytest

from tests.browser.audit import violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CARDS = """
from IPython.display import display
from course_utils.exercises import check, progress_view
from course_utils.exercises.feedback import Card
import torch

for status in ("untouched", "error", "wrong", "mistake", "right"):
    message = "In line 2 of its cell: surprise = q.log()\\nThe second sentence."
    display(Card(status, "Exercise 3.1 · kl_discrete · 2 points", message))
"""
ATTEMPTS = """
kl_discrete = check("kl_discrete", lambda q, p: (p * (p / q).log()).sum())
kl_discrete = check("kl_discrete", lambda q, p: torch.where(q > 0, q * (q.log() - p.log()), 0.0).sum())
"""


@pytest.fixture(scope="module")
def opened(chromium, lab):
    page = chromium.new_page(viewport={"width": 1280, "height": 1400})
    page.set_default_timeout(60_000)
    lab.open(page, lab.write("feedback.ipynb", [CARDS, ATTEMPTS, "progress_view()"]))
    lab.run_all(page)
    yield page
    lab.shut_down(page)
    page.close()


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"])
def themed(request, opened):
    opened.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", request.param)
    opened.wait_for_selector(f"body[data-jp-theme-name='{request.param}']", state="attached")
    opened.wait_for_timeout(500)
    return opened


def test_cards_and_progress_are_readable(themed):
    assert themed.locator(".jp-OutputArea [role=status]").count() == 7
    assert themed.locator(".jp-OutputArea table caption").count() == 1
    assert violations(themed, within=".jp-OutputArea-output", headings=False) == []


def test_a_card_tells_its_state_in_words(opened):
    cards = opened.locator(".jp-OutputArea [role=status]").all_inner_texts()
    for card, word in zip(
        cards, ("To do", "Error", "Not yet", "A known slip", "Right", "A known slip", "Right"), strict=True
    ):
        assert word in card
    assert "2 of " in opened.locator(".jp-OutputArea caption").inner_text()


def test_the_audit_sees_pale_text_and_a_picture_without_words(themed):
    card = themed.locator(".jp-OutputArea [role=status]").nth(4)
    card.evaluate("card => { card.lastChild.style.color = '#999'; card.append(new Image()) }")
    try:
        found = violations(themed, within=".jp-OutputArea-output", headings=False)
    finally:
        card.evaluate("card => { card.querySelector('img').remove(); card.lastChild.style.color = '' }")
    assert ["The second sentence." in problem or "image-alt" in problem for problem in found] == [True, True]
