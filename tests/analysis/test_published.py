"""What papers found, and what the same comparisons give: verdicts follow from the intervals."""

import numpy as np
import pytest

from lenet_jax.analysis.crossed import Wrong
from lenet_jax.analysis.published import BEST, Claim, arms_of, published_row
from tests.helpers.results import result

IMAGES = 1000
FEWER = Claim("Someone 2020", "ours are better", "study", {"ours": 1.0, "others": -1.0})
EQUAL = FEWER._replace(is_equality=True)


def answers(errors, seeds=4, without=()):
    """Results and wrong answers of runs that make so many errors; the images vary a little with the seed."""
    results, images = [], {}
    for arm, count in errors.items():
        for seed in range(seeds):
            if (arm, seed) not in without:
                images[arm, seed] = np.arange(seed, seed + count)
                results.append(result(arm, seed, 1 - count / IMAGES))
    return results, Wrong(images, IMAGES)


def row_of(claim, errors, margin=0.0, **changes):
    results, wrong = answers(errors, **changes)
    return published_row(claim, arms_of(claim, {}), results, wrong, margin)


def test_the_number_is_the_weighted_sum_in_errors_per_hundred():
    row = row_of(FEWER, {"ours": 20, "others": 70})
    assert row["fewer_errors_per_hundred_mean"] == pytest.approx(5)
    assert row["arms"] == "+1 ours -1 others"
    assert (row["dataset"], row["seeds"], row["margin"]) == ("digits", 4, None)
    twice = FEWER._replace(weights={"ours": 2.0, "others": -2.0})
    assert row_of(twice, {"ours": 20, "others": 70})["fewer_errors_per_hundred_mean"] == pytest.approx(10)


@pytest.mark.parametrize(
    ("ours", "others", "verdict"), [(20, 70, "agrees"), (70, 20, "disagrees"), (20, 21, "can't be told")]
)
def test_a_paper_that_found_fewer_errors(ours, others, verdict):
    assert row_of(FEWER, {"ours": ours, "others": others})["verdict"] == verdict


@pytest.mark.parametrize(
    ("others", "margin", "verdict"),
    [
        (21, 0.5, "agrees"),  # 0.1 more, nearer to 0 than the margin
        (21, 0.05, "can't be told"),
        (21, 0.0, "can't be told"),  # no margin was set
        (70, 0.5, "disagrees"),
        (70, 50.0, "disagrees"),  # the interval excludes 0, whatever the margin
    ],
)
def test_a_paper_that_found_no_difference(others, margin, verdict):
    row = row_of(EQUAL, {"ours": 20, "others": others}, margin)
    assert (row["verdict"], row["margin"]) == (verdict, margin or None)


def test_without_enough_runs_there_is_no_verdict():
    errors = {"ours": 20, "others": 70}
    assert row_of(FEWER, errors, seeds=2)["verdict"] == "can't be told"
    assert row_of(FEWER, errors, without=[("others", 3)])["verdict"] == "unfinished"
    row = row_of(FEWER, {"ours": 20})
    assert (row["verdict"], row["seeds"], row["fewer_errors_per_hundred_mean"]) == ("unfinished", 0, None)


def test_the_best_of_several_arms_is_that_on_validation_images():
    claim = FEWER._replace(weights={BEST: 1.0, "others": -1.0}, best_of=["a", "b", "c"])
    assert arms_of(claim, {"a": 0.8, "b": 0.9, "c": 0.9, "others": 0.95}) == {"b": 1.0, "others": -1.0}
    assert arms_of(FEWER, {}) == FEWER.weights
