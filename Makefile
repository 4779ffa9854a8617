# Everything is installed into .venv, at the versions and hashes of a lock file; only PyTorch has no hash. Modules
# are compiled when they are first imported: compiling all of them takes longer than installing them.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --no-compile --disable-pip-version-check
MADE_HERE := $(VENV)/.made-by-make
FOR_RUNS := $(VENV)/.requirements
FOR_DEVELOPMENT := $(VENV)/.requirements-dev

.PHONY: help setup demo test reproduce lint check tpu-check benchmark docs lock clean environment

help:  ## list the targets
	@echo "make TARGET, or make PYTHON=python3.12 TARGET to name the Python that .venv is made with:"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-12s %s\n", $$1, $$2}'

setup: $(FOR_RUNS)  ## install what the commands need into .venv

demo: $(FOR_RUNS)  ## run the ablation on 5,000 of MNIST's images and say what each constraint is worth
	@echo "Running the ablation on mnist_5k: every arm with 3 seeds, recorded in runs/demo ..."
	@$(RUN) -m experiments.ablate --config=configs/ablation.py --config.seeds=3 --config.train.epochs=5 \
		--workdir=runs/demo
	@echo
	@echo "All of it on one page, for a browser: runs/demo/report.html"
	@echo "Tables, figure, networks and records are in runs/demo; to look inside the networks:"
	@echo "$(RUN) -m experiments.inspect --workdir=runs/demo"

test: $(FOR_DEVELOPMENT)  ## run the tests, on up to 4 cores
	@$(RUN) -m pytest -q -n logical --maxprocesses=4 --dist worksteal --durations=10

TABLE = results/mnist_5k
reproduce: $(FOR_RUNS)  ## run the command of a recorded table again and compare; TABLE=results/usps names another
	@$(RUN) -m experiments.reproduce --recorded=$(TABLE) --workdir=runs/reproduce/$(notdir $(TABLE))

lint: $(FOR_DEVELOPMENT)  ## check style, formatting, imports between packages, and types
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/ty check

# PYTHONS="python3.11 python3.14" names the Pythons that the lock is tested with.
check: $(FOR_DEVELOPMENT)  ## run the slow tests: sweeps, the wheel, the oldest and newest Python
	@$(RUN) -m pytest -q -m slow --durations=10

# libtpu, 1 GB installed, compiles without a TPU. It wants to know what host it is on.
TPU_VENV := .venv-tpu
TPU_MADE_HERE := $(TPU_VENV)/.made-by-make
FOR_TPU := $(TPU_VENV)/.requirements
tpu-check: $(FOR_TPU)  ## compile every arm for TPU chips without TPU hardware (minutes per arm; ARMS="mlp_300" names some)
	@JAX_PLATFORMS=cpu TPU_SKIP_MDS_QUERY=1 TPU_ACCELERATOR_TYPE=v5litepod-4 TPU_WORKER_HOSTNAMES=localhost \
		$(TPU_VENV)/bin/python -m benchmarks.tpu $(ARMS)

# PyTorch is for the benchmark alone: its build for CPUs, unless there is an NVIDIA GPU.
TORCH = $(shell sed -n 's/^benchmark = \["\(.*\)"\]$$/\1/p' pyproject.toml)
benchmark: $(FOR_RUNS)  ## measure training speed, against PyTorch and Flax (for an hour or two, on an otherwise idle machine)
	@$(RUN) -c 'import torch' 2>/dev/null || { \
		echo "Installing $(TORCH), which the benchmark compares with ..."; \
		nvidia-smi >/dev/null 2>&1 || cpu="--extra-index-url https://download.pytorch.org/whl/cpu"; \
		$(PIP) --retries 1 $$cpu $(TORCH); }
	@$(RUN) -m benchmarks --workdir=results/benchmark
	@for page in "forms" "limits" "pairs" "tried" "scale" "profile local shared"; do \
		set -- $$page; echo "Measuring $$1 ..."; \
		$(RUN) -m benchmarks.$$page > results/benchmark/.$$1 && cat results/benchmark/.$$1 && \
		mv results/benchmark/.$$1 results/benchmark/$$1.md || exit 1; done

docs: $(FOR_RUNS)  ## draw the pictures of docs/, make its explorer, and paste recorded tables and counted layers into the pages
	@$(RUN) -m experiments.illustrate
	@$(RUN) -m experiments.paste

# For Python 3.11 and newer on any platform. Locked versions are kept if they still fit;
# UPGRADE="--upgrade" or "--upgrade-package jax" moves them.
LOCK = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)
lock: $(FOR_DEVELOPMENT)  ## pin the dependencies again: requirements.lock and requirements-dev.lock
	@$(LOCK) --output-file requirements.lock requirements.txt
	@$(LOCK) --output-file requirements-dev.lock --constraint requirements.lock --extra dev pyproject.toml
	@rm -rf lenet_jax.egg-info  # left by reading the package's metadata

