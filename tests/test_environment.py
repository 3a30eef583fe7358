"""pyproject.toml, constraints.txt and environment.yml say the same; the package lists what it needs."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch"}
BROUGHT_BY_JUPYTERLAB = {
    "ipython",
    "ipykernel",
    "jupyter-client",
    "jupyter-core",
    "traitlets",
    "packaging",
}
IMPORT_NAMES = {"sklearn": "scikit-learn", "PIL": "pillow", "yaml": "pyyaml"}


def declared() -> dict[str, Requirement]:
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *extras["instructor"], *extras["cluster"], *extras["dev"]]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


def pinned() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    pairs = [line.split("==") for line in lines]
    return {re.sub(r"[-_.]+", "-", name).lower(): Version(version) for name, version in pairs}


def test_every_declared_package_is_pinned_inside_its_range() -> None:
    pins = pinned()
    for name, requirement in declared().items():
        assert requirement.specifier.contains(pins[name]), name


def test_what_is_installed_is_what_is_pinned() -> None:
    for name in declared():
        installed = Version(metadata.version(name)).public
        assert installed == str(pinned()[name]), f"{name}: run `make setup`"


def test_conda_lists_the_same_ranges() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *listed, by_pip = environment["dependencies"]
    listed += [line for line in by_pip["pip"] if not line.startswith("--")]
    conda = {requirement.name: str(requirement.specifier) for requirement in map(Requirement, listed)}
    assert conda.pop("python") == PROJECT["requires-python"]
    assert conda.pop("pip") == ""
    assert conda == {CONDA_NAMES.get(name, name): str(r.specifier) for name, r in declared().items()}


def test_every_direct_dependency_is_justified() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name in declared():
        assert re.search(rf"^\| `{name}` \| .{{10,}} \|$", contributing, re.MULTILINE), name


def test_the_package_imports_nothing_it_does_not_declare() -> None:
    allowed = {*declared(), *BROUGHT_BY_JUPYTERLAB, "course-utils"}
    files = sorted((ROOT / "course_utils").rglob("*.py"))
    assert len(files) > 40
    for file in files:
        for module in imported(file):
            if module not in sys.stdlib_module_names:
                name = IMPORT_NAMES.get(module, module).replace("_", "-").lower()
                assert name in allowed, f"{file.relative_to(ROOT)} imports {module}"


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_reading_notebooks_loads_no_compiler_of_grammars() -> None:
    """jsonschema 4.25 begins by compiling 39 of them (its issue 1428), at every start of JupyterLab and of a test."""
    code = "import sys, nbformat, jupyter_events\nprint('lark' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, course_utils, course_utils.exercises, course_utils.training, course_utils.data\n"
        "heavy = {'torchvision', 'matplotlib', 'sklearn', 'ipywidgets', 'nbgrader', 'pandas', 'IPython'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
