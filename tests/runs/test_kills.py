"""A sweep that is killed 25 times gives, bit by bit, what an untouched one gives; so does one of two workers.

`.venv/bin/python -m pytest -m slow -s tests/runs/test_kills.py` shows where each kill was.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from lenet_jax.runs.loaded import load_sweep
from tests.helpers import commands, folders
from tests.helpers.commands import PROJECT

# Kills of each phase, in an order that a fixed seed draws; the tables come last, as they end a sweep.
KILLS = ["epoch"] * 15 + ["checkpoint"] * 5 + ["record"] * 3
SWEEP = [
    f"--config={PROJECT / 'tests' / 'helpers' / 'killed_sweep.py'}",
    "--config.seeds=3",
    "--config.train.epochs=8",
    "--config.checkpoint_minutes=0",
]
pytestmark = pytest.mark.slow


def started(directory, *killer, workers=1):
    program = ["tests.helpers.killed_command", *killer] if killer else []
    return subprocess.Popen(
        [
            *(sys.executable, "-m", *program, "experiments.ablate", *SWEEP),
            *(f"--workers={workers}", f"--workdir={directory}"),
        ],
        cwd=PROJECT,
        env=commands.one_device(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(directory, *killer):
    """The exit status of a sweep, and what it said."""
    process = started(directory, *killer)
    _, err = process.communicate()
    return process.returncode, err


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    directory = tmp_path_factory.mktemp("untouched") / "sweep"
    status, err = run(directory)
    assert status == 0, err
    return directory


def test_25_kills_change_no_bit(untouched, tmp_path):
    draw = random.Random(12)
    order = draw.sample(KILLS, len(KILLS)) + ["tables"] * 2
    directory = tmp_path / "killed"
    phases = []
    for number, phase in enumerate(order, start=1):
        call = 1 if phase in ("record", "tables") else draw.randint(1, 4)
        moment = draw.randint(0, 12) if phase == "epoch" else draw.randint(0, 6)
        status, err = run(directory, phase, str(call), str(moment))
        assert status == -signal.SIGKILL, err
        [where] = re.findall("^killed in .*$", err, re.MULTILINE)
        recorded = len(folders.records(directory)) if directory.exists() else 0
        print(f"{number}. {where.replace(str(directory), 'DIR')}; {recorded} runs recorded")
        phases.append(where.split()[2].rstrip(","))
    assert len(phases) == 25
    assert phases.count("epoch") >= 15 and phases.count("checkpoint") >= 5
    assert phases.count("record") + phases.count("tables") >= 3
    status, err = run(directory)
    assert status == 0, err
    assert_same(directory, untouched)


def assert_same(directory, untouched):
    """Tables, results without seconds, and every weight are equal; nothing else is left in the folder."""
    for name in ("table.csv", "contrasts.csv"):
        assert (directory / name).read_bytes() == (untouched / name).read_bytes()
    results = [folders.rows(folder / "results.csv") for folder in (directory, untouched)]
    for row in (*results[0], *results[1]):
        del row["wall_seconds"]
    assert results[0] == results[1]
    assert folders.numbers(directory) == folders.numbers(untouched)  # with the digests of all weights
    for one, other in zip(load_sweep(directory), load_sweep(untouched), strict=True):
        if one.result["status"] == "done":
            jax.tree.map(np.testing.assert_array_equal, one.variables, other.variables)
    names = [{path.relative_to(folder) for path in folder.rglob("*")} for folder in (directory, untouched)]
    assert names[0] == names[1]


def test_a_killed_worker_is_replaced_by_another(untouched, tmp_path):
    """Two workers, of which one is killed in a run: the other takes it, and all numbers are those of one."""
    directory = tmp_path / "shared"
    process = started(directory, workers=2)
    victim = None
    while victim is None and process.poll() is None:
        for path in directory.glob("checkpoints/*/epoch-3.msgpack"):
            with contextlib.suppress(OSError, ValueError):  # recorded in the meantime
                victim = int((directory / ".claims" / path.parent.name).read_text())
                os.kill(victim, signal.SIGKILL)
                break
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert f"Worker {victim} was killed (SIGKILL)" in err
    assert_same(directory, untouched)
