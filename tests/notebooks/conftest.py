from dataclasses import dataclass

import pytest

SOURCE = '''\
# %% [markdown] slideshow={"slide_type": "slide"}
# # 3 · A tiny lecture

# %%
def check(exercise_id, answer):
    """Stand in for the engine: never raises, hands on what works."""
    try:
        right = answer(2) == 4
    except NotImplementedError as error:
        print(f"to do: {error}")
        return lambda x: x * x
    print(f"{exercise_id}: {right}")
    return answer if right else (lambda x: x * x)

# %% slideshow={"slide_type": "fragment"} tags=["keep"]
# NBVAL_CHECK_OUTPUT
print(1)

# %%
# NBVAL_CHECK_OUTPUT
print(2)

# %%
# NBVAL_CHECK_OUTPUT
print(3)

# %% [markdown] exercise="square"
# Write `square(x)`.

# %%
def square(x):
    """Return x times x."""
    ### BEGIN SOLUTION
    product = x * x  # a secret way
    return product
    ### END SOLUTION

# %%
square = check("square", square)

# %% [markdown]
# Between.

# %% [markdown] exercise="twice"
# Write `twice(x)`.

# %%
def twice(x):
    ### BEGIN SOLUTION
    doubled = x + x  # another secret way
    return doubled
    ### END SOLUTION

# %%
twice = check("twice", twice)

# %%
# NBVAL_CHECK_OUTPUT
print(square(3))

# %%
# NBVAL_CHECK_OUTPUT
print(2.5)
'''


@dataclass(frozen=True)
class FakeExercise:
    id: str
    lecture: int
    number: str
    title: str = "A title"
    points: float = 2
    minutes: int = 5
    difficulty: int = 2
    hints: tuple[str, ...] = ("Think.", "Think *more*.", "Multiply.")


def fake_definitions():
    exercises = (
        FakeExercise("square", 3, "3.1", title="Squares"),
        FakeExercise("twice", 3, "3.2", points=1, difficulty=1, hints=("Add.",)),
        FakeExercise("elsewhere", 4, "4.1"),
    )
    return {exercise.id: exercise for exercise in exercises}


@dataclass(frozen=True)
class Repository:
    """A repository with one tiny lecture, in a temporary folder."""

    root: object

    @property
    def source(self):
        return self.root / "solutions/03_tiny.py"

    @property
    def complete(self):
        return self.root / "solutions/03_tiny.ipynb"

    @property
    def student(self):
        return self.root / "lectures/03_tiny.ipynb"

    def write(self, *changes):
        """Write the source with each (old, new) text replaced; every old text must be there."""
        text = SOURCE
        for old, new in changes:
            assert text.count(old) >= 1, f"not in the fake source: {old!r}"
            text = text.replace(old, new, 1)
        self.source.write_text(text, encoding="utf-8")
        return self.source

    def bytes(self):
        return {path: path.read_bytes() for path in (self.complete, self.student) if path.exists()}


@pytest.fixture
def definitions():
    return fake_definitions()


@pytest.fixture
def repository(tmp_path):
    for folder in ("solutions", "lectures"):
        (tmp_path / folder).mkdir()
    repository = Repository(tmp_path)
    repository.write()
    return repository


@pytest.fixture(scope="session")
def built_files(tmp_path_factory):
    """The tiny lecture, built once."""
    from course_utils.notebooks import build_lectures

    root = tmp_path_factory.mktemp("built")
    for folder in ("solutions", "lectures"):
        (root / folder).mkdir()
    repository = Repository(root)
    repository.write()
    report = build_lectures(root, definitions=fake_definitions())
    assert report.ok, report.problems
    return repository


@pytest.fixture
def built(built_files, repository):
    """A fresh copy of the built tiny lecture."""
    for path in ("complete", "student"):
        getattr(repository, path).write_bytes(getattr(built_files, path).read_bytes())
    return repository
