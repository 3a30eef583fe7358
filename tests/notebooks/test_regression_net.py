"""Does the net hold? Faults are put into a copy of the package, and the tests or nbval must turn red.

To add a fault, append a `Fault` to FAULTS: the old text must occur exactly once in its file, and ``caught_by``
is the cheapest test file, or notebook (under nbval), that is to notice. A fault that nobody notices is a hole:
write the test first.
"""

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forked import context

ROOT = Path(__file__).parents[2]
NBVAL = ("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120")
TIMEOUT = 300


@dataclass(frozen=True)
class Fault:
    name: str
    file: str  # in course_utils/
    old: str
    new: str
    caught_by: str  # tests/... or lectures/... .ipynb


FAULTS = [
    Fault(
        "a floor for every example instead of their mean",
        "elbo/collapse.py",
        "kl_per_dim.mean(0).clamp(min=lam).sum()",
        "kl_per_dim.clamp(min=lam).mean(0).sum()",
        "tests/elbo/test_collapse.py",
    ),
    Fault(
        "factor one half lost",
        "gaussian.py",
        "return 0.5 * (mu**2 + _variance_penalty(logvar))\n",
        "return mu**2 + _variance_penalty(logvar)\n",
        "tests/test_gaussian.py",
    ),
    Fault(
        "mean for sum over latent dimensions",
        "gaussian.py",
        "return kl_standard_normal_per_dim(mu, logvar).sum(-1)",
        "return kl_standard_normal_per_dim(mu, logvar).mean(-1)",
        "tests/test_gaussian.py",
    ),
    Fault(
        "variance for standard deviation",
        "gaussian.py",
        "return mu + (0.5 * logvar).exp() * eps",
        "return mu + logvar.exp() * eps",
        "tests/test_gaussian.py",
    ),
    Fault(
        "sign of the log-variance",
        "gaussian.py",
        "(LOG_2PI + logvar + _standardise(z - mu, logvar) ** 2)",
        "(LOG_2PI - logvar + _standardise(z - mu, logvar) ** 2)",
        "tests/test_gaussian.py",
    ),
    Fault(
        "mean for sum over pixels",
        "likelihoods.py",
        "values.unsqueeze(1).flatten(1).sum(1)",
        "values.unsqueeze(1).flatten(1).mean(1)",
        "tests/test_likelihoods.py",
    ),
    Fault(
        "sign of the reconstruction term",
        "likelihoods.py",
        "-_sum_over_pixels(F.binary_cross_entropy_with_logits(",
        "_sum_over_pixels(F.binary_cross_entropy_with_logits(",
        "tests/test_likelihoods.py",
    ),
    Fault(
        "direction of the KL divergence",
        "elbo/bounds.py",
        "(torch.xlogy(q, q) - torch.xlogy(q, p)).sum()",
        "(torch.xlogy(p, p) - torch.xlogy(p, q)).sum()",
        "tests/elbo/test_bounds.py",
    ),
    Fault(
        "KL term added to the ELBO",
        "elbo/bounds.py",
        "return self.log_likelihood - self.kl",
        "return self.log_likelihood + self.kl",
        "tests/elbo/test_bounds.py",
    ),
    Fault(
        "log K forgotten in the importance-weighted bound",
        "elbo/bounds.py",
        "return torch.logsumexp(log_w, dim=0) - math.log(len(log_w))",
        "return torch.logsumexp(log_w, dim=0)",
        "tests/elbo/test_bounds.py",
    ),
    Fault(
        "EM variance around the old means",
        "elbo/tractable.py",
        "(share * (x - new_means) ** 2)",
        "(share * (x - means) ** 2)",
        "tests/elbo/test_tractable.py",
    ),
    Fault(
        "baseline that depends on its own sample",
        "gradient_estimators.py",
        "(values - values.mean()) * (n / (n - 1))",
        "(values - values.mean())",
        "tests/test_gradient_estimators.py",
    ),
    Fault(
        "score without its mean",
        "gradient_estimators.py",
        "(eps**2 - 1) / sigma",
        "eps**2 / sigma",
        "tests/test_gradient_estimators.py",
    ),
]


@pytest.fixture(scope="module")
def run_in_copy(tmp_path_factory):
    """Run targets against a copy of the package: ``run(fault, *targets) -> (exit code, output)``.

    Each run is a fresh process, in which the libraries may be imported already (`tests.forked`), but not the package.
    """
    copy = tmp_path_factory.mktemp("net").resolve()
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "course_utils", copy / "course_utils", ignore=ignored)
    targets = sorted({fault.caught_by for fault in FAULTS})
    conftests = {folder / "conftest.py" for target in targets for folder in Path(target).parents}
    for name in [
        "pyproject.toml",
        "tests/forked.py",
        *targets,
        *(path for path in conftests if (ROOT / path).exists()),
    ]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)

    log = copy / "log.txt"

    def run(*targets):
        process = context().Process(target=_pytest, args=(copy, log, targets))
        process.start()
        process.join(TIMEOUT)
        if process.is_alive():
            process.kill()
            process.join()
        return process.exitcode, log.read_text(encoding="utf-8", errors="replace")

    code, output = run(*targets)
    assert code == 0, f"red without any fault:\n{output[-5000:]}"
    run.copy = copy
    return run


def _pytest(copy, log, targets):
    """Run pytest on the copy; what runs in the process of its own."""
    os.chdir(copy)
    # No byte code: a file that changes twice within a second, at the same length, would be taken for unchanged.
    sys.dont_write_bytecode = True
    os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}  # for the kernels of notebooks
    for key in [key for key in os.environ if key.startswith("PYTEST_")]:
        del os.environ[key]
    sys.path[:] = [
        str(copy),
        *(path for path in sys.path if not Path(path).resolve().is_relative_to(ROOT / "tests")),
    ]
    # Plugins that are imported before pytest cannot have their assertions rewritten, which is no matter here.
    options = ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    options += ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += NBVAL if any(target.endswith(".ipynb") for target in targets) else ["-p", "no:nbval"]
    with (
        log.open("w", encoding="utf-8") as out,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        import course_utils

        if not Path(course_utils.__file__).is_relative_to(copy):
            print(f"not the copy is tested, but {course_utils.__file__}")
            sys.exit(3)
        code = pytest.main([*options, *targets])
    sys.exit(int(code))


def test_there_are_faults_of_at_least_ten_kinds():
    assert len(FAULTS) >= 10
    assert len({(fault.file, fault.new) for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_a_fault_turns_the_net_red(run_in_copy, fault):
    file = run_in_copy.copy / "course_utils" / fault.file
    sound = file.read_text(encoding="utf-8")
    found = sound.count(fault.old)
    assert found == 1, f"course_utils/{fault.file} holds the old text {found} times, not once"
    try:
        file.write_text(sound.replace(fault.old, fault.new), encoding="utf-8")
        code, output = run_in_copy(fault.caught_by)
    finally:
        file.write_text(sound, encoding="utf-8")
    # 1 means that tests ran and failed; a fault that breaks the import, say, would prove nothing.
    assert code == 1, f"{fault.caught_by} did not notice (exit {code}):\n{output[-3000:]}"
    assert " failed" in output
