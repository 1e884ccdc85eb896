# The one door. Every target sets up what it needs in .venv; PYTHON=... chooses
# the interpreter (3.11 or newer) that .venv is made with.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install -q --disable-pip-version-check
# Each needs about 2 GB of memory.
WORKERS ?= 2
SOURCES := t2t_jax benchmarks configs examples launch tests

.PHONY: quickstart test test-slow test-faults test-parity test-compile browser
.PHONY: check
.PHONY: bench bench-decode format clean

## quickstart: trains a small translator in minutes and shows what it can do
quickstart: $(VENV)/.runtime
	$(BIN)/python -m t2t_jax.main --config=configs/quickstart.py \
	  --workdir=runs/quickstart

## test: the tests of a normal day, WORKERS files at a time
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

## test-slow: the tests marked slow; needs a Chromium (make browser)
test-slow: $(VENV)/.browser browser
	$(BIN)/python -m pytest -m slow

## test-faults: kills, full disks, other meshes; ends a run KILLS times, at
## moments that SEED draws
test-faults: $(VENV)/.dev
	T2T_KILLS=$${KILLS:-50} T2T_KILLS_SEED=$${SEED:-1} \
	  $(BIN)/python -m pytest tests/faults -m '' $(ARGS)

## browser: installs Debian's Chromium and its driver where they are missing
browser:
	@command -v chromedriver >/dev/null \
	  && { command -v chromium || command -v chromium-browser; } >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	    && apt-get update -qq \
	    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	      --no-install-recommends chromium chromium-driver fonts-dejavu-core; } \
	  || { echo 'the browser tests need chromium and chromedriver: as root, ' \
	    'apt-get install chromium chromium-driver' >&2; exit 1; }

## test-parity: against torch's own layers; downloads torch
test-parity: $(VENV)/.parity
	$(BIN)/python -m pytest tests/parity -m ''

## test-compile: compiles the update for TPUs and GPUs that are not here, in an
## environment of its own: downloads CUDA and libtpu, 6 GB
test-compile:
	$(MAKE) $(VENV)-compilers/.compilers VENV=$(VENV)-compilers
	$(VENV)-compilers/bin/python -m pytest -m slow \
	  tests/planning/test_absent_devices.py tests/planning/test_gpu_kernels.py

## bench-decode: decoding beside CTranslate2 and PyTorch; downloads both;
## ARGS='--size=tiny --repeats=3' and the like
bench-decode: $(VENV)/.bench
	$(BIN)/python -m benchmarks.decode $(ARGS)

## bench: all benchmarks of a CPU beside their peers, into runs/bench.jsonl;
## goes on where it was stopped; ARGS='--text=DIR --parts=startup' and the like
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.all $(ARGS)

## check: lint, format, types
check: $(VENV)/.dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

## format: lets ruff write the format and what else it can mend
format: $(VENV)/.dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

## clean: deletes the environment and caches, not runs/
clean:
	rm -rf $(VENV) $(VENV)-compilers build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# A command named python3.13 may exist and not start (pyenv's shims), or lack
# venv, so each is tried.
$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  if $$python -c 'import ensurepip, sys, venv; \
	      sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making $(VENV) with $$($$python --version)"; \
	    exec $$python -m venv $(VENV); \
	  fi; \
	  [ -z '$(PYTHON)' ] || break; \
	done; \
	echo 'needs Python 3.11 or newer: make PYTHON=/path/to/python' >&2; exit 1

$(VENV)/.runtime: pyproject.toml | $(BIN)/python
	@echo 'installing t2t_jax and its dependencies in $(VENV)'
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo 'installing the tools for tests and checks in $(VENV)'
	@$(INSTALL) -e '.[dev]'
	@touch $@

$(VENV)/.browser: $(VENV)/.dev
	@echo 'installing selenium in $(VENV)'
	@$(INSTALL) -e '.[browser]'
	@touch $@

$(VENV)/.parity: $(VENV)/.dev
	@echo 'installing torch in $(VENV)'
	@$(INSTALL) -e '.[parity]'
	@touch $@

# Beside .venv, in which each command would look for a GPU and a TPU.
$(VENV)/.compilers: $(VENV)/.dev
	@echo 'installing the compilers for TPUs and GPUs in $(VENV)'
	@$(INSTALL) -e '.[dev,cuda,tpu]'
	@touch $@

$(VENV)/.bench: $(VENV)/.runtime
	@echo 'installing CTranslate2 and torch in $(VENV)'
	@$(INSTALL) -e '.[bench]'
	@touch $@
