"""What any kernel must do is tested in tests/notebooks/test_execute.py, which `make test` runs with forked ones."""

import sys

import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.notebooks.complete import KERNELSPEC
from course_utils.notebooks.execute import execute
from tests.forked import fork_kernels


@pytest.fixture
def forking(monkeypatch):
    factory = KernelProvisionerFactory.instance()
    monkeypatch.setattr(factory, "default_provisioner_name", factory.default_provisioner_name)
    fork_kernels()


KNOWS = """
import sys
package = [name for name in sys.modules if name.startswith("course_utils")]
tests = [path for path in sys.path if "tests" in path.split("/")]
print("torch" in sys.modules, package, tests, "matplotlib.pyplot" in sys.modules, "mine" in globals())
mine = 1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
def test_a_forked_kernel_has_the_libraries_and_knows_nothing_else(tmp_path, forking):
    for _ in range(2):  # nor does a second one know of the first
        notebook = new_notebook(cells=[new_code_cell(KNOWS)], metadata={"kernelspec": KERNELSPEC})
        (cell,) = execute(notebook, tmp_path).cells
        assert cell.outputs[0].text.split("\n")[0] == "True [] [] False False"
