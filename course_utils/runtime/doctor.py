"""What ``course doctor`` looks at: everything that a notebook, a check or a grade needs.

:func:`examine` only looks: it downloads nothing, changes nothing and never raises for what it
finds. :func:`report` turns the findings into plain words.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from course_utils.runtime.errors import CourseError

_PROJECT = "course-utils"
_OLDEST_PYTHON = (3, 11)
_CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"  # beside an editable install


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name, one or two words.
        ok: True if it is as it should be.
        detail: what was found.
        advice: what to do about it, one sentence; empty if nothing is to be done.
        needed: True if the lectures need it; False if only some do, or only instructors.
    """

    what: str
    ok: bool
    detail: str
    advice: str = ""
    needed: bool = True


def examine() -> list[Finding]:
    """Look at the installation, in the order in which things depend on each other. Takes a few seconds."""
    looks: Sequence[tuple[str, Callable[[], Iterable[Finding]]]] = (
        ("python", _python),
        ("packages", _packages),
        ("device", _device),
        ("torchvision", _torchvision),
        ("data", _data),
        ("kernel", _kernel),
        ("widgets", _widgets),
        ("sandbox", _sandbox),
        ("browser", _browser),
    )
    findings: list[Finding] = []
    for what, look in looks:
        try:
            findings.extend(look())
        except CourseError as error:
            findings.append(Finding(what, False, "not usable as it is", str(error)))
        except Exception as error:  # a doctor who faints helps nobody
            findings.append(
                Finding(
                    what, False, f"{type(error).__name__}: {error}", "install the course again: make setup"
                )
            )
    return findings


def report(findings: Sequence[Finding]) -> str:
    """The findings as text, one paragraph each and a verdict at the end.

    A line starts with ``ok``, with ``--`` where something optional is missing, or with ``!!`` where
    the lectures need something that is not right; an arrow leads to what to do.
    """
    width = max((len(finding.what) for finding in findings), default=0)
    lines = []
    for finding in findings:
        mark = "ok" if finding.ok else "!!" if finding.needed else "--"
        margin = " " * (width + 5)
        lines.append(_wrap(f"{mark} {finding.what:<{width}}  ", margin, finding.detail))
        if finding.advice:
            lines.append(_wrap(f"{margin}-> ", f"{margin}   ", finding.advice))
    wrong = sum(finding.needed and not finding.ok for finding in findings)
    optional = sum(not finding.needed and not finding.ok for finding in findings)
    if wrong:
        verdict = f"{wrong} thing{'s need' if wrong > 1 else ' needs'} your attention (!!)."
    else:
        verdict = "Everything the lectures need is here."
    if optional:
        verdict += f" {optional} optional thing{'s are' if optional > 1 else ' is'} missing (--)."
    return "\n".join([*lines, "", verdict])


def healthy(findings: Sequence[Finding]) -> bool:
    """True if everything the lectures need is right; what is optional may be missing."""
    return all(finding.ok or not finding.needed for finding in findings)


def _wrap(first: str, rest: str, text: str) -> str:
    return textwrap.fill(
        text,
        100,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _python() -> Iterable[Finding]:
    version = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding("python", False, version, "install Python 3.11 or later and run make setup again")
    else:
        yield Finding("python", True, version)


def _packages() -> Iterable[Finding]:
    from packaging.requirements import Requirement

    try:
        requirements = [Requirement(text) for text in metadata.requires(_PROJECT) or []]
    except metadata.PackageNotFoundError:
        yield Finding("packages", False, "the course itself is not installed", "run make setup")
        return
    direct = [item for item in requirements if item.marker is None or item.marker.evaluate({"extra": ""})]
    wrong = []
    for requirement in direct:
        found = _installed(requirement.name)
        if found is None:
            wrong.append(f"{requirement.name} is missing (needs {requirement.specifier})")
        elif not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found} (needs {requirement.specifier})")
    if wrong:
        advice = "run make setup, or: pip install -c constraints.txt -e ."
        yield Finding("packages", False, "; ".join(wrong), advice)
    else:
        versions = ", ".join(f"{item.name} {_installed(item.name)}" for item in direct)
        yield Finding("packages", True, versions)
    yield from _pins()


