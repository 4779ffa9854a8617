"""Means over seeds and images: against other ways to the same numbers, and by simulation."""

import numpy as np
import pytest
from scipy import optimize, stats

from lenet_jax.analysis.crossed import (
    Estimate,
    Wrong,
    crossed_mean,
    holm,
    log_errors_saved,
    ratio_interval,
    two_way_bootstrap,
    weighted_sum,
)
from lenet_jax.analysis.stats import mean_interval

FRACTIONS = (0.0, 1.0)


def drawn(seeds, images, of_seed=1.0, of_image=1.0, rest=1.0, number=0):
    """(S, I) with effects of these standard deviations, around 0."""
    rng = np.random.default_rng(number)
    y_SI = rng.normal(0, rest, (seeds, images))
    return y_SI + rng.normal(0, of_seed, (seeds, 1)) + rng.normal(0, of_image, images)


def test_the_variance_is_that_of_the_restricted_likelihood():
    """Restricted maximum likelihood, worked out numerically, has the same estimates in a balanced layout."""
    y_SI = drawn(5, 7)
    seeds, images = y_SI.shape
    flat, ones = y_SI.ravel(), np.ones(y_SI.size)
    of_seed = np.kron(np.eye(seeds), np.ones((images, images)))
    of_image = np.kron(np.ones((seeds, seeds)), np.eye(images))

    def covariance(logs):
        return np.exp(logs) @ [of_seed.ravel(), of_image.ravel(), np.eye(y_SI.size).ravel()]

    def minus_likelihood(logs):
        v = covariance(logs).reshape(y_SI.size, -1)
        inverse = np.linalg.inv(v)
        information = ones @ inverse @ ones
        left = flat - ones @ inverse @ flat / information
        return np.linalg.slogdet(v)[1] + np.log(information) + left @ inverse @ left

    best = optimize.minimize(minus_likelihood, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-8})
    variance = 1 / (ones @ np.linalg.inv(covariance(best.x).reshape(y_SI.size, -1)) @ ones)
    assert crossed_mean(y_SI).standard_error == pytest.approx(np.sqrt(variance), rel=1e-4)


def test_without_effects_of_images_it_is_students_t_over_seeds():
    """All of the variance is that of seeds, if every image has the seed's number."""
    of_seed = np.array([0.4, 0.5, 0.3, 0.6])
    found = crossed_mean(np.repeat(of_seed[:, None], 50, axis=1))
    assert found.degrees == pytest.approx(3)
    assert found.ends() == pytest.approx(mean_interval(of_seed.tolist(), FRACTIONS)[1:])


def test_without_effects_of_seeds_it_is_students_t_over_images():
    of_image = np.random.default_rng(0).normal(size=40)
    found = crossed_mean(np.tile(of_image, (6, 1)))
    assert found.degrees == pytest.approx(39)
    assert found.standard_error == pytest.approx(stats.sem(of_image))


def test_effects_are_never_estimated_as_negative():
    """Here seeds balance each other: their mean square is 0."""
    y_SI = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    found = crossed_mean(y_SI)
    assert found.mean == 0.5
    assert found.standard_error == pytest.approx(np.sqrt(np.square(y_SI - 0.5).sum() / 3 / 8))


def test_the_interval_is_that_of_student():
    low, high = Estimate(mean=0.3, standard_error=0.1, degrees=7.5).ends()
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 7.5, loc=0.3, scale=0.1))


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("effects", [(0.0, 1.0), (0.15, 0.3), (0.4, 1.0), (1.0, 0.0), (1.0, 1.0)])
def test_intervals_cover_the_mean_at_least_as_often_as_they_say(effects, seeds):
    """600 draws: a coverage of 95% has a standard error of 0.9 points."""
    ends = [crossed_mean(drawn(seeds, 60, *effects, number=n)).ends() for n in range(600)]
    assert np.mean([low <= 0 <= high for low, high in ends]) >= 0.92


def test_many_seeds_and_images_have_no_more_than_their_share():
    ends = [crossed_mean(drawn(20, 60, number=n)).ends() for n in range(600)]
    assert 0.92 <= np.mean([low <= 0 <= high for low, high in ends]) <= 0.98


