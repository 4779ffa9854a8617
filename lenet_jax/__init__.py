"""LeNet-5 taken apart: ablations of sparse connectivity and weight sharing in JAX and Flax.

The packages, in the order in which a number gets from a config into a table:

============  =====================================================================
config        what a run is: every field and its default, arms, and their checks
data          datasets as arrays, and their train, validation and test splits
models        networks as functional Flax modules, and their counts
native        a kernel in C++ for layers and steps of SGD, where there is a compiler
training      one epoch as pure functions, compiled for many runs at once
runs          runs and sweeps, recorded in a folder; trained networks, from there or in memory
analysis      means, intervals and contrasts over seeds and test images
probes        what trained networks have learned, measured and recorded
report        tables, figures and pages from what is recorded
============  =====================================================================

`errors` and `files` are used by all of them. Each package's docstring lists its modules.

The names below are loaded on first use, so that `import lenet_jax` loads neither JAX nor pandas::

    import lenet_jax

    config = lenet_jax.override(lenet_jax.default_config(), {"train.epochs": 1})
    run = lenet_jax.train(config)
    run.predict_class(run.splits().test.images)
    lenet_jax.load_sweep("runs/demo").to_pandas()
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lenet_jax.config.arms import Arm, Paper, PlannedContrast
    from lenet_jax.config.fields import default_config, default_sweep, override
    from lenet_jax.config.resolve import resolve
    from lenet_jax.errors import UserError
    from lenet_jax.runs.loaded import Sweep, load_run, load_sweep
    from lenet_jax.runs.single import train
    from lenet_jax.runs.trained import TrainedRun
    from lenet_jax.training.compilation_cache import keep_compilations

__all__ = [
    "Arm",
    "Paper",
    "PlannedContrast",
    "Sweep",
    "TrainedRun",
    "UserError",
    "default_config",
    "default_sweep",
    "keep_compilations",
    "load_run",
    "load_sweep",
    "override",
    "resolve",
    "train",
]

_MODULES = {
    "Arm": "config.arms",
    "Paper": "config.arms",
    "PlannedContrast": "config.arms",
    "Sweep": "runs.loaded",
    "TrainedRun": "runs.trained",
    "UserError": "errors",
    "default_config": "config.fields",
    "default_sweep": "config.fields",
    "keep_compilations": "training.compilation_cache",
    "load_run": "runs.loaded",
    "load_sweep": "runs.loaded",
    "override": "config.fields",
    "resolve": "config.resolve",
    "train": "runs.single",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
