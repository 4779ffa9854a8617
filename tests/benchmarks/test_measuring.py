"""Workloads, and how they are measured in turns."""

import os
import pathlib
import time

import pytest

from benchmarks import measuring, workloads
from benchmarks.measuring import Work
from lenet_jax.errors import UserError
from lenet_jax.training.jax_settings import THREADS


def test_a_workload_trains_every_run_for_an_epoch():
    fields = {"model.name": "mlp", "model.hidden": (3,), "data.image_size": 8, "train.batch_size": 10}
    workloads.train(fields, 50, [0.1, 0.2, 0.1])()


def sleep(seconds: float):
    return lambda: time.sleep(seconds)


@pytest.mark.slow
def test_workloads_take_turns_in_processes_of_their_own():
    fast, slow = measuring.in_turns(
        [Work("tests.benchmarks.test_measuring:sleep", {"seconds": seconds}) for seconds in (0.0, 0.05)], 3
    )
    assert len(fast.seconds) == len(slow.seconds) == 3
    assert all(slow_turn > fast_turn for fast_turn, slow_turn in zip(fast.seconds, slow.seconds, strict=True))
    assert fast.peak_megabytes > 1


def save_threads(folder: str, name: str):
    return lambda: pathlib.Path(folder, name).write_text(os.environ[THREADS])


@pytest.mark.slow
def test_side_by_side_each_process_has_its_threads(tmp_path, monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)
    works = [
        Work("tests.benchmarks.test_measuring:save_threads", {"folder": str(tmp_path), "name": name})
        for name in ("one", "other")
    ]
    [measured] = measuring.in_turns(
        [Work("benchmarks.measuring:side_by_side", {"works": works, "threads": 1})], 2
    )
    assert len(measured.seconds) == 2
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["1", "1"]


def test_a_workload_that_ends_early_is_reported_in_one_sentence(capfd):
    with pytest.raises(UserError, match="ended early: what it printed is above"):
        measuring.in_turns([Work("tests.benchmarks.test_measuring:sleep", {"seconds": "long"})], 1)
    assert "TypeError" in capfd.readouterr().err
