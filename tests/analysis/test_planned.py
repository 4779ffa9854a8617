"""Planned contrasts: adjusted tests, equivalence, and what is inconclusive."""

import numpy as np
import pytest
from scipy import stats

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.planned import planned_rows
from tests.helpers.results import result


def contrast(name, weights, margin=0.0):
    return {"name": name, "weights": weights, "margin": margin, "seeds": 0}


def results(**errors):
    """Results for test errors in percent by arm, one per seed."""
    return [
        result(name, seed, 1 - error / 100) for name, its in errors.items() for seed, error in enumerate(its)
    ]


ERRORS = {
    "good": (1.0, 1.2, 0.9, 1.1),
    "same": (1.1, 1.0, 1.0, 1.05),
    "bad": (3.0, 3.3, 3.1, 2.9),
    "wild": (1.0, 5.0, 0.5, 2.0),
}
PLANNED = [
    contrast("clear", {"good": 1.0, "bad": -1.0}, 0.5),
    contrast("none", {"good": 1.0, "same": -1.0}, 0.5),
    contrast("open", {"good": 1.0, "wild": -1.0}, 0.5),
    contrast("cost", {"bad": 1.0, "same": -1.0}),
]


def test_each_verdict_is_what_the_tests_say():
    rows = planned_rows(results(**ERRORS), PLANNED)
    assert [row["verdict"] for row in rows] == ["above 0", "equivalent", "inconclusive", "below 0"]
    differences = [np.subtract(ERRORS[b], ERRORS[a]) for a, b in
                   (("good", "bad"), ("good", "same"), ("good", "wild"), ("bad", "same"))]  # fmt: skip
    p_values = [stats.ttest_1samp(values, 0).pvalue for values in differences]
    assert [row["p"] for row in rows] == pytest.approx(p_values)
    assert rows[0]["p_holm"] == pytest.approx(4 * p_values[0])
    assert rows[3]["p_holm"] == pytest.approx(max(4 * p_values[0], 3 * p_values[3]))
    assert [row["fewer_errors_per_hundred_mean"] for row in rows] == pytest.approx(
        np.mean(differences, axis=1)
    )
    above = stats.ttest_1samp(differences[1], -0.5, alternative="greater").pvalue
    below = stats.ttest_1samp(differences[1], 0.5, alternative="less").pvalue
    assert rows[1]["p_equivalent"] == pytest.approx(max(above, below))
    assert rows[3]["p_equivalent"] is None and rows[3]["margin"] is None
    assert rows[0]["error_ratio_mean"] == pytest.approx(1.05 / 3.075)
    assert rows[0]["bootstrap_low"] is None


def test_without_a_margin_no_difference_is_never_said():
    rows = planned_rows(results(**ERRORS), [contrast("none", {"good": 1.0, "same": -1.0})])
    assert rows[0]["verdict"] == "inconclusive"


def test_intervals_that_cover_images_are_checked_by_a_bootstrap():
    rng = np.random.default_rng(0)
    chances = {"good": 0.02, "bad": 0.05}
    images = {
        (arm, seed): np.flatnonzero(rng.random(2000) < chance)
        for arm, chance in chances.items()
        for seed in range(5)
    }
    wrong = Wrong(images, 2000)
    runs = [result(arm, seed, 1 - len(found) / 2000) for (arm, seed), found in images.items()]
    [row] = planned_rows(runs, PLANNED[:1], wrong)
    accuracies = {key: 1 - len(found) / 2000 for key, found in images.items()}
    interval = weighted_sum(PLANNED[0]["weights"], accuracies, wrong).interval()
    assert row["fewer_errors_per_hundred_ci_low"] == pytest.approx(100 * interval.low)
    assert row["bootstrap_low"] < row["fewer_errors_per_hundred_mean"] < row["bootstrap_high"]
    assert row["verdict"] == "above 0" and row["p"] < 0.001


