"""Populations: runs trained together are what they are alone."""

import functools

import jax
import numpy as np
import pytest

from lenet_jax.engine import largest_that_fits, make_engine, population_engine
from lenet_jax.models import LeNet5
from lenet_jax.training import Numbers
from tests.test_training import make_images, make_program

NUMBERS = Numbers(
    seed=np.array([0, 1, 2, 2], np.int32),
    learning_rate=np.array([0.1, 0.1, 0.1, 0.05], np.float32),
    momentum=np.array([0.9, 0.9, 0.5, 0.9], np.float32),
    weight_decay=np.array([0.0, 0.01, 0.0, 0.0], np.float32),
)


def outcome(engine, program, numbers):
    """State, means and scores of a population after two epochs, on the host."""
    data = engine.put(make_images(size=12))
    state = engine.init_state(program, numbers)
    for epoch in range(2):
        state, means = engine.train_epoch(program, state, data, numbers.seed, epoch)
    score = engine.evaluate(program, state, data, 50, 20)
    return jax.tree.map(np.asarray, (state, means, score))


def wired(connectivity, sharing):
    model = LeNet5((connectivity, "local"), (sharing, "shared"), maps=(2, 3), kernel_size=3, hidden=(6,))
    return make_program(model, image_size=12)


WIRINGS = [("local", "shared"), ("random", "unshared"), ("random", "shared"), ("full", "shared")]


def compare_with_alone(together, program, compare):
    """Every array of every run, with the same run trained in a population of one."""
    for run in range(4):
        numbers = jax.tree.map(lambda array, run=run: array[run : run + 1], NUMBERS)
        alone = outcome(make_engine("jit"), program, numbers)
        jax.tree.map(lambda all_, one, run=run: compare(all_[run], one[0]), together, alone)


@pytest.mark.parametrize(("connectivity", "sharing"), WIRINGS)
def test_runs_spread_over_devices_are_bit_for_bit_what_they_are_alone(connectivity, sharing):
    assert jax.local_device_count() == 4, "tests/conftest.py asks for 4 simulated devices"
    program = wired(connectivity, sharing)
    engine = make_engine("jit", runs=4)
    assert engine.run_devices == 4
    compare_with_alone(outcome(engine, program, NUMBERS), program, np.testing.assert_array_equal)


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize(("connectivity", "sharing"), WIRINGS)
def test_runs_side_by_side_are_what_they_are_alone_to_rounding(connectivity, sharing, devices):
    """As accelerators train them, here on simulated devices: all of them on one, and two on each of two."""
    program = wired(connectivity, sharing)
    engine = population_engine(devices, side_by_side=True)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    compare_with_alone(outcome(engine, program, NUMBERS), program, close)


def test_side_by_side_all_runs_are_taken_where_memory_has_no_end():
    program, data = wired("local", "shared"), make_images(size=12)
    assert population_engine(2, side_by_side=True).capacity(program, data, 5) == 6
    assert population_engine(2, side_by_side=False).capacity(program, data, 5) == 2
    assert make_engine("pmap").capacity(program, data, 5) == 1


def test_memory_bounds_the_runs_side_by_side(monkeypatch):
    """A device that tells its limit, with room for four runs but not for eight."""
    program, data = wired("local", "shared"), make_images(size=12)
    asked = []

    def largest(wanted, bytes_needed, free):
        asked.extend((wanted, free, bytes_needed(4), bytes_needed(8)))
        return largest_that_fits(wanted, bytes_needed, (bytes_needed(4) + bytes_needed(8)) / 2)

    monkeypatch.setattr("lenet_jax.engine.largest_that_fits", largest)
    assert population_engine.__wrapped__(1, side_by_side=True).capacity(program, data, 16) == 4
    wanted, free, four, eight = asked
    assert wanted == 16 and free == float("inf") and 1.5 * four < eight < 2.5 * four


def test_halving_ends_at_one_run():
    assert largest_that_fits(10, lambda runs: runs, 100) == 10
    assert largest_that_fits(10, lambda runs: runs, 5) == 5
    assert largest_that_fits(10, lambda runs: runs, 4) == 3
    assert largest_that_fits(10, lambda runs: runs, 0) == 1
