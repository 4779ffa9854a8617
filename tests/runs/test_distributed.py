"""Two processes that train one population through `jax.distributed`, over loopback."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from lenet_jax.runs.group import LOST, NOTICE_SECONDS
from tests.helpers import commands, folders
from tests.helpers.commands import PROJECT, TINY
from tests.runs.test_kills import assert_same

# Two populations of two runs, one on each process.
SWEEP = [
    f"--config={PROJECT / 'tests' / 'helpers' / 'killed_sweep.py'}",
    "--config.arms=convolution,mlp",
    "--config.seeds=2",
    "--config.train.epochs=8",
    "--config.checkpoint_minutes=0",
]
SECONDS = 600  # after which a test gives up
pytestmark = pytest.mark.slow


def start(directory, *arguments, of_second=()):
    """Both processes of a sweep."""
    joined = ["--distributed", f"--coordinator={coordinator()}", "--processes=2"]
    return [
        start_module(
            *("experiments.ablate", f"--workdir={directory}", *arguments, *joined),
            *(f"--process={process}", *(of_second if process else ())),
        )
        for process in range(2)
    ]


def coordinator():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def start_module(*arguments):
    """A process in a session of its own, as on a machine of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env=commands.one_device(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ends(processes):
    """The exit status of each process, and what it printed."""
    printed = [process.communicate(timeout=SECONDS) for process in processes]
    return [(process.returncode, *of) for process, of in zip(processes, printed, strict=True)]


def wait_for(directory, pattern):
    """Waits until files match."""
    last = time.monotonic() + SECONDS
    while not list(directory.glob(pattern)):
        assert time.monotonic() < last, f"no {pattern} in {SECONDS} s"
        time.sleep(0.01)


def test_two_processes_give_the_tables_of_one(finished_sweep, tmp_path):
    first, second = ends(start(tmp_path / "sweep", TINY))
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert folders.tables(tmp_path / "sweep") == folders.tables(finished_sweep)
    assert folders.numbers(tmp_path / "sweep") == folders.numbers(finished_sweep)
    assert "local, shared" in first[1] and not second[1]  # process 0 prints the tables
    trained = [re.findall(r"\] (\w+ seed \d): ", err) for _, _, err in (first, second)]
    assert len(trained[0]) == len(trained[1]) == 4 and not set(trained[0]) & set(trained[1])


def test_processes_that_were_told_to_end_or_lost_one_go_on_to_the_same_table(tmp_path):
    alone = subprocess.run(
        [
            *(sys.executable, "-m", "experiments.ablate", *SWEEP),
            f"--workdir={tmp_path / 'alone'}",
            "--workers=1",
        ],
        cwd=PROJECT,
        env=commands.one_device(),
        capture_output=True,
        text=True,
    )
    assert alone.returncode == 0, alone.stderr
    directory = tmp_path / "sweep"

    processes = start(directory, *SWEEP)
    wait_for(directory, "checkpoints/convolution-seed1/epoch-2.msgpack")
    os.kill(processes[1].pid, signal.SIGTERM)
    first, second = ends(processes)
    assert second[0] == 128 + signal.SIGTERM and "what is finished is saved" in second[2]
    assert first[0] == 1 and "error: Another process of this program was told to end" in first[2]
    saved = [
        sorted(path.name for path in folder.iterdir()) for folder in (directory / "checkpoints").iterdir()
    ]
    assert len(saved) == 2 and saved[0] == saved[1]  # both after the same epoch

    processes = start(directory, *SWEEP)
    wait_for(directory, "checkpoints/*-seed1/epoch-5.msgpack")
    os.killpg(processes[1].pid, signal.SIGKILL)  # with the process that trains, as if the machine were lost
    killed = time.monotonic()
    first, _ = ends(processes)
    assert time.monotonic() - killed < NOTICE_SECONDS
    assert first[0] == 1 and first[2].splitlines()[-1].startswith(
        "error: Another process of this program was"
    )
    assert "Traceback" not in first[2] and "Check failure" not in first[2]

    first, second = ends(start(directory, *SWEEP))
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert_same(directory, tmp_path / "alone")


@pytest.mark.parametrize("cause", ["loss", "device"])
def test_a_failed_step_counts_as_the_loss_of_another_process_only_if_one_is_lost(cause, tmp_path):
    command = ("tests.helpers.failing_step", cause, str(tmp_path / "sweep"), coordinator())
    first, second = ends([start_module(*command, process) for process in ("0", "1")])
    assert first[0] == second[0] == 1
    last = [err.splitlines()[-1] for _, _, err in (first, second)]
    if cause == "loss":
        assert last[0] == f"error: {LOST}"
        assert last[1].startswith("error: The process that trains was killed (SIGKILL)")
        assert "Traceback" not in first[2]
    else:
        assert last[0].startswith("error: The process that trains ended with status 1, see above")
        assert "JaxRuntimeError: INTERNAL: the device failed" in first[2]
        assert last[1] == f"error: {LOST}"


def test_processes_with_different_commands_are_refused(tmp_path):
    first, second = ends(start(tmp_path / "sweep", TINY, of_second=["--config.train.epochs=3"]))
    for status, out, err in (first, second):
        assert status == 1 and not out
        assert "error: Process 1 has a command unlike process 0" in err
    assert not folders.lines(tmp_path / "sweep", "runs")
