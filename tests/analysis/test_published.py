"""What papers found, and what the same comparisons give: verdicts follow from the intervals."""

import numpy as np
import pytest

from lenet_jax.analysis.crossed import Wrong
from lenet_jax.analysis.published import Claim, fewer, minus, published_row
from tests.helpers.results import result

IMAGES, SEEDS = 1000, 4
CLAIM = Claim("Someone 2020", "ours are better", "study", fewer("ours", "others"))


def row_of(errors, seeds=SEEDS, without=(), diverged=(), claim=CLAIM):
    """The row of a sweep whose runs make so many errors; the images vary a little with the seed."""
    results, images = [], {}
    for arm, count in errors.items():
        for seed in range(seeds):
            if (arm, seed) in without:
                continue
            is_diverged = (arm, seed) in diverged
            results.append(result(arm, seed, None if is_diverged else 1 - count / IMAGES))
            if not is_diverged:
                images[arm, seed] = np.arange(seed, seed + count)
    return published_row(claim, results, seeds, Wrong(images, IMAGES))


def test_the_number_is_the_weighted_sum_in_errors_per_hundred():
    row = row_of({"ours": 20, "others": 70})
    assert row["fewer_errors_per_hundred_mean"] == pytest.approx(5)
    assert (row["arms"], row["dataset"], row["seeds"]) == ("+1 ours -1 others", "digits", 4)
    twice = CLAIM._replace(weights=minus(CLAIM.weights, CLAIM.weights, -1.0))
    assert row_of({"ours": 20, "others": 70}, claim=twice)["fewer_errors_per_hundred_mean"] == pytest.approx(
        10
    )


def test_a_difference_of_differences():
    assert minus(fewer("a", "b"), fewer("c", "a")) == {"a": 2.0, "b": -1.0, "c": -1.0}
    assert minus(fewer("a", "b"), fewer("a", "c"), 0.25) == {"a": 0.75, "b": -1.0, "c": 0.25}


@pytest.mark.parametrize(
    ("ours", "others", "verdict"), [(20, 70, "agrees"), (70, 20, "disagrees"), (20, 21, "can't be told")]
)
def test_the_verdict_follows_from_the_interval(ours, others, verdict):
    row = row_of({"ours": ours, "others": others})
    assert row["verdict"] == verdict
    low, high = (row[f"fewer_errors_per_hundred_ci_{end}"] for end in ("low", "high"))
    assert verdict == ("agrees" if low > 0 else "disagrees" if high < 0 else "can't be told")


CLEAR = {"ours": 20, "others": 70}


@pytest.mark.parametrize(
    "changes",
    [
        {"without": [("others", 3)]},
        {"without": [("ours", 3), ("others", 3)]},  # stopped after three seeds of each
        {"without": [("others", seed) for seed in range(SEEDS)]},
    ],
)
def test_an_unfinished_sweep_has_no_verdict(changes):
    assert row_of(CLEAR, **changes)["verdict"] == "unfinished"


def test_few_seeds_or_many_diverged_runs_decide_nothing():
    results = [result(arm, seed, 1 - error / 100) for arm, error in CLEAR.items() for seed in range(2)]
    assert published_row(CLAIM, results, 2, None)["verdict"] == "can't be told"
    assert row_of(CLEAR, seeds=8, diverged=[("ours", seed) for seed in range(2)])["verdict"] == "agrees"
    row = row_of(CLEAR, seeds=8, diverged=[("ours", seed) for seed in range(3)])
    assert (row["verdict"], row["seeds"]) == ("can't be told", 5)
