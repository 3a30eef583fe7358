"""Nothing outside a test decides which data it sees."""

import pytest


@pytest.fixture(autouse=True)
def no_course_variables(monkeypatch):
    for variable in ("COURSE_DATASET", "COURSE_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
