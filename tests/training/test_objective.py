"""Losses against their formulas, and which output is the answer."""

import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.training.objective import Objective

OUTPUTS = np.array([[0.5, 3.0, 2.0], [4.0, 0.2, 0.1]])
LABELS = np.array([0, 1])


def losses(**fields):
    return np.asarray(Objective(**fields).losses(jnp.array(OUTPUTS, jnp.float32), jnp.array(LABELS)))


def test_squared_error_is_the_mean_over_outputs():
    targets = np.array([[0.8, -0.8, -0.8], [-0.8, 0.8, -0.8]])
    found = losses(loss="squared_error", target_low=-0.8, target_high=0.8)
    np.testing.assert_allclose(found, ((OUTPUTS - targets) ** 2).mean(1), rtol=1e-6)


def test_eq_8_is_the_distance_of_the_right_class():
    np.testing.assert_allclose(losses(loss="rbf"), [0.5, 0.2])


@pytest.mark.parametrize("j", [0.1, 1.0, 10.0])
def test_eq_9_adds_the_competition(j):
    expected = [
        row[label] + np.log(np.exp(-j) + np.exp(-row).sum())
        for row, label in zip(OUTPUTS, LABELS, strict=True)
    ]
    np.testing.assert_allclose(losses(loss="rbf_competitive", rbf_j=j), expected, rtol=1e-5)


def test_of_distances_the_smallest_is_the_answer():
    outputs = jnp.array(OUTPUTS)
    assert Objective("rbf").answers(outputs).tolist() == [0, 2]
    assert Objective("rbf_competitive").answers(outputs).tolist() == [0, 2]
    assert Objective("squared_error").answers(outputs).tolist() == [1, 0]
    assert Objective().answers(outputs).tolist() == [1, 0]