def test_contrasts_without_runs_are_left_out_and_one_seed_tells_nothing():
    assert planned_rows(results(good=(1.0,)), PLANNED) == []
    rows = planned_rows(results(good=(1.0,), bad=(5.0,)), PLANNED)
    assert [(row["contrast"], row["verdict"], row["p"]) for row in rows] == [("clear", "unfinished", None)]
    assert planned_rows(results(**ERRORS), []) == []


def test_contrasts_without_runs_count_in_the_adjustment_and_nothing_is_claimed():
    planned = [*PLANNED[:1], contrast("later", {"good": 1.0, "unknown": -1.0})]
    [row] = planned_rows(results(**ERRORS), planned)
    assert row["p_holm"] == pytest.approx(2 * row["p"]) and row["verdict"] == "unfinished"


def test_a_contrast_whose_arm_always_diverged_is_inconclusive():
    runs = [*results(**ERRORS), *(result("hopeless", seed, None) for seed in range(4))]
    rows = planned_rows(runs, [PLANNED[0], contrast("lost", {"good": 1.0, "hopeless": -1.0}, 0.5)])
    assert [row["verdict"] for row in rows] == ["above 0", "inconclusive"]
    assert rows[1]["seeds"] == 0 and rows[1]["fewer_errors_per_hundred_mean"] is None


def test_with_too_many_diverged_runs_nothing_is_claimed():
    runs = results(good=(1.0, 1.2, 0.9, 1.1, 1.0, 1.1), bad=(3.0, 3.3, 3.1, 2.9, 3.0, 3.1))
    diverged = [result("bad", seed, None) for seed in range(6, 8)]
    extra = results(good=(1.0,) * 9)[6:]
    assert planned_rows([*runs, *extra, *diverged], PLANNED[:1])[0]["verdict"] == "above 0"
    one_more = [*diverged, result("bad", 8, None)]
    [row] = planned_rows([*runs, *extra, *one_more], PLANNED[:1])
    assert row["verdict"] == "inconclusive" and row["p_holm"] is None and row["seeds"] == 6


def test_with_two_seeds_nothing_is_claimed():
    [row] = planned_rows(results(good=(1.0, 1.0001), bad=(9.0, 9.0001)), PLANNED[:1])
    assert row["verdict"] == "inconclusive" and row["p"] is None


def test_before_all_planned_seeds_are_recorded_there_is_no_verdict():
    planned = [PLANNED[0] | {"seeds": 5}]
    [row] = planned_rows(results(**ERRORS), planned)
    assert row["verdict"] == "unfinished"
    rows = planned_rows(results(**ERRORS), [PLANNED[1], *planned])
    assert [row["verdict"] for row in rows] == ["unfinished"] * 2  # together or not at all
    finished = [*results(**ERRORS), result("good", 4, None), result("bad", 4, 0.96)]
    assert planned_rows(finished, planned)[0]["verdict"] == "above 0"  # a diverged run is a result


def test_the_lowest_seeds_count_as_many_as_are_planned():
    planned = [PLANNED[0] | {"seeds": 4}]
    [row] = planned_rows(results(**ERRORS), planned)
    later = [result("good", 4, 0.5), result("bad", 4, 0.9), result("good", 5, None)]
    assert planned_rows([*results(**ERRORS), *later], planned) == [row]
    assert row["verdict"] == "above 0" and row["seeds"] == 4
    # As many runs of both arms, but not with the same seeds.
    shifted = [run | {"seed": run["seed"] + (run["arm"] == "bad")} for run in results(**ERRORS)]
    [row] = planned_rows(shifted, planned)
    assert row["verdict"] == "unfinished"


def test_without_standard_errors_that_cover_the_images_there_is_no_verdict():
    [row] = planned_rows(results(**ERRORS), PLANNED[:1], is_tested=False)
    assert row["verdict"] == "untested" and row["p"] is None
