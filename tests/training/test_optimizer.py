"""Schedules and update rules, against their formulas and optax's own optimizers."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lenet_jax.native import calls, library
from lenet_jax.training.optimizer import OPTIMIZERS, SCHEDULES, OptimizerSpec
from tests.helpers.hyperparameters import one_run

needs_compiler = pytest.mark.skipif(
    library.find_compiler() is None, reason="there is no C++ compiler to build the kernel with"
)
NUMBERS = one_run(learning_rate=0.3, momentum=0.8, weight_decay=0.02)
PARAMS = {"layer": {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([0.1, -0.3])}}


def rates(schedule, total_steps, warmup_steps=0):
    relative = OptimizerSpec("sgd", schedule, total_steps, warmup_steps).relative_learning_rate()
    return [float(relative(step)) for step in range(total_steps)]


def test_schedules_without_warmup():
    np.testing.assert_allclose(rates("constant", 4), [1, 1, 1, 1])
    np.testing.assert_allclose(rates("linear", 4), [1, 0.75, 0.5, 0.25])
    np.testing.assert_allclose(
        rates("cosine", 4), [(1 + np.cos(np.pi * t / 4)) / 2 for t in range(4)], atol=1e-6
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warmup_rises_linearly_to_the_peak_and_then_decays(schedule):
    np.testing.assert_allclose(rates(schedule, 9, 5)[:5], [0.2, 0.4, 0.6, 0.8, 1.0], atol=1e-6)
    np.testing.assert_allclose(rates(schedule, 9, 5)[5:], rates(schedule, 4), atol=1e-6)
    assert rates(schedule, 5, 1)[0] == 1.0


def run_steps(transformation, steps=5):
    params, state = PARAMS, transformation.init(PARAMS)
    for step in range(steps):
        grads = jax.tree.map(lambda p, scale=step + 1: 0.1 * scale * p + 0.05, params)
        updates, state = transformation.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params


def assert_same(ours, theirs):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ours, theirs)


def kernels_only(params):
    return {"layer": {"kernel": True, "bias": False}}


def test_sgd_is_optax_sgd_with_l2():
    ours = OptimizerSpec("sgd", "cosine", 5, 0).build(NUMBERS)
    rate = optax.cosine_decay_schedule(0.3, 5)
    theirs = optax.chain(optax.add_decayed_weights(0.02, kernels_only), optax.sgd(rate, momentum=0.8))
    assert_same(run_steps(ours), run_steps(theirs))


@needs_compiler
@pytest.mark.parametrize("units", [3, 70_000])  # one thread, and several that share the parameters
def test_a_native_step_is_that_of_optax(units):
    spec = OptimizerSpec("sgd", "cosine", 5, 1)
    native = dataclasses.replace(spec, native=True)
    params = {
        "layer": {
            "kernel": jax.random.normal(jax.random.key(0), (2, units)),
            "bias": jax.random.normal(jax.random.key(1), (units,)),
        }
    }
    start = params, spec.build(NUMBERS).init(params)

    @functools.partial(jax.jit, static_argnums=0)
    def train(spec, weights):
        step = spec.make_step(NUMBERS)
        for number in range(1, 5):
            params, state = weights
            weights = step(
                jax.tree.map(lambda p, scale=number: 0.1 * scale * p + 0.05, params), state, params
            )
        return weights

    assert "lenet_jax_momentum_step" in train.lower(native, start).as_text()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        train(native, start),
        train(spec, start),
    )


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=needs_compiler)])
def test_an_l1_penalty_shrinks_kernels_and_small_weights_become_0(native):
    """Two steps of beta-lasso, by its formulas; biases are not penalised."""
    numbers = one_run(learning_rate=0.1, momentum=0.0, l1_penalty=0.5, l1_threshold=0.4)
    spec = OptimizerSpec("sgd", "constant", 5, 0, native=native, penalises_l1=True)
    step, weights = spec.make_step(numbers), (PARAMS, spec.build(numbers).init(PARAMS))
    gradients = jax.tree.map(jnp.ones_like, PARAMS)
    kernel, bias = np.array([[1.0, -2.0], [0.25, 0.0]]), np.array([0.1, -0.3])
    params = {"layer": {"kernel": jnp.array(kernel), "bias": jnp.array(bias)}}
    for _ in range(2):
        params, state = step(gradients, weights[1], params)
        kernel = kernel - 0.1 * (1 + 0.5 * np.sign(kernel))
        kernel[abs(kernel) < 0.2] = 0
        bias = bias - 0.1
        weights = params, state
    assert kernel.tolist() == [[pytest.approx(0.7), pytest.approx(-2.1)], [0, 0]]
    np.testing.assert_allclose(params["layer"]["kernel"], kernel, rtol=1e-6)
    np.testing.assert_allclose(params["layer"]["bias"], bias, rtol=1e-6)


@needs_compiler
def test_without_decay_an_infinite_parameter_stays_infinite():
    numbers = {"momentum": 0.5, "learning_rate": 0.1, "decays": jnp.zeros(())}
    params, trace = calls.momentum_step(jnp.full(20, jnp.inf), jnp.ones(20), jnp.ones(20), **numbers)
    assert jnp.isinf(params).all() and (trace == 1.5).all()


@needs_compiler
def test_what_a_native_step_starts_from_can_still_be_read():
    """It is computed in place, unless something else needs the old parameters."""
    arrays = jnp.arange(4.0), jnp.ones(4), jnp.ones(4)

    def step(params, trace, gradient):
        numbers = {"momentum": 0.5, "learning_rate": 0.1, "decays": jnp.zeros(())}
        return params, calls.momentum_step(params, trace, gradient, **numbers)

    jitted = jax.jit(step, donate_argnums=(0, 1))
    old, (params, trace) = jitted(*(jnp.array(array) for array in arrays))
    np.testing.assert_allclose(old, [0, 1, 2, 3])
    np.testing.assert_allclose(params, old - 0.15, rtol=1e-6)
    np.testing.assert_allclose(trace, [1.5, 1.5, 1.5, 1.5])
    batch = [jnp.stack([array, 2 * array]) for array in arrays]
    for each in (jax.vmap(step), jax.pmap(step)):
        jax.tree.map(
            np.testing.assert_allclose,
            each(*batch),
            jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), step(*arrays)),
        )


def test_adam_is_optax_adamw():
    ours = OptimizerSpec("adam", "linear", 5, 0).build(NUMBERS)
    rate = optax.linear_schedule(0.3, 0.0, 5)
    theirs = optax.adamw(rate, b1=0.8, weight_decay=0.02, mask=kernels_only)
    assert_same(run_steps(ours), run_steps(theirs))


def test_levenberg_marquardt_divides_by_damping_plus_curvature():
    grads, curvature = (jax.tree.map(lambda p, x=x: jnp.full_like(p, x), PARAMS) for x in (0.2, 0.4))
    numbers = one_run(learning_rate=0.3, weight_decay=0.0, damping=0.1)
    optimizer = OptimizerSpec("levenberg_marquardt", "constant", 5, 0).build(numbers, curvature)
    updates, _ = optimizer.update(grads, optimizer.init(PARAMS), PARAMS)
    assert_same(updates, jax.tree.map(lambda p: jnp.full_like(p, -0.3 / (0.1 + 0.4) * 0.2), PARAMS))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_compiled_step_serves_all_numbers(name):
    spec = OptimizerSpec(name, "constant", 5, 0)
    grads = jax.tree.map(jnp.ones_like, PARAMS)

    def update(numbers):
        optimizer = spec.build(numbers, curvature=grads)
        return optimizer.update(grads, optimizer.init(PARAMS), PARAMS)[0]

    compiled = jax.jit(update)
    others = one_run(learning_rate=0.7, momentum=0.4, weight_decay=0.1, damping=3.0)
    for numbers in (NUMBERS, others):
        assert_same(compiled(numbers), update(numbers))
    assert compiled._cache_size() == 1
    if name == "sgd":
        assert float(jnp.abs(compiled(NUMBERS)["layer"]["bias"]).max()) == pytest.approx(0.3)
