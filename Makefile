# Maildesk. `make help` tells what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
PYTEST := $(PYTHON) -m pytest

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## try it here: a mail host and a Slack of its own, no questions asked (without a terminal: a tour)
	@$(PYTHON) -m bot console --demo

.PHONY: check
check: $(READY) ## everything that reads the code: ruff, format, mypy --strict, the imports, the agent's Python
	@$(MAKE) --no-print-directory --jobs=5 --output-sync=target --keep-going lint format-check types imports agent-python

.PHONY: test
test: $(READY) ## all tests; installs Debian's postfix, postgresql, sudo and name servers for them if it may (root, or sudo without a password)
	@sh tests/install-servers.sh
	@sh tests/run-tests.sh

.PHONY: fast
fast: $(READY) ## the tests that need no real server
	@$(PYTEST) -n 2 --dist worksteal -q -m "not real"

.PHONY: bench
bench: $(READY) ## speed and memory on a real queue of 100,000 messages
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group bench
	@$(PYTHON) -m tests.bench

.PHONY: soak
soak: $(READY) ## all tests, for two or three hours: 50 times as many inputs, new ones, 200 deletions with kills, 60 storms
	@sh tests/install-servers.sh
	@HYPOTHESIS_PROFILE=soak sh tests/run-tests.sh

.PHONY: setup
setup: $(READY) ## the virtual environment in .venv

.PHONY: constraints
constraints: ## renew constraints.txt: the newest versions that pyproject.toml allows
	@rm -rf build/pins && sh tests/make-venv.sh build/pins
	@build/pins/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	@build/pins/bin/python -m pip install --quiet --editable . --group dev
	@{ sed -n '/^#/p' constraints.txt; \
	   build/pins/bin/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/pins

.PHONY: clean
clean: ## remove .venv and everything else that was made here
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt tests/make-venv.sh
	@sh tests/make-venv.sh $(VENV)
	@echo "Installing what Maildesk needs into $(VENV) …"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . --group dev
	@touch $(READY)

.PHONY: lint format-check types imports agent-python format
lint:
	@$(PYTHON) -m ruff check .
format-check:
	@$(PYTHON) -m ruff format --check .
types:
	@$(PYTHON) -m mypy
imports:
	@$(VENV)/bin/lint-imports --no-logo
agent-python:
	@$(VENV)/bin/vermin --quiet --no-tips -t=3.9- bot/agent bot/__init__.py

format: $(READY) ## let ruff lay out the code and mend what it can
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