def test_p_values_agree_with_students_tests():
    """Over seeds alone, against scipy's t test and two of its one-sided tests."""
    values = np.array([0.3, 0.1, 0.25, 0.05, 0.2])
    sums = weighted_sum({"a": 1.0}, {("a", seed): value for seed, value in enumerate(values)}, None)
    found = sums.estimate()
    assert found.p_value() == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    for margin in (0.1, 0.3, 0.6):
        above = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
        below = stats.ttest_1samp(values, margin, alternative="less").pvalue
        assert found.p_equivalent(margin) == pytest.approx(max(above, below))
    minus = weighted_sum({"a": -1.0}, {("a", seed): value for seed, value in enumerate(values)}, None)
    assert minus.estimate().p_value() == pytest.approx(found.p_value())
    assert minus.estimate().p_equivalent(0.3) == pytest.approx(found.p_equivalent(0.3))


def test_p_values_are_adjusted_as_holm_says():
    """0.01, 0.02, 0.03 and 0.5: times 4, 3, 2 and 1, and never below an earlier one."""
    found = holm({"c": 0.03, "a": 0.01, "d": 0.5, "b": 0.02})
    assert list(found) == ["c", "a", "d", "b"]
    assert found == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.5})
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_a_bootstrap_over_seeds_and_images_has_about_the_same_interval():
    y_SI = drawn(20, 400, of_seed=0.5, of_image=2.0, rest=1.0)
    low, high = crossed_mean(y_SI).ends()
    found = two_way_bootstrap(y_SI, 2000, np.random.default_rng(0))
    assert found.mean == pytest.approx(y_SI.mean())
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)
    assert abs((found.low + found.high) / 2 - y_SI.mean()) < 0.1 * (high - low)


def test_log_errors_have_the_interval_of_relative_errors():
    """With one arm of many errors, the logarithm of the ends, nearly; without errors there is none."""
    rng = np.random.default_rng(0)
    images = {("a", seed): np.flatnonzero(rng.random(4000) < 0.3) for seed in range(4)}
    wrong = Wrong({**images, ("b", 0): np.array([], int)}, 4000)
    accuracies = {key: 1 - len(found) / 4000 for key, found in wrong.images.items()}
    found = log_errors_saved({"a": 2.0}, accuracies, wrong)
    of_error = crossed_mean(wrong.table("a", range(4)))
    assert found.mean == pytest.approx(-2 * np.log(of_error.mean))
    assert np.exp(-np.array(found[:0:-1]) / 2) == pytest.approx(of_error.ends(), rel=3e-3)
    assert log_errors_saved({"a": 1.0, "b": -1.0}, accuracies, wrong) == (None, None, None)
    assert log_errors_saved({"c": 1.0}, accuracies, wrong) == (None, None, None)
    of_seeds = log_errors_saved({"a": 2.0}, accuracies, None)
    assert of_seeds.mean == found.mean and of_seeds.low != found.low
    one_seed = {key: value for key, value in accuracies.items() if key[1] == 0}
    assert log_errors_saved({"a": 1.0}, one_seed, wrong)[1:] == (None, None)


def sums_of(values_S):
    """Over seeds alone."""
    return weighted_sum({"a": 1.0}, {("a", seed): value for seed, value in enumerate(values_S)}, None)


def test_the_interval_of_a_ratio_is_fiellers():
    """Against its closed form, for two means over seeds."""
    part, whole = np.array([1.0, 1.4, 0.9, 1.2]), np.array([2.1, 2.3, 1.8, 2.2])
    t2 = stats.t.ppf(0.975, 3) ** 2 / 4
    (var_part, cov), (_, var_whole) = np.cov(part, whole)
    a = whole.mean() ** 2 - t2 * var_whole
    b = part.mean() * whole.mean() - t2 * cov
    c = part.mean() ** 2 - t2 * var_part
    ends = (b + np.array([-1, 1]) * np.sqrt(b**2 - a * c)) / a
    found = ratio_interval(sums_of(part), sums_of(whole))
    assert found == pytest.approx((part.mean() / whole.mean(), *ends), abs=1e-5)
    negative = ratio_interval(sums_of(part), sums_of(-whole))
    assert negative == pytest.approx((-found.mean, -found.high, -found.low), abs=1e-5)


