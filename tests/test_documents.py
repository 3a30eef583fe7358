"""README and CONTRIBUTING name only what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


@each_document
def test_make_targets_exist(document: Path) -> None:
    named = set(re.findall(r"`?make ([a-z]+)", document.read_text(encoding="utf-8")))
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"lab", "test"} & named
    assert named <= set(targets)


def test_every_lecture_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    sources = sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))
    assert len(sources) >= 5
    for source in sources:
        assert f"lectures/{source.stem}.ipynb" in text, source.stem
