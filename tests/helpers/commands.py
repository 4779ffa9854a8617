"""Runs the project's commands inside this process, where JAX is loaded and programs are compiled."""

import contextlib
import importlib.util
import io
import os
import pathlib
import runpy
import sys
import types
import warnings
from typing import NamedTuple
from unittest import mock

from absl import flags
from absl import logging as absl_logging

PROJECT = pathlib.Path(__file__).parent.parent.parent
TINY = f"--config={PROJECT / 'tests' / 'helpers' / 'tiny_sweep.py'}"


FRAGMENTS = (
    "common.py",
    "families.py",
    "sharing_studies.py",
    "steps.py",
    "studies.py",
    "tuned.py",
    "variants.py",
)  # imported by configs, not configs


# Those that commands define.
FLAGS = (
    "config", "workdir", "rerun", "threads", "workers", "launcher", "recorded", "output", "rows", "quick",
    "pilot", "sweeps", "results", "arm", "seed", "image", "dataset", "data_dir", "manual_dir",
    "probes", "distributed", "coordinator", "processes", "process", "trained",
)  # fmt: skip


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


def one_device() -> dict[str, str]:
    """The environment for a process of its own that has one device, as most machines do."""
    options = os.environ["XLA_FLAGS"].split()
    kept = [option for option in options if "device_count" not in option]
    return {**os.environ, "XLA_FLAGS": " ".join(kept)}


def config_files(pattern: str) -> list[pathlib.Path]:
    """The config files in configs/ that match `pattern`."""
    return [path for path in sorted((PROJECT / "configs").glob(pattern)) if path.name not in FRAGMENTS]


def load_config(path: pathlib.Path) -> types.ModuleType:
    """The module of a config file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_command(name: str, *arguments: str) -> Ended:
    """Runs `python -m experiments.NAME ARGUMENT...` (or `python -m benchmarks`) inside this process.

    Sweeps run in this process alone, unless an argument says how many workers they have.
    """
    if name in ("ablate", "tune") and not any(argument.startswith("--workers") for argument in arguments):
        arguments = (*arguments, "--workers=1")
    is_benchmark = name == "benchmarks"
    script = PROJECT / ("benchmarks/__main__.py" if is_benchmark else f"experiments/{name}.py")
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", [name, *arguments]),
        mock.patch.dict(os.environ),
        mock.patch.object(absl_logging.get_absl_handler().python_handler, "stream", err),
        warnings.catch_warnings(),
    ):
        # How ml_collections loads config files; outside tests Python hides this warning.
        warnings.filterwarnings("ignore", r"the load_module\(\) method", DeprecationWarning)
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:  # treated as the interpreter does
            if isinstance(end.code, str):
                print(end.code, file=err)
            status = 1 if isinstance(end.code, str) else end.code or 0
        finally:
            for flag in [flag for flag in flags.FLAGS if flag.partition(".")[0] in FLAGS]:
                delattr(flags.FLAGS, flag)
            flags.FLAGS.unparse_flags()
    return Ended(status, out.getvalue(), err.getvalue())
