"""Fixtures that several test modules share."""

import atexit
import fcntl
import os
import pathlib
import shutil
import signal
import tempfile
from importlib import metadata

# A shell has what it starts in the background ignore Ctrl-C, which tests send.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before JAX starts: 4 simulated CPU devices, over which runs or batches are spread, and a cache of compiled
# programs that the processes of one test run share; each test run starts with an empty one.
CACHE = "LENET_JAX_TESTS_CACHE"  # workers of pytest-xdist inherit it
os.environ["XLA_FLAGS"] = " ".join(
    [
        "--xla_force_host_platform_device_count=4",
        # Most of the time goes into compiling small programs: without optimisation, half of it and less.
        "--xla_backend_optimization_level=0",
        "--xla_llvm_disable_expensive_passes=true",
        "--xla_cpu_parallel_codegen_split_count=1",
        # Another two thirds; later releases do not know the flag, and end where they are given it.
        *(["--xla_cpu_use_fusion_emitters=false"] if metadata.version("jaxlib").startswith("0.10.") else []),
    ]
)
os.environ[CACHE] = os.environ.get(CACHE) or tempfile.mkdtemp()
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"  # saves a sixth of compiling; nobody reads them
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ[CACHE]
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

# Fixtures import what they need: JAX reads its settings when it starts, and the process that distributes the
# tests needs nothing.
import pytest  # noqa: E402

if "PYTEST_XDIST_WORKER" not in os.environ:
    atexit.register(shutil.rmtree, os.environ[CACHE])


@pytest.fixture(scope="session")
def finished_sweep(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of tests/helpers/tiny_sweep.py, never interrupted, its runs spread over all 4 devices.

    Tests do not change it.
    """
    in_processes = "PYTEST_XDIST_WORKER" in os.environ
    temporary = tmp_path_factory.getbasetemp()
    shared = temporary.parent if in_processes else temporary
    directory = shared / "finished" / "sweep"
    with open(shared / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first process makes it, the others wait
        if not directory.exists():
            from tests.helpers.commands import TINY, run_command

            draft = shared / "draft"
            shutil.rmtree(draft, ignore_errors=True)  # of a process that failed
            ended = run_command("ablate", TINY, f"--workdir={draft / 'sweep'}")
            assert ended.status == 0, ended.err
            draft.rename(directory.parent)
    return directory


@pytest.fixture
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn in one format only, which is quicker; `monkeypatch.undo()` brings all back."""
    monkeypatch.setattr("lenet_jax.report.figures.FORMATS", ("png",))


@pytest.fixture
def sweep_copy(finished_sweep: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of `finished_sweep`, for the test alone."""
    return shutil.copytree(finished_sweep, tmp_path / "sweep")
