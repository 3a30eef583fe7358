"""``course doctor`` sees what is wrong, says what to do, and survives whatever it meets."""

import dataclasses
import json
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

from course_utils import data
from course_utils.data import torchvision_sets
from course_utils.runtime import CourseError, doctor


@pytest.fixture(autouse=True)
def no_course_variables(monkeypatch):
    for variable in ("COURSE_DATASET", "COURSE_DATA_DIR", "COURSE_DEVICE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def installed(monkeypatch):
    """Pretend other versions: a dictionary to change; None means not installed."""
    changed = {}
    real = metadata.version

    def version(name):
        found = changed.get(name.lower().replace("_", "-"), real)
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return real(name) if found is real else found

    monkeypatch.setattr(metadata, "version", version)
    return changed


def only(findings):
    (finding,) = findings
    return finding


def test_examination_covers_everything_and_this_installation_is_healthy():
    findings = doctor.examine()
    seen = [finding.what for finding in findings]
    for what in ("python", "packages", "device", "torchvision", "digits", "shapes", "mnist", "fashion_mnist"):
        assert seen.count(what) == 1
    for what in ("kernel", "widgets", "sandbox", "browser"):
        assert seen.count(what) == 1
    assert doctor.healthy(findings), doctor.report(findings)
    for finding in findings:
        assert finding.detail
        assert bool(finding.advice) != finding.ok  # advice exactly where something is not right


def test_findings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        doctor.Finding("python", True, "3.12").ok = False


def test_report_marks_advises_and_counts():
    findings = [
        doctor.Finding("python", True, "3.12"),
        doctor.Finding("packages", False, "tqdm is missing", "run make setup"),
        doctor.Finding("mnist", False, "not here yet", "load it once", needed=False),
    ]
    assert doctor.report(findings).splitlines() == [
        "ok python    3.12",
        "!! packages  tqdm is missing",
        "             -> run make setup",
        "-- mnist     not here yet",
        "             -> load it once",
        "",
        "1 thing needs your attention (!!). 1 optional thing is missing (--).",
    ]
    assert not doctor.healthy(findings)
    assert doctor.healthy(findings[:1] + findings[2:])
    assert doctor.report(findings[:1]).endswith("Everything the lectures need is here.")


def test_report_wraps_long_lines():
    text = doctor.report([doctor.Finding("packages", True, "word " * 100)])
    assert max(map(len, text.splitlines())) <= 100


def test_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    finding = only(doctor._python())
    assert not finding.ok
    assert "install Python 3.11 or later" in finding.advice


def test_missing_and_outdated_packages_are_named(installed, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_CONSTRAINTS", tmp_path / "absent.txt")
    installed.update({"tqdm": None, "torch": "1.13.0"})
    finding = only(doctor._packages())
    assert not finding.ok
    assert finding.needed
    assert "tqdm is missing (needs >=" in finding.detail
    assert "torch is 1.13.0 (needs >=" in finding.detail
    assert "make setup" in finding.advice


def test_course_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(doctor, "_PROJECT", "no-such-course")
    finding = only(doctor._packages())
    assert not finding.ok
    assert finding.detail == "the course itself is not installed"


def test_versions_other_than_the_tested_are_told_without_alarm(installed, monkeypatch, tmp_path):
    pins = tmp_path / "constraints.txt"
    monkeypatch.setattr(doctor, "_CONSTRAINTS", pins)
    installed.update({"torch": "2.13.0+cpu", "tqdm": "4.70.1", "nbgrader": None})
    pins.write_text("# tested\ntorch==2.13.0\ntqdm==4.70.1  # progress\nnbgrader==0.9.6\n\n--no-index\n")
    assert only(doctor._pins()).ok
    pins.write_text("torch==2.13.0\ntqdm==4.66.0\n")
    finding = only(doctor._pins())
    assert not finding.ok
    assert not finding.needed
    assert finding.detail == "tqdm 4.70.1 (tested: 4.66.0)"


def test_device_follows_the_variable_and_says_when_it_cannot(monkeypatch):
    import torch

    assert only(doctor._device()).detail.startswith("cpu, ")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert "set COURSE_DEVICE=cuda to use cuda" in only(doctor._device()).detail
    monkeypatch.setenv("COURSE_DEVICE", "abacus")
    finding = next(finding for finding in doctor.examine() if finding.what == "device")
    assert not finding.ok
    assert "choose 'cpu', 'cuda', 'mps' or 'auto'" in finding.advice


def test_broken_torchvision_is_a_finding_not_a_traceback(monkeypatch):
    def broken():
        raise RuntimeError("compiled with different CUDA major versions")

    monkeypatch.setattr("course_utils.runtime.vision.operators_load", broken)
    finding = next(finding for finding in doctor.examine() if finding.what == "torchvision")
    assert not finding.ok
    assert finding.detail == "RuntimeError: compiled with different CUDA major versions"
    assert "make setup" in finding.advice


def test_data_sets_absent_damaged_and_present(monkeypatch, tmp_path):
    monkeypatch.setattr(torchvision_sets, "where", lambda name: None)
    found = {finding.what: finding for finding in doctor._data()}
    assert found["digits"].detail.startswith("1797 images")
    assert found["shapes"].ok
    assert not found["mnist"].ok
    assert not found["mnist"].needed
    assert "COURSE_DATA_DIR" in found["mnist"].advice
    assert "load('fashion_mnist')" in found["fashion_mnist"].advice

    real = data.load

    def load(name):
        if name == "mnist":
            raise CourseError("train-images is damaged; replace it.")
        return real("digits" if name == "fashion_mnist" else name)

    monkeypatch.setattr(torchvision_sets, "where", lambda name: tmp_path)
    monkeypatch.setattr(data, "load", load)
    found = {finding.what: finding for finding in doctor._data()}
    assert found["mnist"].advice == "train-images is damaged; replace it."
    assert found["fashion_mnist"].ok
    assert str(tmp_path) in found["fashion_mnist"].detail


def test_examination_downloads_nothing(monkeypatch, tmp_path):
    import urllib.request

    def refuse(*arguments, **options):
        raise AssertionError("the doctor asked the network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torchvision_sets, "cache_folder", lambda: tmp_path / "cache")
    found = {finding.what: finding for finding in doctor._data()}
    assert found["mnist"].detail == "not here yet"
    assert not (tmp_path / "cache").exists()


def test_kernel_of_another_python(monkeypatch):
    from jupyter_client import kernelspec

    assert only(doctor._kernel()).ok
    spec = kernelspec.KernelSpec(argv=["/opt/other/bin/python"], display_name="Other")
    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    finding = only(doctor._kernel())
    assert not finding.ok
    assert "/opt/other/bin/python" in finding.detail
    assert "ipykernel install --sys-prefix" in finding.advice
    spec.argv = ["python"]  # Jupyter runs this with its own interpreter
    assert only(doctor._kernel()).ok

    def absent(self, name):
        raise kernelspec.NoSuchKernel(name)

    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", absent)
    assert "knows no kernel 'python3'" in only(doctor._kernel()).detail


def test_widgets_need_both_halves(installed, monkeypatch, tmp_path):
    assert only(doctor._widgets()).ok
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: [str(tmp_path)])
    finding = only(doctor._widgets())
    assert not finding.ok
    assert "widget manager is not where JupyterLab looks" in finding.detail
    manager = tmp_path / "@jupyter-widgets" / "jupyterlab-manager"
    manager.mkdir(parents=True)
    (manager / "package.json").write_text(json.dumps({"version": "5.9"}))
    assert "manager 5.9 in JupyterLab" in only(doctor._widgets()).detail
    installed["jupyterlab-widgets"] = None
    assert only(doctor._widgets()).detail == "jupyterlab_widgets is missing"
    installed["ipywidgets"] = None
    assert only(doctor._widgets()).detail == "ipywidgets is missing"


def test_sandbox_is_tried_not_only_looked_for(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/bwrap")

    def answer(code, message):
        monkeypatch.setattr(
            subprocess,
            "run",
            lambda command, **options: subprocess.CompletedProcess(command, code, "", message),
        )

    answer(0, "")
    assert only(doctor._sandbox()).ok
    answer(1, "bwrap: No permissions to create new namespace")
    finding = only(doctor._sandbox())
    assert not finding.ok
    assert not finding.needed
    assert "No permissions to create new namespace; needed only by course grade" in finding.detail
    assert "user namespaces" in finding.advice

    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert "timed out" in only(doctor._sandbox()).detail
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "apt install bubblewrap" in only(doctor._sandbox()).advice
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "bubblewrap needs Linux" in only(doctor._sandbox()).detail


def test_browser(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/chrome" if name == "google-chrome" else None)
    assert only(doctor._browser()).detail.startswith("/bin/chrome")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    finding = only(doctor._browser())
    assert not finding.ok
    assert not finding.needed
