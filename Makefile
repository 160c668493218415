# grokbook: needs python3 (3.11 or newer, with venv) and make; everything else goes into .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
PORT ?= 8000
JOBS ?= 2
# one more than the book's: tests wait for pages and processes
TESTERS ?= 3
LAB_FLAGS ?=
MARKED ?= not slow

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q
STAMP := .venv/.installed
PINNED := .venv/.pinned
# JupyterLab asks for this where everything runs as root, as in a container
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help venv book serve lab test test-slow test-all tidy pins clean clean-all

help: ## this list
	@echo "grokbook: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' Makefile | awk -F'|' '{printf "%-13s %s\n", $$1, $$2}'

venv: $(STAMP) ## make .venv from the exact pins

$(PINNED): requirements.txt constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "grokbook needs Python 3.11 or newer; there is no '$(PYTHON)' here (choose one: make PYTHON=/path/to/python3)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "grokbook needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1) (choose another: make PYTHON=/path/to/python3)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "'$(PYTHON)' comes without venv (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "making .venv"; $(PYTHON) -m venv --clear .venv; }
	@echo "installing the pinned packages into .venv (the first time: minutes, mostly download)"
	@$(PIP) -r requirements.txt -c constraints.txt
	@touch $@

$(STAMP): $(PINNED) pyproject.toml
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

book: $(STAMP) ## execute the chapters, build the book, check it
	@mkdir -p _build
	@$(BIN)/doit -f dodo.py -n $(JOBS) -P thread

serve: book ## the book at http://127.0.0.1:8000 (another port: make serve PORT=8001)
	@$(BIN)/python -m grokbook.publishing.server _build/html --port $(PORT)

lab: $(STAMP) ## JupyterLab on the chapter sources, loopback only
	@$(BIN)/jupyter lab notebooks --ip=127.0.0.1 $(AS_ROOT) --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.extension_manager=readonly $(LAB_FLAGS)

test: $(STAMP) book ## lint, unit, integration and browser tests
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check . || { echo "ruff would format these differently: make tidy"; exit 1; }
	@$(BIN)/python -m pytest -m '$(MARKED)' -n $(TESTERS) --dist worksteal

test-slow: $(STAMP) book ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow -n $(TESTERS) --dist worksteal

test-all: ## `test` and `test-slow` in one go
	@$(MAKE) test MARKED='slow or not slow'

tidy: $(STAMP) ## format the code, clear outputs from the chapter sources
	@$(BIN)/python -m grokbook.publishing.notebooks --clear notebooks/*.ipynb
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

pins: $(STAMP) ## write constraints.txt from the packages now in .venv
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | grep -viE '^(nvidia|cuda|triton|torch==|grokbook)' | sed 's/+[a-z0-9.]*$$//'; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## remove what `make book` and `make test` made, keep .venv
	@rm -rf _build book/chapters book/index.ipynb book/index.failed.ipynb

clean-all: clean ## and .venv too
	@rm -rf .venv grokbook.egg-info
