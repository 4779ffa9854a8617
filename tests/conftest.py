"""Fixtures that several test modules share."""

import atexit
import os
import pathlib
import shutil
import tempfile

# Before JAX starts: 4 simulated CPU devices, over which runs or batches are spread, and compiled programs
# of the tests' own.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp()

import pytest

from tests.helpers.commands import TINY, run_command

atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"])


@pytest.fixture(scope="session")
def finished_sweep(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of tests/tiny_sweep.py, never interrupted, its runs spread over all 4 devices.

    Tests leave it as it is.
    """
    directory = tmp_path_factory.mktemp("finished") / "sweep"
    ended = run_command("ablate", TINY, f"--workdir={directory}")
    assert ended.status == 0, ended.err
    return directory


@pytest.fixture
def sweep_copy(finished_sweep: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of `finished_sweep`, for the test alone."""
    return shutil.copytree(finished_sweep, tmp_path / "sweep")