clean:  ## delete .venv, caches and build outputs; keep runs/
	@if [ -f $(MADE_HERE) ] && [ ! -L $(VENV) ]; then rm -rf $(VENV); \
	elif [ -e $(VENV) ] || [ -L $(VENV) ]; then echo "Kept $(VENV), which make did not create."; fi
	@if [ -f $(TPU_MADE_HERE) ] && [ ! -L $(TPU_VENV) ]; then rm -rf $(TPU_VENV); \
	elif [ -e $(TPU_VENV) ] || [ -L $(TPU_VENV) ]; then echo "Kept $(TPU_VENV), which make did not create."; fi
	@rm -rf build dist lenet_jax.egg-info .pytest_cache .ruff_cache .import_linter_cache
	@find . \( -path ./.git -o -path ./$(VENV) -o -path ./$(TPU_VENV) -o -path ./runs \) -prune -o \
		-name __pycache__ -type d -prune -exec rm -rf {} +

$(FOR_RUNS): requirements.lock | environment
	@echo "Installing the pinned dependencies into $(VENV) (about a minute) ..."
	@$(PIP) --require-hashes -r $<
	@touch $@

$(FOR_DEVELOPMENT): requirements-dev.lock $(FOR_RUNS)
	@echo "Installing the pinned tools for tests and checks into $(VENV) ..."
	@$(PIP) --require-hashes -r $<
	@touch $@

# libtpu is not in the lock: the second call installs it, and keeps the versions of the first.
TPU_PIP := $(TPU_VENV)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check
$(FOR_TPU): requirements.lock $(FOR_RUNS)
	@if [ -L $(TPU_VENV) ] || { [ -e $(TPU_VENV) ] && [ ! -f $(TPU_MADE_HERE) ]; }; then \
		echo "error: make did not create $(TPU_VENV): move it elsewhere." >&2; exit 1; fi
	@echo "Installing the pinned dependencies and libtpu into $(TPU_VENV) (a few minutes) ..."
	@[ -e $(TPU_VENV) ] || { mkdir $(TPU_VENV) && touch $(TPU_MADE_HERE); }
	@$(RUN) -m venv $(TPU_VENV)
	@$(TPU_PIP) --require-hashes -r $<
	@$(TPU_VENV)/bin/python -m pip freeze > $(TPU_VENV)/versions
	@$(TPU_PIP) --constraint $(TPU_VENV)/versions "jax[tpu]"
	@touch $@

# Creates .venv, or completes it in place; refuses one that is not ours to change. Runs each time, and as an
# order-only prerequisite makes nothing out of date. PYTHON matters to an existing .venv only if it was given.
VERSION := -c 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))'
environment:
	@refuse() { echo "error: $$1" >&2; exit 1; }; \
	[ ! -L $(VENV) ] || \
		refuse "$(VENV) is a symbolic link, and what it points to may not be ours: remove the link."; \
	[ ! -e $(VENV) ] || [ -f $(VENV)/pyvenv.cfg ] || [ -f $(MADE_HERE) ] || \
		refuse "$(VENV) is not a virtual environment (it has no pyvenv.cfg): move it elsewhere."; \
	if [ ! -x $(RUN) ]; then \
		$(PYTHON) $(VERSION) >/dev/null 2>&1 || \
			refuse "$(PYTHON) is not Python 3.11 or newer: name one with make PYTHON=python3.12."; \
		[ -e $(VENV) ] || { mkdir $(VENV) && touch $(MADE_HERE); }; \
		$(PYTHON) -m venv --without-pip $(VENV) || refuse "$(PYTHON) cannot create environments."; \
	fi; \
	has=$$($(RUN) $(VERSION) 2>/dev/null) || \
		refuse "$(VENV) has no working Python 3.11 or newer: remove it."; \
	if [ "$(origin PYTHON)" != file ]; then \
		wanted=$$($(PYTHON) $(VERSION) 2>/dev/null) || \
			refuse "$(PYTHON) is not Python 3.11 or newer: name one with make PYTHON=python3.12."; \
		[ "$$has" = "$$wanted" ] || \
			refuse "$(VENV) was made by Python $$has, but $(PYTHON) is Python $$wanted: remove $(VENV)."; \
	fi; \
	[ -x $(VENV)/bin/pip ] || $(RUN) -m ensurepip --default-pip >/dev/null || \
		refuse "this Python has no pip to install with; on Debian: apt-get install python3-venv."
