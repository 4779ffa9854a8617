"""Losses against their formulas, and the predicted class."""

import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.training.objective import Objective
from tests.helpers.hyperparameters import one_run

OUTPUTS = np.array([[0.5, 3.0, 2.0], [4.0, 0.2, 0.1]])
LABELS = np.array([0, 1])


def losses(loss, **numbers):
    outputs, labels = jnp.array(OUTPUTS, jnp.float32), jnp.array(LABELS)
    return np.asarray(Objective(loss).losses(outputs, labels, one_run(**numbers)))


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


def test_the_smallest_distance_predicts_the_class():
    outputs = jnp.array(OUTPUTS)
    assert Objective("rbf").predictions(outputs).tolist() == [0, 2]
    assert Objective("rbf_competitive").predictions(outputs).tolist() == [0, 2]
    assert Objective("squared_error").predictions(outputs).tolist() == [1, 0]
    assert Objective().predictions(outputs).tolist() == [1, 0]
