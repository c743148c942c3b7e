# Everything a person does with a checkout. `make` alone lists the targets.
#
# PYTHON makes the virtual environment, VENV is where it stands, PYTEST_ARGS goes to pytest.

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
BIN := $(VENV)/bin
# Some tests compute for minutes and many wait for real programs: side by side they take half as long.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

# Programs of Debian's that the tests start for real, and the packages that hold them.
REAL_PROGRAMS := mosquitto mosquitto_pub prometheus promtool prometheus-alertmanager chromium gcc openssl \
  faketime
REAL_PACKAGES := mosquitto mosquitto-clients prometheus prometheus-alertmanager chromium gcc libc6-dev openssl \
  faketime

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check lint bench schema format real-parts clean

help: ## this list
	@echo "callcenter-monitor; make TARGET, where TARGET is"
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z-]*\):.*## /  \1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/installed ## watch a simulated call center fail; prints the page's address
	@$(BIN)/callcenter-monitor demo

test: real-parts $(VENV)/installed-test ## all tests, with real brokers, Prometheus and browser
	@$(PYTEST) $(PYTEST_ARGS)

check: lint ## what a change has to pass: lint, and all tests with coverage
	@$(MAKE) --no-print-directory real-parts
	@$(PYTEST) --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

lint: $(VENV)/installed-test ## format, lint, types, imports, alert rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@MYPYPATH=tests $(BIN)/mypy --explicit-package-bases monitor tests
	@$(BIN)/lint-imports
	@rules=$$(find . -path './.*' -prune -o -name '*.rules.y*ml' -print); \
	if [ -z "$$rules" ]; then :; \
	elif command -v promtool >/dev/null; then promtool check rules $$rules; \
	else echo "promtool is not installed: the Prometheus rules are not checked"; fi

bench: $(VENV)/installed-bench ## the benchmarks, each against what it is compared with
	@$(BIN)/python tests/benchmarks/run_all.py

schema: $(VENV)/installed ## write config/callcenter-monitor.schema.json anew
	@$(BIN)/python -c 'from pathlib import Path; from monitor.config.schema import schema_text; \
	  Path("config/callcenter-monitor.schema.json").write_text(schema_text(), encoding="utf-8")'

format: $(VENV)/installed-test ## put the code into its form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# Missing programs are installed where that needs no password. Elsewhere the tests that want them
# are skipped and say so; with CI set they fail.
real-parts: ## install from Debian what the tests start for real, if we may
	@PATH="$$PATH:/usr/sbin:/sbin"; missing=; packages="$(REAL_PACKAGES)"; \
	for program in $(REAL_PROGRAMS); do \
	  command -v $$program >/dev/null || missing="$$missing $$program"; \
	done; \
	if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  missing="$$missing python3-venv"; packages="$$packages python3-venv"; \
	fi; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then become=; else become="sudo -n"; fi; \
	if ! command -v apt-get >/dev/null || ! $$become true 2>/dev/null; then \
	  echo "Not installed:$$missing. Tests that need them are skipped. On Debian, install them with"; \
	  echo "  sudo apt-get install --no-install-recommends $$packages"; \
	  exit 0; \
	fi; \
	echo "Installing for the tests:$$missing"; \
	apt="$$become env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"; \
	if ! { $$apt update && $$apt install --no-install-recommends -y $$packages >/dev/null; }; then \
	  echo "They could not be installed:$$missing. Tests that need them are skipped."; \
	  [ -z "$$CI" ]; \
	fi

clean: ## remove what was made here, the virtual environment too
	@rm -rf .venv build dist .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- the virtual environment; each stamp says what is installed in it ------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
	  rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu install"; \
	  echo "  sudo apt-get install python3-venv"; \
	  echo "and try again."; exit 1; }

$(VENV)/installed: $(BIN)/python pyproject.toml
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-test: $(BIN)/python pyproject.toml
	@echo "Installing into $(VENV), with what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/installed $@

$(VENV)/installed-bench: $(BIN)/python pyproject.toml
	@echo "Installing into $(VENV), with what the benchmarks need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,bench]'
	@touch $(VENV)/installed $(VENV)/installed-test $@
