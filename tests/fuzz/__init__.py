"""Property tests: damaged files, configs and folders of runs that Hypothesis makes up.

They are the same in each run, and leave nothing behind. LENET_JAX_FUZZ=20 tries 20 times as many examples:

    LENET_JAX_FUZZ=20 .venv/bin/python -m pytest tests/fuzz -m "slow or not slow"
"""
