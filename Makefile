# The verbs of this repository. Each sets up what it needs; nothing has to be installed by hand
# but Python 3.11-3.13, git and make.
SHELL := bash
.DEFAULT_GOAL := help
export PYTHON

BIN := .venv/bin
# Tests of one file share what they train, so a file stays with one process.
# A worker that dies ends the run: pytest-xdist would start another, and wait for ever.
PYTEST := -m pytest -n $(or $(WORKERS),2) --dist loadfile --max-worker-restart 0
# It takes times, and waits for signals: nothing may run beside it.
ALONE := tests/cli/test_entry.py
INSTALLED := pyproject.toml constraints.txt scripts/environment.sh

.PHONY: help demo test check test-all test-run docs coverage constraints clean

help:
	@echo 'make demo         train, measure and use a classifier on an embedded sample'
	@echo 'make test         all checks and all tests, with and without TensorFlow'
	@echo 'make check        formatting, lint, types and the walls between the layers'
	@echo 'make docs         write the generated pages of docs/'
	@echo 'make coverage     the tests, with the lines and branches that they miss'
	@echo 'make constraints  resolve the newest allowed versions into constraints.txt'
	@echo 'make clean        remove the environments and everything generated'

.venv/.installed: $(INSTALLED)
	@scripts/environment.sh .venv dev

# The base install: what somebody has who only runs models. No TensorFlow.
.venv-run/.installed: $(INSTALLED)
	@scripts/environment.sh .venv-run test

demo: .venv/.installed
	@$(BIN)/sightline demo

test: check test-all test-run

check: .venv/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test-all: .venv/.installed
	$(BIN)/python $(PYTEST) --ignore $(ALONE)
	$(BIN)/python -m pytest $(ALONE)

test-run: .venv-run/.installed
	SIGHTLINE_BASE_INSTALL=1 .venv-run/bin/python $(PYTEST) --ignore $(ALONE)
	SIGHTLINE_BASE_INSTALL=1 .venv-run/bin/python -m pytest $(ALONE)

docs: .venv/.installed
	$(BIN)/python docs/generate_cli.py

coverage: .venv/.installed
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

constraints: .venv/.installed
	$(BIN)/python scripts/renew_constraints.py

clean:
	rm -rf .venv .venv-run build dist htmlcov .coverage* src/*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis sightline-demo
