"""An audit of what is on a page, by axe-core and for the contrast by ourselves, as a list of sentences."""

from importlib.resources import files
from pathlib import Path
from typing import Any

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
IN_ORDER = ["heading-order", "empty-heading", "image-redundant-alt", "tabindex"]  # of axe's best practices


def violations(
    page: Any, *, within: str | None = None, but: tuple[str, ...] = (), headings: bool = True
) -> list[str]:
    """Run axe over the visible page, or over what matches ``within``; ``but`` names rules that are left out."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    on = {rule: {"enabled": headings} for rule in IN_ORDER} | {
        rule: {"enabled": False} for rule in (*but, "color-contrast")
    }
    options = {
        "runOnly": {"type": "tag", "values": RULES},
        "rules": on,
        "resultTypes": ["violations"],
        "preload": False,
    }
    found = page.evaluate(
        "([within, options]) => axe.run({include: [within], exclude: [['mjx-container']]}, options)",
        [within or "html", options],
    )
    return page.evaluate(CONTRAST, within or "body") + [
        f"{problem['id']}: {node['html'][:200]} ({node['failureSummary'].splitlines()[-1].strip()[:200]})"
        for problem in found["violations"]
        for node in problem["nodes"]
    ]
