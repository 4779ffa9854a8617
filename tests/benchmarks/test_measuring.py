"""Workloads, and how they are measured in turns."""

import time

import pytest

from benchmarks import measuring, workloads
from benchmarks.measuring import Work
from lenet_jax.errors import UserError


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


def test_a_workload_that_ends_early_is_reported_in_one_sentence(capfd):
    with pytest.raises(UserError, match="ended early: what it printed is above"):
        measuring.in_turns([Work("tests.benchmarks.test_measuring:sleep", {"seconds": "long"})], 1)
    assert "TypeError" in capfd.readouterr().err