def test_a_ratio_has_no_interval_unless_the_whole_is_told_apart_from_0():
    part = sums_of([1.0, 1.4, 0.9, 1.2])
    assert ratio_interval(part, sums_of([1.0, -1.2, 2.0, 0.5]))[1:] == (None, None)
    assert ratio_interval(part, sums_of([1.0, -1.0, 0.0, 0.0])) == (None, None, None)
    assert ratio_interval(sums_of([1.0]), sums_of([2.0])) == (0.5, None, None)
    assert ratio_interval(sums_of([]), sums_of([])) == (None, None, None)
    assert ratio_interval(part, part) == pytest.approx((1.0, 1.0, 1.0))


def test_an_interval_of_accuracies_covers_images_if_wrong_answers_are_known():
    wrong = Wrong({("a", 0): np.array([1, 3]), ("a", 1): np.array([1]), ("b", 0): np.array([], int)}, 5)
    wrong = wrong._replace(images={**wrong.images, ("b", 1): np.array([1, 2])})
    accuracies = {("a", 0): 0.6, ("a", 1): 0.8, ("b", 0): 1.0, ("b", 1): 0.6, ("b", 2): 0.5}
    sums = weighted_sum({"a": 1.0, "b": -1.0}, accuracies, wrong)
    found, seeds = sums.interval((-1.0, 1.0)), sums.seeds
    difference_SI = np.array([[0, -1, 0, -1, 0], [0, 0, 1, 0, 0]])
    low, high = crossed_mean(difference_SI).ends()
    assert seeds == [0, 1]
    assert found == pytest.approx((-0.1, max(-1, low), min(1, high)))
    of_seeds = weighted_sum({"a": 1.0, "b": -1.0}, accuracies, None).interval((-1.0, 1.0))
    assert of_seeds == mean_interval([0.6 - 1.0, 0.8 - 0.6], (-1.0, 1.0))


def test_with_two_seeds_the_interval_is_at_least_that_of_the_seeds():
    """The crossed one alone is narrower where the seeds' accuracies are near each other only by chance."""
    wrong = Wrong({("a", 0): np.arange(0, 40), ("a", 1): np.arange(20, 80)}, 1000)
    accuracies = {("a", 0): 0.96, ("a", 1): 0.94}
    found = weighted_sum({"a": 1.0}, accuracies, wrong).interval(FRACTIONS)
    assert found.low <= mean_interval([0.96, 0.94], FRACTIONS).low
    low, high = crossed_mean(-(wrong.table("a", [0, 1]) - 1)).ends()
    assert found.low <= low and found.high >= min(1.0, high)


def test_the_interval_of_an_arm_lies_around_its_accuracy_and_is_clipped():
    wrong = Wrong({("a", 0): np.array([0]), ("a", 1): np.array([0])}, 20)
    found = weighted_sum({"a": 1.0}, {("a", 0): 0.95, ("a", 1): 0.95}, wrong).interval(FRACTIONS)
    assert found.mean == 0.95 and found.low < 0.95 and found.high == 1.0


def test_where_no_image_makes_a_difference_there_is_no_interval():
    wrong = Wrong({(arm, seed): np.array([3, 4]) for arm in "ab" for seed in range(3)}, 20)
    accuracies = dict.fromkeys(wrong.images, 0.9)
    found = weighted_sum({"a": 1.0, "b": -1.0}, accuracies, wrong).interval((-1.0, 1.0))
    assert found == (0.0, None, None)


def test_one_seed_has_no_interval_and_none_has_no_mean():
    wrong = Wrong({("a", 0): np.array([0])}, 20)
    one = weighted_sum({"a": 1.0}, {("a", 0): 0.95}, wrong)
    assert (one.interval(FRACTIONS), one.seeds) == ((0.95, None, None), [0])
    none = weighted_sum({"b": 1.0}, {("a", 0): 0.95}, wrong)
    assert (none.interval(FRACTIONS), none.seeds) == ((None, None, None), [])


def test_a_ratio_of_proportional_sums_has_no_width():
    """As of corners that answer alike: rounding alone makes a difference."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        whole = rng.normal(2.0, 0.1, 4)
        found = ratio_interval(sums_of(0.3 * whole), sums_of(whole))
        assert found.mean == pytest.approx(0.3)
        assert found.low is None or found == pytest.approx((0.3, 0.3, 0.3), abs=1e-5)


def test_arms_without_a_weight_restrict_the_seeds_alone():
    accuracies = {("a", 0): 0.9, ("a", 1): 0.8, ("b", 0): 1.0}
    assert log_errors_saved({"a": 1.0, "b": 0.0}, accuracies, None).mean == pytest.approx(-np.log(0.1))
