# The verbs of this project. Each creates .venv by itself; all it needs is Python >= 3.11, make and git.
# Another interpreter: make book PYTHON=python3.12

PYTHON ?= python3
BIN    := .venv/bin
STAMP  := .venv/.installed
SEEDS  ?= 0 1 2 3 4
JOBS   ?= 1
# One torch thread a worker: on few cores two workers beat two threads.
WORKERS ?= auto

export PYDEVD_DISABLE_FILE_VALIDATION = 1

.DEFAULT_GOAL := help
.PHONY: help book engine pdf test test-pages test-slow lint format notebooks reproduce describe verify bench torture clean

help: ## list these verbs
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.txt pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("grokbook needs Python 3.11 or later, found " + sys.version.split()[0] + "; choose another with PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

book: $(STAMP) ## build the book into book/_build/html; every warning is an error
	$(BIN)/jupyter-book build -W --keep-going book/

pdf: $(STAMP) ## print the built book and a short report as PDF (after make book; needs Chromium)
	$(BIN)/python book/pdf.py
	$(BIN)/python book/report.py

engine: ## compile the kernel of the page that trains a network (needs clang 14 and lld)
	$(MAKE) -C grokbook/widgets/engine

test: $(STAMP) ## unit tests, doctests, every chapter at the smoke preset and against its recorded output
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow and not pages"

test-pages: $(STAMP) ## open the built book in headless Chromium with the network refused (after make book)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m pages tests

test-slow: $(STAMP) ## the tests that train for minutes
	$(BIN)/python -m pytest -m slow

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(STAMP) ## execute every chapter again and write its outputs back; README too
	$(BIN)/python book/execute.py
	$(BIN)/python book/readme.py

reproduce: $(STAMP) ## record every run of the book that is missing, with the time left; SEEDS="0 1" JOBS=2
	$(BIN)/grokbook reproduce --seeds $(SEEDS) --jobs $(JOBS)

describe: $(STAMP) ## write runs/ro-crate-metadata.json, which lists the records for other programs
	$(BIN)/python -m grokbook.store.ro_crate

verify: $(STAMP) ## re-train the first steps of one recorded run of every experiment and compare
	$(BIN)/grokbook verify --seeds 0

bench: $(STAMP) ## time steps, metrics and log on this machine, print it all, keep it for the book
	$(BIN)/python -m grokbook.benchmarks

torture: $(STAMP) ## attack runs, checkpoints and the command for minutes, count what was lost, keep it for the book
	OMP_NUM_THREADS=1 $(BIN)/python -m grokbook.torture

clean: ## remove what was built (recorded runs and .venv stay)
	rm -rf book/_build build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .jupyter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
