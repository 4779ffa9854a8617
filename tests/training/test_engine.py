"""Populations: runs trained together give what each gives alone."""

import functools
import math

import jax
import numpy as np
import pytest

from lenet_jax.models.networks import MLP
from lenet_jax.training.distortion import Distortion
from lenet_jax.training.engine import LARGEST_POPULATION, make_engine, population_engine, runs_that_fit
from lenet_jax.training.epoch import image_shapes
from lenet_jax.training.hyperparameters import hyperparameter_shapes
from lenet_jax.training.objective import Objective
from lenet_jax.training.optimizer import OptimizerSpec
from lenet_jax.training.program import Program
from tests.helpers.devices import simulated
from tests.helpers.hyperparameters import population
from tests.helpers.networks import cnn
from tests.training.test_epoch import make_images, make_program

RUNS = (
    {"seed": 0},
    {"seed": 1, "weight_decay": 0.01},
    {"seed": 2, "momentum": 0.5},
    {"seed": 2, "learning_rate": 0.05},
)


def outcome(engine, program, runs):
    """State, means, scores and answers of a population after two epochs, on the host."""
    data = engine.put(make_images(size=program.image_size))
    state = engine.init_state(program, population(*runs))
    for epoch in range(2):
        state, means = engine.train_epoch(program, state, data, epoch)
    scored = engine.evaluate(program, state, data, 50, 20)
    return jax.tree.map(np.asarray, (state, means, scored))


def wired(connectivity, sharing):
    """The program of a network with these wirings, one per stage."""
    model = cnn(connectivity, sharing, maps=(2, 3), kernel_size=3, hidden=(6,))
    return make_program(model, image_size=12)


WIRINGS = [(("local", "random"), ("shared", "unshared")), (("random", "full"), ("shared", "shared"))]


def compare_with_alone(together, program, runs, compare):
    """Every array of every run, with the same run trained in a population of one."""
    for index, run in enumerate(runs):
        alone = outcome(make_engine("jit"), program, [run])
        jax.tree.map(lambda all_, one, index=index: compare(all_[index], one[0]), together, alone)


assert_close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("connectivity", "sharing"), WIRINGS, ids=lambda names: ",".join(names))
def test_runs_spread_over_devices_are_bit_for_bit_what_they_are_alone(connectivity, sharing):
    assert jax.local_device_count() == 4, "tests/conftest.py asks for 4 simulated devices"
    program = wired(connectivity, sharing)
    engine = make_engine("jit", runs=4)
    assert engine.run_devices == 4
    compare_with_alone(outcome(engine, program, RUNS), program, RUNS, np.testing.assert_array_equal)


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize(("connectivity", "sharing"), WIRINGS, ids=lambda names: ",".join(names))
def test_runs_side_by_side_are_what_they_are_alone_to_rounding(connectivity, sharing, devices):
    """As accelerators train them, here on simulated devices: all of them on one, and two on each of two."""
    program = wired(connectivity, sharing)
    engine = population_engine(simulated(devices), side_by_side=True)
    compare_with_alone(outcome(engine, program, RUNS), program, RUNS, assert_close)


