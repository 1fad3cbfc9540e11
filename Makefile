# Two commands do everything on a fresh machine: `make run` opens a shell with the assistant, `make test` checks it all.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := .ci/constraints.txt
SOURCES := assistant_core completers training xontrib tests

.PHONY: help run setup setup-all test lint bench demo clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

run: setup  ## open xonsh with the assistant loaded
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/xonsh --interactive

setup: $(VENV)/.setup  ## the environment of `make run`: base and [llm]

setup-all: $(VENV)/.setup-all  ## all extras and the development tools

test: setup-all lint  ## linters, type checker and all tests
	$(BIN)/python -m pytest -q -n auto

lint: setup-all
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

demo: setup-all  ## drive a real xonsh through a scripted session; write its screens to tests/demo/
	$(BIN)/python tests/demo/demo.py

clean:  ## remove the environment and every cache
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.setup: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable .
	@if command -v cmake c++ >/dev/null || command -v c++ g++ clang++ >/dev/null; then \
		echo "Building llama-cpp-python (a few minutes, once) ..."; \
		$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable '.[llm]' \
		|| echo "llama-cpp-python could not be built: the assistant runs without local language models."; \
	else \
		echo "No C++ compiler was found, so llama-cpp-python is left out and the assistant runs without local"; \
		echo "language models. Install one (Debian: apt install g++) and run: rm $(VENV)/.setup && make setup"; \
	fi
	@touch $@

$(VENV)/.setup-all: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(PIP) install --quiet --constraint $(CONSTRAINTS) --editable '.[all,dev]'
	@touch $@
