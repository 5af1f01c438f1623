# make setup         makes .venv; `make setup TORCH=cpu` takes PyTorch's build without CUDA, which is far smaller
# make table4        computes the demo's Table 4
# make test          runs all tests
# make coverage      runs all tests and prints which lines of pipeline/ the unit tests run
# make portability   runs the numeric tests with the code for other processors
# make check         checks style, types and the workflow
# make docs          writes the generated files: pages of docs/, config/schema.json, envs/
# All of them begin with `make setup`.
PYTHON ?= $(shell python3.11 -c "" 2>/dev/null && echo python3.11 || echo python3)
# default: whatever the package index has, on Linux the build with CUDA. cpu: from PyTorch's own index.
TORCH ?= default
INDEX_default :=
INDEX_cpu := --extra-index-url https://download.pytorch.org/whl/cpu
ifeq ($(filter cpu default,$(TORCH)),)
$(error TORCH=$(TORCH): give cpu or default)
endif
CORES ?= $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: setup table4 test coverage portability check docs
setup: .venv/installed

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and "Python %d.%d found, but 3.11 or newer is needed: give make PYTHON=PATH_OF_PYTHON3.11" % v)'
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v == (3, 11) or print("Python %d.%d found; requirements.lock is tested with 3.11 only. If its installation fails, give make PYTHON=PATH_OF_PYTHON3.11." % v, file=sys.stderr)'
	$(PYTHON) -m venv .venv
	pip install --quiet $(INDEX_$(TORCH)) --requirement requirements.lock
	touch $@

table4: setup
	snakemake --cores $(CORES) results/table4.csv

test: setup
	pytest -n $(CORES) --dist loadgroup

# Measuring makes the unit tests take half as long again, so `make test` goes without it.
coverage: setup
	pytest -n $(CORES) --dist loadgroup -m slow
	pytest -n $(CORES) --dist loadgroup -m "not slow" --cov --cov-report term

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
	python -m tools.config_schema
	python -m tools.conda_envs
	python -m tools.networks_docs
