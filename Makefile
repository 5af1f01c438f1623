# make table4   sets everything up and computes the demo's Table 4
# make test     sets everything up and runs all tests
# make portability   runs the numeric tests with the code for other processors
PYTHON ?= python3
CORES ?= $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: setup table4 test portability check docs
setup: .venv/installed

.venv/installed: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	pip install --quiet --requirement requirements.lock
	touch $@

table4: setup
	snakemake --cores $(CORES) results/table4.csv

test: setup
	pytest -n $(CORES) --dist loadgroup

portability: setup
	python tests/portability.py --cores $(CORES)

check: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint
	mypy

docs: setup
	python -m tools.config_docs
	python -m tools.networks_docs
