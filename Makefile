# `make lab` to study, `make test` to prove; both set up .venv first, and only when there is something to do.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Jupyter refuses to start as root (in a container, say) unless it is told that this is meant.
ROOT_OK := $(if $(filter 0,$(shell id -u)),--allow-root)

# Dozens of processes import the same files: they may keep what they have compiled, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup lab test slow bench lint notebooks site pictures constraints

help:
	@echo "make lab        open the lectures in JupyterLab      (ARGS=\"--no-browser --port 8890\")"
	@echo "make test       every test, notebooks included       (ARGS=\"-k elbo\")"
	@echo "make slow       the tests that need minutes"
	@echo "make setup      only create .venv and install"
	@echo "make notebooks  build the lectures whose source has changed"
	@echo "make site       the lectures and the reference as pages, in build/site"
	@echo "make pictures   take the README's pictures anew"
	@echo "make bench      measure speed, write tests/benchmarks/RESULTS.md"
	@echo "make lint       ruff check and format check"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "The course needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,instructor,cluster]'
	@touch $@

lab: setup
	$(BIN)/jupyter lab $(ROOT_OK) $(ARGS) lectures

# Three at a time, also on two cores: some tests wait for a time limit or a browser. In the order given, the long
# notebooks first and the short files of tests/ last, no core waits long for the others at the end.
test: setup
	$(BIN)/python -m pytest -n 3 --no-loadscope-reorder --nbval-lax --nbval-current-env --nbval-cell-timeout=120 -m "not slow" solutions lectures tests $(ARGS)

slow: setup
	$(BIN)/python -m pytest -n 2 -m slow tests $(ARGS)

bench: setup
	$(BIN)/python -m tests.benchmarks $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

notebooks: setup
	$(BIN)/course build --jobs 2

site: setup
	$(BIN)/course site

pictures: setup
	$(BIN)/python -m tests.browser.pictures

# After an upgrade that passes the tests: write down what they were run with.
constraints: setup
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt
	@touch $(READY)
