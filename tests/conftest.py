"""Fixtures that several test modules share."""

import pathlib
import runpy
import sys
import warnings
from collections.abc import Callable
from typing import NamedTuple

import pytest
from absl import flags
from absl import logging as absl_logging

PROJECT = pathlib.Path(__file__).parent.parent


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Runs `python -m experiments.NAME ARGUMENT...` within this process, where JAX is loaded already."""

    def run(name: str, *arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        monkeypatch.setattr(absl_logging.get_absl_handler().python_handler, "stream", sys.stderr)
        capfd.readouterr()  # what came before is not of this command
        status = 0
        try:
            with warnings.catch_warnings():
                # ml_collections loads config files so; outside tests Python doesn't show this.
                warnings.filterwarnings("ignore", r"the load_module\(\) method", DeprecationWarning)
                runpy.run_path(str(PROJECT / "experiments" / f"{name}.py"), run_name="__main__")
        except SystemExit as end:  # as the interpreter treats it
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
            status = 1 if isinstance(end.code, str) else end.code or 0
        finally:
            for flag in [flag for flag in flags.FLAGS if flag.partition(".")[0] in ("config", "workdir")]:
                delattr(flags.FLAGS, flag)
            flags.FLAGS.unparse_flags()
        return Ended(status, *capfd.readouterr())

    return run
