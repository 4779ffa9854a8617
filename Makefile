# make demo   the ablation on the embedded digits, and its table
# make test   the whole test suite
# make benchmark   how fast training is, against PyTorch, which it installs; nothing else should run meanwhile
# All make .venv first, from requirements.lock, if it isn't there or the lock has changed.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test benchmark setup docs lock clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12"; exit 1; }
	@echo "Installing the pinned dependencies into $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ echo "error: this Python cannot make environments; on Debian: apt-get install python3-venv"; exit 1; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

demo: setup
	@echo "Running the ablation on digits: every arm with 3 seeds, recorded in runs/demo ..."
	@$(RUN) -m experiments.ablate --config=configs/ablation.py --config.seeds=3 --workdir=runs/demo
	@echo
	@echo "Tables, figure and records are in runs/demo. One of the 360 test images is 0.0028 of accuracy, so"
	@echo "digits tells few arms apart; the README says how to go on with usps or mnist (minutes)."

test: setup
	@echo "Running the tests ..."
	@$(RUN) -m pytest -q

# PyTorch is for the benchmark alone: its build for CPUs, unless there is an NVIDIA GPU.
TORCH := torch==2.13.0
benchmark: setup
	@$(RUN) -c 'import torch' 2>/dev/null || { \
		echo "Installing $(TORCH), which the benchmark compares with ..."; \
		nvidia-smi >/dev/null 2>&1 || cpu="--extra-index-url https://download.pytorch.org/whl/cpu"; \
		$(RUN) -m pip install --quiet --disable-pip-version-check --retries 1 $$cpu $(TORCH); }
	@$(RUN) -m benchmarks --workdir=results/benchmark
	@for page in "tried" "profile local shared"; do \
		set -- $$page; echo "Measuring $$1 ..."; \
		$(RUN) -m benchmarks.$$page > results/benchmark/.$$1 && cat results/benchmark/.$$1 && \
		mv results/benchmark/.$$1 results/benchmark/$$1.md || exit 1; done

# Pastes recorded tables and counted layers into README.md and docs/.
docs: setup
	@$(RUN) -m experiments.paste

# Pins requirements.txt with hashes, for Python 3.11 and newer on any platform. Needs uv.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command "make lock" --output-file requirements.lock requirements.txt

clean:
	rm -rf $(VENV) runs
