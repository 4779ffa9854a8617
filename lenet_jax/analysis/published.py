"""What other papers found, as comparisons between arms of our sweeps, each with a verdict.

A claim is a weighted sum of arms' test accuracies, whose mean is positive if what the paper found holds in
our networks. It is estimated in errors per hundred test images, paired by seed.

==============  ==================================================================================
verdict         when
==============  ==================================================================================
unfinished      an arm has fewer runs than the sweep's seeds
agrees          the interval lies above 0
disagrees       the interval lies below 0
can't be told   otherwise; also with fewer than LEAST_SEEDS seeds, or more than MAX_DIVERGED diverged runs of
                an arm, and if there is no gap that the claim could be about
==============  ==================================================================================
"""

import collections
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.effects import SAVED
from lenet_jax.analysis.planned import LEAST_SEEDS, MAX_DIVERGED
from lenet_jax.analysis.summaries import Row, accuracies_of, columns_of

AGREES, DISAGREES, OPEN, UNFINISHED = "agrees", "disagrees", "can't be told", "unfinished"

Weights = Mapping[str, float]  # arm -> its weight in a sum of test accuracies


class Claim(NamedTuple):
    """What a paper found.

    Attributes:
      paper: first author and year.
      finding: in words that fit our networks.
      study: which of our studies has the arms.
      weights: of the sum.
      gap: what the claim is about a share of, as weights: without an interval above 0, it has no share.
    """

    paper: str
    finding: str
    study: str
    weights: Weights
    gap: Weights | None = None


def fewer(arm: str, other: str) -> dict[str, float]:
    """How many fewer errors an arm makes than another, as weights."""
    return {arm: 1.0, other: -1.0}


def minus(weights: Weights, others: Weights, factor: float = 1.0) -> dict[str, float]:
    """One sum minus `factor` times another, as weights."""
    arms = dict.fromkeys([*weights, *others])
    return {arm: weights.get(arm, 0.0) - factor * others.get(arm, 0.0) for arm in arms}


def published_row(claim: Claim, results: Sequence[Mapping[str, Any]], seeds: int, wrong: Wrong | None) -> Row:
    """What the claim's comparison gives in one sweep.

    Args:
      results: rows of the sweep's results.csv, not empty.
      seeds: how many the sweep has for each arm when it is finished; of more, the lowest are used.
      wrong: the runs' wrong answers, if the interval should cover the draw of the test images.
    """
    counting = sorted({run["seed"] for run in results})[:seeds]
    results = [run for run in results if run["seed"] in counting]
    sums = weighted_sum(claim.weights, accuracies_of(results), wrong)
    runs = collections.Counter(run["arm"] for run in results)
    diverged = collections.Counter(run["arm"] for run in results if run["status"] == "diverged")
    _, low, high = interval = sums.interval()
    is_reliable = len(sums.seeds) >= LEAST_SEEDS and all(
        diverged[arm] <= MAX_DIVERGED for arm in claim.weights
    )
    if claim.gap is not None:
        of_gap = weighted_sum(claim.gap, accuracies_of(results), wrong).interval()
        is_reliable = is_reliable and of_gap.low is not None and of_gap.low > 0
    verdict = OPEN
    if any(runs[arm] < seeds for arm in claim.weights):
        verdict = UNFINISHED
    elif is_reliable and low is not None and low > 0:
        verdict = AGREES
    elif is_reliable and high is not None and high < 0:
        verdict = DISAGREES
    return {
        "paper": claim.paper,
        "finding": claim.finding,
        "dataset": results[0]["dataset"],
        "arms": " ".join(f"{weight:+g} {arm}" for arm, weight in claim.weights.items()),
        "seeds": len(sums.seeds),
        **columns_of(SAVED, interval, 100),
        "verdict": verdict,
    }
