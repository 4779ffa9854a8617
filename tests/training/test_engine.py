"""Populations: runs trained together are what they are alone."""

import functools

import jax
import numpy as np
import pytest

from lenet_jax.training.engine import LARGEST_POPULATION, make_engine, population_engine, runs_that_fit
from lenet_jax.training.epoch import HYPERPARAMETER_TYPES, Hyperparameters, image_shapes
from tests.helpers.networks import cnn
from tests.training.test_epoch import make_images, make_program

NUMBERS = Hyperparameters(
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
    model = cnn((connectivity, "local"), (sharing, "shared"), maps=(2, 3), kernel_size=3, hidden=(6,))
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


def test_where_memory_has_no_end_a_population_is_as_large_as_any():
    program = wired("local", "shared")
    assert population_engine(2, side_by_side=True).capacity(program, 70) == 2 * LARGEST_POPULATION
    assert population_engine(2, side_by_side=False).capacity(program, 70) == 2
    assert make_engine("pmap").capacity(program, 70) == 1


@pytest.mark.parametrize("batch_size", [1, 50])
def test_a_population_fits_the_memory_that_a_device_tells(monkeypatch, batch_size):
    """Training, evaluation and initialisation of so many runs stay within it; of twice as many, not."""
    limit = 60e6
    monkeypatch.setattr("lenet_jax.engine._memory_limit", lambda device: limit)
    engine = population_engine.__wrapped__(1, side_by_side=True)
    program = make_program(wired("local", "shared").model, batch_size=batch_size, image_size=12)
    runs = engine.capacity(program, 70)
    assert 1 < runs < LARGEST_POPULATION

    def largest(runs):
        numbers = Hyperparameters(*(np.zeros(runs, kind) for kind in HYPERPARAMETER_TYPES))
        data, state = image_shapes(program, 70), engine.init_state.eval_shape(program, numbers)
        calls = (
            engine.init_state.lower(program, numbers),
            engine.train_epoch.lower(program, state, data, numbers.seed, 0),
            engine.evaluate.lower(program, state, data, 0, 70),
        )
        memory = [call.compile().memory_analysis() for call in calls]
        return max(it.temp_size_in_bytes + it.output_size_in_bytes for it in memory)

    assert largest(runs) <= limit < 1.5 * largest(2 * runs)


def test_a_population_has_at_least_one_run_and_at_most_as_many_as_fit():
    assert runs_that_fit(lambda runs: 7 + 3 * runs, 22) == 5
    assert runs_that_fit(lambda runs: 7 + 3 * runs, 5) == 1
    # Fewer than the first two promise.
    assert runs_that_fit(lambda runs: 3 * runs + 20 * (runs > 2), 100) == 26
    assert runs_that_fit(lambda runs: runs, float("inf")) == LARGEST_POPULATION