CODES = tuple(tuple((-1) ** (i * j // 3) for j in range(6)) for i in range(10))
PROGRAMS = {
    "squared_error": Program(
        MLP((6,), "scaled_tanh", output="activated", dropout=True),
        OptimizerSpec(
            "levenberg_marquardt", "constant", 100, 0, curvature_images=20, curvature_estimate="maximum"
        ),
        train_images=50,
        batch_size=10,
        image_size=8,
        objective=Objective("squared_error"),
        order="constant",
        distortion=Distortion(0.0),
    ),
    "rbf_competitive": Program(
        MLP((6,), "scaled_tanh", output="rbf", codes=CODES),
        OptimizerSpec("adam", "constant", 100, 0),
        train_images=50,
        batch_size=10,
        image_size=8,
        objective=Objective("rbf_competitive"),
        order="constant",
    ),
}
NUMBERS = {
    "squared_error": {
        "damping": 0.2,
        "loss_scale": 5.0,
        "target_low": -0.5,
        "target_high": 0.5,
        "dropout": 0.1,
        "distortion_probability": 0.5,
        "distortion_shift": 0.0,
        "distortion_scale": 0.0,
        "distortion_squeeze": 0.0,
        "distortion_shear": 0.0,
    },
    "rbf_competitive": {"rbf_j": 5.0, "momentum": 0.5},
}


@pytest.mark.parametrize("loss", PROGRAMS)
def test_every_number_may_differ_between_runs_side_by_side(loss):
    """One run per number, which differs from the first run in this number only."""
    program, numbers = PROGRAMS[loss], NUMBERS[loss]
    base = {"learning_rate": 0.005}
    runs = [base, *(base | {name: value} for name, value in numbers.items())]
    together = outcome(population_engine(simulated(1), side_by_side=True), program, runs)
    compare_with_alone(together, program, runs, assert_close)
    kernels = together[0].params["dense_1"]["kernel"]
    for name, kernel in zip(numbers, kernels[1:], strict=True):
        assert np.abs(kernel - kernels[0]).max() > 1e-4, f"{name} changes nothing"


def test_without_a_memory_limit_a_population_has_the_largest_size():
    program = make_program()
    engine = population_engine(simulated(2), side_by_side=True)
    assert engine.memory_limit() == math.inf
    assert engine.capacity(program, 70, 5000, math.inf) == 2 * LARGEST_POPULATION
    assert engine.capacity(program, 70, 5, math.inf) == 2 * 3
    assert population_engine(simulated(2), side_by_side=False).capacity(program, 70, 5, math.inf) == 2
    assert make_engine("pmap").capacity(program, 70, 5, math.inf) == 1


def test_the_device_with_the_least_memory_limits_a_population(monkeypatch):
    limits = dict(zip(simulated(2), (7e9, 5e9), strict=True))
    monkeypatch.setattr("lenet_jax.training.engine._memory_limit", limits.get)
    assert population_engine(simulated(2), side_by_side=True).memory_limit() == 5e9


@pytest.mark.parametrize("batch_size", [1, 50])
def test_a_population_fits_the_memory(batch_size):
    """Training, evaluation and initialisation stay within it; for twice as many runs they would not."""
    limit = 60e6
    engine = population_engine.__wrapped__(simulated(1), side_by_side=True)
    model = cnn(("local",), ("shared",), maps=(3,), kernel_size=3, hidden=())
    program = make_program(model, batch_size=batch_size, image_size=12)
    runs = engine.capacity(program, 70, LARGEST_POPULATION, limit)
    assert 1 < runs < LARGEST_POPULATION

    def largest(runs):
        hyperparameters = hyperparameter_shapes(runs)
        data, state = image_shapes(program, 70), engine.init_state.eval_shape(program, hyperparameters)
        evaluation = engine.evaluate.__self__
        chosen = None, hyperparameters, state.drawn, data, 0, 70, 0
        chunk = evaluation.take_chunk.eval_shape(*chosen)
        calls = (
            engine.init_state.lower(program, hyperparameters),
            engine.train_epoch.lower(program, state, data, 0),
            evaluation.take_chunk.lower(*chosen),
            evaluation.outputs.lower(program.model, state.variables, chunk.images),
        )
        memory = [call.compile().memory_analysis() for call in calls]
        return max(usage.temp_size_in_bytes + usage.output_size_in_bytes for usage in memory)

    assert largest(runs) <= limit < 1.5 * largest(2 * runs)


def test_a_population_has_at_least_one_run_and_at_most_as_many_as_fit():
    assert runs_that_fit(lambda runs: 7 + 3 * runs, 22, 5) == 5
    assert runs_that_fit(lambda runs: 7 + 3 * runs, 22, 3) == 3
    assert runs_that_fit(lambda runs: 7 + 3 * runs, 5, 9) == 1
    assert runs_that_fit(lambda runs: runs, float("inf"), 5000) == 5000
    # Further runs need more memory than the second.
    assert runs_that_fit(lambda runs: 3 * runs + 20 * (runs > 2), 100, 60) == 26
    # A compiler that refuses what does not fit.
    assert runs_that_fit(lambda runs: 3 * runs if runs < 9 else float("inf"), 100, 60) == 8
    assert runs_that_fit(lambda runs: runs if runs < 2 else float("inf"), 100, 60) == 1


def test_runs_that_fit_are_compiled_for_once(monkeypatch):
    """And those of later turns, which are no more, not again."""
    tried = []

    def needed(*arguments):
        tried.append(arguments[-1])
        return arguments[-1]

    monkeypatch.setattr("lenet_jax.training.engine._bytes_on_a_device", needed)
    engine = population_engine.__wrapped__(simulated(1), side_by_side=True)
    capacity = functools.partial(engine.capacity, make_program(), 70, limit=22)
    assert capacity(20) == 20
    assert tried == [20]
    assert capacity(30) == 22
    assert tried == [20, 30, 1, 2, 22]
    assert capacity(8) == 8
    assert capacity(25) == capacity(90) == 22
    assert tried == [20, 30, 1, 2, 22]
    assert capacity(25, limit=24) == 24
