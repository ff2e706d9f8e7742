# Everything a developer runs. `make help` lists it.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 5000
STATE ?= .dev
AWS ?= moto

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PYTHON_3_13 := .tools/python3.13
VENV_3_13 := .tools/venv3.13
INSTALLED_3_13 := $(VENV_3_13)/installed

# Tests share the processors, a file at a time; with one seed for hashes every process collects them in one order.
SHARED := -n auto --dist loadfile
export PYTHONHASHSEED := 0

.PHONY: help install dev sam events test check acceptance bench docs
.DEFAULT_GOAL := help

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with all dependencies (PYTHON=python3.13 chooses the interpreter)

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,dev]'
	@touch $@

dev: $(INSTALLED) ## run the whole registry on this machine (HOST=127.0.0.1 PORT=5000 STATE=.dev AWS=moto|strict)
	@$(BIN)/python -m moorage.devserver --host $(HOST) --port $(PORT) --state $(STATE) --aws $(AWS)

sam: STATE = .sam
sam: $(INSTALLED) ## run the functions in containers, by SAM, on strict stand-ins (HOST=127.0.0.1 PORT=5000 STATE=.sam)
	@$(BIN)/python -m moorage.devserver.sam_server --host $(HOST) --port $(PORT) --state $(STATE)

events: $(INSTALLED) ## record events/ anew, as functions get them from `sam local`
	@$(BIN)/python -m tests.acceptance.record_events

test: $(INSTALLED) ## run the tests that need nothing but Python
	$(BIN)/python -m pytest $(SHARED)

check: $(INSTALLED) ## check format, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

acceptance: $(INSTALLED) ## install the real clients below .tools/, then run the tests on Python 3.13 and with these clients
	tests/acceptance/install.sh
	$(MAKE) --no-print-directory $(INSTALLED_3_13)
	$(VENV_3_13)/bin/python -m pytest $(SHARED) -k "not dynamodb" --ignore tests/faults
	$(VENV_3_13)/bin/python -m pytest $(SHARED) --strict-stand-ins tests/contract tests/directory tests/routes \
		tests/races tests/test_functions.py tests/test_restore.py
	$(BIN)/python -m pytest tests/acceptance

$(INSTALLED_3_13): pyproject.toml
	$(PYTHON_3_13) -m venv $(VENV_3_13)
	$(VENV_3_13)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[local,dev]'
	@touch $@

bench: $(INSTALLED) ## measure the registry beside a peer, write docs/benchmarks.md and docs/cost.md
	@$(BIN)/python -m tests.bench

docs: $(INSTALLED) ## check that the documentation is current
	$(BIN)/python -m pytest tests/docs tests/test_cost.py
