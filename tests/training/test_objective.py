"""Losses against their formulas, and the predicted class."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax import backend
from lenet_jax.training.objective import Objective
from tests.helpers.hyperparameters import one_run

OUTPUTS = np.array([[0.5, 3.0, 2.0], [4.0, 0.2, 0.1]])
LABELS = np.array([0, 1])


def losses(loss, **numbers):
    outputs, labels = jnp.array(OUTPUTS, jnp.float32), jnp.array(LABELS)
    return np.asarray(Objective(loss).losses(outputs, labels, one_run(**numbers)))


def test_cross_entropy_has_the_same_values_and_gradients_on_accelerators():
    """There the right class is picked by a product with zeros and ones, on a CPU by its index."""
    rng = np.random.default_rng(0)
    outputs = jnp.array(rng.normal(size=(50, 10), scale=5), jnp.float32)
    labels = jnp.array(rng.integers(0, 10, 50))

    def values_and_gradients():
        def losses(outputs):
            return Objective("cross_entropy").losses(outputs, labels, one_run())

        values, gradient = jax.vjp(losses, outputs)
        return values, *gradient(jnp.ones(50))

    def form():
        return str(jax.make_jaxpr(lambda: values_and_gradients())())

    on_cpu, form_on_cpu = values_and_gradients(), form()
    with backend.compiling_for("cuda"):
        elsewhere, form_elsewhere = values_and_gradients(), form()
    assert "scatter" in form_on_cpu and "scatter" not in form_elsewhere
    for one, other in zip(on_cpu, elsewhere, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    log_softmax = np.asarray(outputs, np.float64)
    log_softmax -= np.log(np.exp(log_softmax).sum(-1, keepdims=True))
    np.testing.assert_allclose(on_cpu[0], -log_softmax[np.arange(50), labels], rtol=1e-5)


def test_squared_error_is_the_mean_over_outputs():
    targets = np.array([[0.8, -0.8, -0.8], [-0.8, 0.8, -0.8]])
    found = losses("squared_error", target_low=-0.8, target_high=0.8)
    np.testing.assert_allclose(found, ((OUTPUTS - targets) ** 2).mean(1), rtol=1e-6)


def test_eq_8_is_the_distance_of_the_right_class():
    np.testing.assert_allclose(losses("rbf"), [0.5, 0.2])


@pytest.mark.parametrize("j", [0.1, 1.0, 10.0])
def test_eq_9_adds_the_competition(j):
    expected = [
        row[label] + np.log(np.exp(-j) + np.exp(-row).sum())
        for row, label in zip(OUTPUTS, LABELS, strict=True)
    ]
    np.testing.assert_allclose(losses("rbf_competitive", rbf_j=j), expected, rtol=1e-5)


def test_the_curvature_of_eq_9_vanishes_where_a_digit_is_recognized():
    """2 p + Var(2 (x - w)), p the share of e^-j in the sum, and the variance over classes and this share."""
    j = 10.0
    codes = np.where(np.random.default_rng(0).random((10, 84)) < 0.5, -1.0, 1.0)

    def loss(state):
        outputs = jnp.square(state - codes).sum(-1)
        return Objective("rbf_competitive").losses(outputs[None], jnp.array([3]), one_run(rbf_j=j))[0]

    def curvature(state):
        return np.diag(jax.hessian(loss)(jnp.asarray(state)))

    assert np.abs(curvature(codes[3])).max() < 3 * np.exp(-j)  # the state is the code of a class
    far = np.zeros(84)
    np.testing.assert_allclose(curvature(far), 2, rtol=1e-4)  # every distance is 84, far beyond j
    between = (codes[3] + codes[5]) / 2
    distances = np.append(np.square(between - codes).sum(1), j)
    p = np.exp(-distances) / np.exp(-distances).sum()
    slopes = np.vstack([2 * (between - codes), np.zeros(84)])
    variance = p @ slopes**2 - (p @ slopes) ** 2
    np.testing.assert_allclose(curvature(between), 2 * p[-1] + variance, rtol=1e-3, atol=1e-5)


def test_the_smallest_distance_predicts_the_class():
    outputs = jnp.array(OUTPUTS)
    assert Objective("rbf").predictions(outputs).tolist() == [0, 2]
    assert Objective("rbf_competitive").predictions(outputs).tolist() == [0, 2]
    assert Objective("squared_error").predictions(outputs).tolist() == [1, 0]
    assert Objective().predictions(outputs).tolist() == [1, 0]
