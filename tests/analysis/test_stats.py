"""Means and proportions with intervals, against worked examples and scipy."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from lenet_jax.analysis.stats import mean_interval, proportion_interval

WIDE = (-math.inf, math.inf)


# Two-sided 95% quantiles as printed in tables of Student's t, by degrees of freedom.
@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262)])
def test_the_interval_is_students_t(freedom, quantile):
    values = list(range(1, freedom + 2))
    mean, low, high = mean_interval(values, WIDE)
    assert mean == pytest.approx(np.mean(values))
    half = quantile * np.std(values, ddof=1) / np.sqrt(freedom + 1)
    assert (low, high) == pytest.approx((mean - half, mean + half), rel=1e-3)


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_the_interval_agrees_with_scipy(n):
    values = np.random.default_rng(n).uniform(0.4, 0.6, n)
    _, low, high = mean_interval(values.tolist(), WIDE)
    expected = scipy_stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy_stats.sem(values))
    assert (low, high) == pytest.approx(expected)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(3, 1, 4).tolist(), WIDE) for _ in range(1000)]
    covered = np.mean([interval.low < 3 < interval.high for interval in intervals])
    assert 0.93 < covered < 0.97  # 95%, with a standard error of 0.7% over 1,000 draws


def test_few_values():
    assert mean_interval([], WIDE) == (None, None, None)
    assert mean_interval([0.75], WIDE) == (0.75, None, None)
    assert mean_interval([0.75, 0.75, 0.75], WIDE) == (0.75, 0.75, 0.75)


def test_a_mean_is_cut_to_what_is_possible_as_well():
    """Rounded values can lie beyond it, and the interval must hold the mean."""
    above = 1 + 1e-15
    assert mean_interval([above, above], (-1.0, 1.0)) == (1.0, 1.0, 1.0)
    assert mean_interval([-above], (-1.0, 1.0)).mean == -1.0


def test_the_interval_is_cut_to_what_is_possible():
    assert mean_interval([0.9, 1.0], (0.0, 1.0)) == (
        pytest.approx(0.95),
        pytest.approx(0.3147, abs=1e-4),
        1.0,
    )
    assert mean_interval([-0.9, -1.0], (-1.0, 1.0))[1] == -1.0


def test_a_proportion_has_wilsons_interval():
    """5 of 100, by the formula."""
    z, p, n = 1.959964, 0.05, 100
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert proportion_interval(5, 100) == pytest.approx((0.05, middle - half, middle + half), rel=1e-4)
