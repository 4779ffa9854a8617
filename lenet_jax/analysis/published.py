"""What other papers found, as comparisons between arms of our sweeps, each with a verdict.

A claim is a weighted sum of arms' test accuracies, in fewer errors per hundred test images, that is positive,
or 0, if the paper's finding holds in our networks.

==============  ==================================================================================
verdict         when
==============  ==================================================================================
unfinished      an arm has no runs, or lacks seeds that other arms of the claim have
agrees          the interval lies above 0; for a claim of no difference, it includes 0, and two one-sided
                tests at 5% find the number nearer to 0 than the margin
disagrees       the interval lies below 0; for a claim of no difference, it excludes 0
can't be told   otherwise; also with fewer than LEAST_SEEDS seeds, or without a margin
==============  ==================================================================================
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import WeightedSum, Wrong, weighted_sum
from lenet_jax.analysis.effects import SAVED
from lenet_jax.analysis.planned import ALPHA, LEAST_SEEDS
from lenet_jax.analysis.summaries import Row, accuracies_of, columns_of

BEST = "best"  # in the weights of a claim, the best on validation images of several arms
AGREES, DISAGREES, OPEN, UNFINISHED = "agrees", "disagrees", "can't be told", "unfinished"


class Claim(NamedTuple):
    """What a paper found.

    Attributes:
      paper: first author and year.
      finding: in words that fit our networks.
      study: the sweep, or sweeps of several datasets, with the arms.
      weights: arm -> its weight in the sum; BEST stands for one of `best_of`.
      best_of: arms, of which the one counts whose choice was best on validation images.
      is_equality: whether the paper says that the sum is 0, not that it is positive.
    """

    paper: str
    finding: str
    study: str
    weights: Mapping[str, float]
    best_of: Sequence[str] = ()
    is_equality: bool = False


def arms_of(claim: Claim, val_accuracies: Mapping[str, float]) -> dict[str, float]:
    """Arm -> its weight, with the best arm in the place of BEST.

    Args:
      val_accuracies: arm -> validation accuracy of its choice; needed for those of `best_of`.
    """
    weights = dict(claim.weights)
    if BEST in weights:
        best = max(claim.best_of, key=lambda arm: val_accuracies[arm])  # the first of equals
        weights[best] = weights.pop(BEST)
    return weights


def published_row(
    claim: Claim,
    weights: Mapping[str, float],
    results: Sequence[Mapping[str, Any]],
    wrong: Wrong | None,
    margin: float,
) -> Row:
    """What the claim's comparison gives in one sweep, paired by seed.

    Args:
      weights: of the claim, as `arms_of` returns them.
      results: rows of the sweep's results.csv, not empty.
      wrong: the runs' wrong answers, if the interval should cover the draw of the test images.
      margin: in errors per hundred, within which there is no difference; 0 if none was set.
    """
    seeds_of_arms = [{run["seed"] for run in results if run["arm"] == arm} for arm in weights]
    is_finished = all(seeds and seeds == seeds_of_arms[0] for seeds in seeds_of_arms)
    sums = weighted_sum(weights, accuracies_of(results), wrong)
    return {
        "paper": claim.paper,
        "finding": claim.finding,
        "dataset": results[0]["dataset"],
        "arms": " ".join(f"{weight:+g} {arm}" for arm, weight in weights.items()),
        "seeds": len(sums.seeds),
        **columns_of(SAVED, sums.interval(), 100),
        "margin": margin if claim.is_equality and margin else None,
        "verdict": _verdict(claim, sums, margin) if is_finished else UNFINISHED,
    }


def _verdict(claim: Claim, sums: WeightedSum, margin: float) -> str:
    estimate = sums.estimate()
    if estimate is None or len(sums.seeds) < LEAST_SEEDS:
        return OPEN
    excludes_zero = sums.interval().excludes_zero()
    if claim.is_equality:
        if excludes_zero:
            return DISAGREES
        return AGREES if margin and estimate.p_equivalent(margin / 100) < ALPHA else OPEN
    if not excludes_zero:
        return OPEN
    return AGREES if estimate.mean > 0 else DISAGREES
