"""Schedules and update rules, against numbers worked out by hand and optax's own optimizers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lenet_jax.training.optimizer import SCHEDULES, OptimizerSpec

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
    ours = OptimizerSpec("sgd", "cosine", 5, 0).build(0.3, 0.8, 0.02)
    rate = optax.cosine_decay_schedule(0.3, 5)
    theirs = optax.chain(optax.add_decayed_weights(0.02, kernels_only), optax.sgd(rate, momentum=0.8))
    assert_same(run_steps(ours), run_steps(theirs))


def test_adam_is_optax_adamw():
    ours = OptimizerSpec("adam", "linear", 5, 0).build(0.3, 0.8, 0.02)
    rate = optax.linear_schedule(0.3, 0.0, 5)
    theirs = optax.adamw(rate, b1=0.8, weight_decay=0.02, mask=kernels_only)
    assert_same(run_steps(ours), run_steps(theirs))


def test_updates_read_the_numbers_from_the_state():
    """So that one compiled step serves every learning rate, momentum and weight decay."""
    spec = OptimizerSpec("sgd", "constant", 5, 0)
    state = spec.build(0.3, 0.8, 0.02).init(PARAMS)
    grads = jax.tree.map(jnp.ones_like, PARAMS)
    with_numbers, _ = spec.build(0.3, 0.8, 0.02).update(grads, state, PARAMS)
    without, _ = spec.build().update(grads, state, PARAMS)
    assert_same(without, with_numbers)
    assert float(jnp.abs(without["layer"]["bias"]).max()) == pytest.approx(0.3)
