# `make run` and `make test` need Python 3.11 or later, git and make, and a package index that pip reaches: nothing else.
SHELL := /bin/sh
BIN := .venv/bin
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
RECENT := import sys, fcntl; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do if $$p -c '$(RECENT)' >/dev/null 2>&1; then command -v $$p; break; fi; done)

# Hundreds of processes begin in a run of the tests: what Python has compiled once is kept, whatever the shell says of it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint bench conformance system-deps venv venv-test clean

run: venv
	@$(BIN)/python -P -m core.toolchain kubectl
	@exec $(BIN)/python -P scripts/run.py

test: lint
	@PATH="$$($(BIN)/python -P -m core.toolchain --path kubectl):$$PATH" $(BIN)/python -P -m pytest -n auto --dist worksteal -q

lint: venv-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: venv-test
	@PATH="$$($(BIN)/python -P -m core.toolchain --path kubectl):$$PATH" $(BIN)/python -P -m bench

# Holds the simulated cloud against real software; `make conformance PARTS=kubernetes-1.36` runs one part of it.
conformance: venv-test
	@PATH="$$($(BIN)/python -P -m core.toolchain --path kubectl):$$PATH" $(BIN)/python -P -m tests.conformance $(PARTS)

# What only root and Debian's packages can bring; the tests that need it are skipped, with the reason, where it is not.
system-deps:
	@scripts/system-deps

venv: require-python
	@$(PYTHON) -I scripts/environment.py bundled

venv-test: require-python
	@$(PYTHON) -I scripts/environment.py bundled test

.PHONY: require-python
require-python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or later is needed: install it, or say make PYTHON=/path/to/it." >&2; exit 3; }

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find core tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +
