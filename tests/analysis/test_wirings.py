"""How much runs vary by their wiring: against drawn layouts whose variances are known."""

import numpy as np
import pytest
from scipy import stats

from lenet_jax.analysis.wirings import wiring_rows
from tests.helpers.results import result

FIELDS = {"model.connectivity": "random", "seed": 0}


def rows_of(y_WS, **others):
    """The rows for accuracies in percent, one arm per wiring."""
    fields = {f"net_{number}": FIELDS | {"model.wiring_seed": number} for number in range(len(y_WS))}
    results = [
        result(f"net_{number}", seed, value / 100)
        for number, row in enumerate(y_WS)
        for seed, value in enumerate(row)
    ]
    return wiring_rows(results, fields | others)


def drawn(number, wirings=10, seeds=3, of_wiring=0.3, of_seed=0.1, residual=0.2):
    rng = np.random.default_rng(number)
    y_WS = rng.normal(0, residual, (wirings, seeds)) + 50
    return y_WS + rng.normal(0, of_wiring, (wirings, 1)) + rng.normal(0, of_seed, seeds)


def test_the_variances_are_those_of_the_layout():
    found = [rows_of(drawn(number))[0] for number in range(200)]
    assert np.mean([row["sd_wiring"] ** 2 for row in found]) == pytest.approx(0.09, rel=0.15)
    assert np.mean([row["sd_residual"] ** 2 for row in found]) == pytest.approx(0.04, rel=0.1)
    assert np.mean([row["sd_seed"] ** 2 for row in found]) == pytest.approx(0.01, rel=0.4)
    covers = [row["wiring_ratio_ci_low"] <= 0.09 / 0.04 <= row["wiring_ratio_ci_high"] for row in found]
    assert 0.91 <= np.mean(covers) <= 0.99


def test_wirings_that_do_not_differ_are_found_to_differ_as_often_as_the_test_says():
    p_values = [rows_of(drawn(number, of_wiring=0.0))[0]["p"] for number in range(300)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_the_quotient_is_that_of_an_analysis_of_variance():
    """By hand: wirings differ by 2, seeds by 1, residuals are (0.5, -0.5) and its negative."""
    y_WS = np.array([[10.5, 10.5], [11.5, 12.5], [14.0, 15.0]])
    [row] = rows_of(y_WS)
    between = 2 * np.square(y_WS.mean(1) - y_WS.mean()).sum() / 2
    rest = y_WS - y_WS.mean(1, keepdims=True) - y_WS.mean(0) + y_WS.mean()
    residual = np.square(rest).sum() / 2
    assert row["p"] == pytest.approx(stats.f.sf(between / residual, 2, 2))
    assert row["wiring_ratio_mean"] == pytest.approx((between / residual - 1) / 2)
    assert (row["network"], row["wirings"], row["seeds"]) == ("net", 3, 2)


def test_a_ratio_whose_interval_would_lie_below_0_has_none():
    """Wirings of equal means: all that differs is in the residuals."""
    y_WS = np.array([[10.0, 12.0], [12.0, 10.0]] * 5)
    [row] = rows_of(y_WS)
    assert row["wiring_ratio_mean"] == 0 and row["p"] == pytest.approx(1)
    assert row["wiring_ratio_ci_low"] is None and row["wiring_ratio_ci_high"] is None


def test_arms_that_differ_in_more_or_are_few_have_no_row():
    assert rows_of(drawn(0, wirings=2)) == []
    assert rows_of(drawn(0, seeds=1)) == []
    other = {"other": FIELDS | {"model.wiring_seed": 3, "model.maps": [2]}}
    assert len(rows_of(drawn(0), **other)) == 1
    each = {"net": FIELDS | {"model.wiring_seed": -1}}
    assert rows_of(drawn(0), **each)[0]["wirings"] == 10


def test_runs_that_are_equal_have_no_ratio():
    [row] = rows_of(np.full((3, 2), 50.0))
    assert (
        row["sd_wiring"] == row["sd_residual"] == 0 and row["p"] is None and row["wiring_ratio_mean"] is None
    )