def _pins() -> Iterable[Finding]:
    """Compare with the versions the tests were run with; other versions may work, untested."""
    if not _CONSTRAINTS.is_file():
        return
    differing = []
    for line in _CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        pin = re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)\s*(?:#.*)?$", line)
        if pin is None:
            continue
        found = _installed(pin[1])
        # "2.13.0+cpu" is a build of 2.13.0. A pinned package that is absent is another extra's.
        if found is not None and found.partition("+")[0] != pin[2].partition("+")[0]:
            differing.append(f"{pin[1]} {found} (tested: {pin[2]})")
    if differing:
        yield Finding(
            "tested versions",
            False,
            "; ".join(differing),
            "if something misbehaves, install the tested versions: make setup",
            needed=False,
        )
    else:
        yield Finding("tested versions", True, "every installed package is the version the tests ran with")


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _device() -> Iterable[Finding]:
    import torch

    from course_utils.runtime.hardware import DEVICE_VARIABLE, device

    chosen = device()
    others = [
        name
        for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if there and name != chosen.type
    ]
    hint = f"; set {DEVICE_VARIABLE}={others[0]} to use {others[0]}" if others else ""
    yield Finding("device", True, f"{chosen}, {torch.get_num_threads()} threads{hint}")


def _torchvision() -> Iterable[Finding]:
    from course_utils.runtime.vision import operators_load

    version = _installed("torchvision")
    if operators_load():
        yield Finding("torchvision", True, f"{version}, compiled operators load")
    else:
        yield Finding(
            "torchvision",
            True,
            f"{version}, works without its compiled operators, which were built for another torch; "
            "the course uses none of them",
        )


def _data() -> Iterable[Finding]:
    from course_utils import data
    from course_utils.data import torchvision_sets

    for name in ("digits", "shapes"):
        loaded = data.load(name)
        total = len(loaded.train_images) + len(loaded.test_images)
        yield Finding(name, True, f"{total} images, no network needed")
    for name in ("mnist", "fashion_mnist"):
        folder = torchvision_sets.where(name)
        if folder is None:
            yield Finding(
                name,
                False,
                "not here yet",
                f"load it once with a network, course_utils.data.load({name!r}), or set "
                f"{torchvision_sets.DATA_DIR_VARIABLE} to a folder that holds it",
                needed=False,
            )
            continue
        try:
            data.load(name)
        except CourseError as error:
            yield Finding(name, False, "here, but not usable", str(error), needed=False)
        else:
            yield Finding(name, True, f"70000 images in {folder}")


def _kernel() -> Iterable[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    advice = f"run: {sys.executable} -m ipykernel install --sys-prefix"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # IPython's, where the home folder cannot be written: no matter here
            spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        yield Finding("kernel", False, "Jupyter knows no kernel 'python3'", advice)
        return
    program = shutil.which(spec.argv[0]) or spec.argv[0]
    # Jupyter runs a bare "python" with its own interpreter, whatever PATH says.
    ours = (
        re.fullmatch(r"python(3(\.\d+)?)?", spec.argv[0])
        or Path(program).parent == Path(sys.executable).parent
    )
    if ours:
        yield Finding("kernel", True, f"'python3' ({spec.display_name}) runs this Python")
    else:
        yield Finding("kernel", False, f"'python3' runs another Python, {program}", advice)


def _widgets() -> Iterable[Finding]:
    python_side, browser_side = _installed("ipywidgets"), _installed("jupyterlab-widgets")
    advice = "run: pip install --force-reinstall ipywidgets jupyterlab_widgets, and restart JupyterLab"
    if python_side is None or browser_side is None:
        missing = "ipywidgets" if python_side is None else "jupyterlab_widgets"
        yield Finding("widgets", False, f"{missing} is missing", advice)
        return
    from jupyter_core.paths import jupyter_path

    folders = [
        Path(folder) / "@jupyter-widgets/jupyterlab-manager" for folder in jupyter_path("labextensions")
    ]
    manager = next((folder for folder in folders if (folder / "package.json").is_file()), None)
    if manager is None:
        yield Finding("widgets", False, "JupyterLab's widget manager is not where JupyterLab looks", advice)
        return
    version = json.loads((manager / "package.json").read_text(encoding="utf-8"))["version"]
    yield Finding("widgets", True, f"ipywidgets {python_side}, manager {version} in JupyterLab")


def _sandbox() -> Iterable[Finding]:
    purpose = "needed only by course grade"
    if sys.platform != "linux":
        advice = "grade on Linux, in WSL or in a Linux container"
        yield Finding("sandbox", False, f"bubblewrap needs Linux; {purpose}", advice, needed=False)
        return
    program = shutil.which("bwrap")
    if program is None:
        advice = (
            "install it: sudo apt install bubblewrap (Debian, Ubuntu) or sudo dnf install bubblewrap (Fedora)"
        )
        yield Finding(
            "sandbox", False, f"bubblewrap (bwrap) is not installed; {purpose}", advice, needed=False
        )
        return
    probe = [
        program,
        "--unshare-all",
        "--die-with-parent",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    try:
        done = subprocess.run([*probe, "true"], capture_output=True, text=True, timeout=10, check=False)
        failure = "" if done.returncode == 0 else done.stderr.strip() or f"it ended with {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        failure = str(error)
    if not failure:
        yield Finding("sandbox", True, f"{program} starts a sandbox without network")
        return
    advice = (
        "allow user namespaces: on Ubuntu 24.04 or later sudo sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0; in Docker run the container with "
        "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    )
    detail = f"bubblewrap is installed but cannot start a sandbox: {failure}; {purpose}"
    yield Finding("sandbox", False, detail, advice, needed=False)


def _browser() -> Iterable[Finding]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program:
        yield Finding("browser", True, f"{program}, for the browser tests")
    else:
        advice = "install it: sudo apt install chromium (Debian), or any Chrome on PATH"
        yield Finding(
            "browser", False, "no Chromium found; only the browser tests need one", advice, needed=False
        )
