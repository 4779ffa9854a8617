"""Simulated sweeps: their true error rates are those they are said to have, and intervals cover them."""

import numpy as np
import pytest

from lenet_jax.analysis.coverage import ARMS, MNIST_LIKE, bias, coverage, simulate

FEW_IMAGES = MNIST_LIKE._replace(images=2000)


def test_error_rates_of_many_images_are_the_true_ones():
    wrong = simulate(MNIST_LIKE._replace(images=400_000, luck=0.0), 1, np.random.default_rng(0))
    for arm, error in MNIST_LIKE.errors.items():
        assert len(wrong.images[arm, 0]) / wrong.count == pytest.approx(error, rel=0.05)


def test_a_bias_has_the_mean_probability():
    for spread in (3.0, 10.5):
        draws = np.random.default_rng(0).normal(bias(0.02, spread), spread, 1_000_000)
        assert np.mean(1 / (1 + np.exp(-draws))) == pytest.approx(0.02, rel=0.02)
    assert bias(0.5, 3.0) == pytest.approx(0, abs=1e-9)


def test_seeds_and_arms_share_images_and_differ():
    """Networks that are wrong at random would share one wrong image in a hundred."""
    wrong = simulate(MNIST_LIKE, 2, np.random.default_rng(0))
    first, second = (set(wrong.images[ARMS[0], seed]) for seed in range(2))
    other = set(wrong.images[ARMS[1], 0])
    assert 0.6 < len(first & second) / len(first) < 0.9
    assert 0.4 < len(first & other) / len(first) < len(first & second) / len(first)


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_cover_the_truth_as_often_as_they_say(seeds):
    """200 sweeps: a coverage of 95% has a standard error of 1.5 points for each effect."""
    found = {(scale, method): share for scale, method, share, _ in coverage(FEW_IMAGES, seeds, 200)}
    assert 0.92 <= found["points", "crossed"] <= 0.985
    assert 0.92 <= found["log error", "crossed"] <= 0.985
    assert found["points", "seeds"] < 0.9
