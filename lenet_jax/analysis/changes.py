"""What a change does to test errors and to effects, between two groups of arms, of one sweep or of two."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import WeightedSum, Wrong, weighted_sum
from lenet_jax.analysis.effects import EFFECTS, SAVED, SHOWN, Corners
from lenet_jax.analysis.summaries import Row, accuracies_of, columns_of


class Scored(NamedTuple):
    """Rows of a sweep's results.csv, and its runs' wrong answers. Those compared score the same images."""

    results: Sequence[Mapping[str, Any]]
    wrong: Wrong


def arm_change(before: str, after: str, scored_before: Scored, scored_after: Scored) -> Row | None:
    """How many fewer errors an arm makes than another, paired by seed; None without a seed that both have."""
    saved = _difference({before: 1.0}, {after: 1.0}, scored_before, scored_after)
    if not saved.seeds:
        return None
    accuracies = [accuracies_of(scored.results) for scored in (scored_before, scored_after)]
    means = [
        statistics.fmean(of_sweep[arm, seed] for seed in saved.seeds)
        for of_sweep, arm in zip(accuracies, (before, after), strict=True)
    ]
    return {
        "error_percent_before": 100 - 100 * means[0],
        "error_percent_after": 100 - 100 * means[1],
        **columns_of(SAVED, saved.interval(bounds=(-1.0, 1.0)), 100),
        "seeds": len(saved.seeds),
    }


def effect_change(before: Corners, after: Corners, scored_before: Scored, scored_after: Scored) -> Row | None:
    """How much more SHOWN effects save with some corners than with others; None without a common seed.

    In errors per hundred test images, paired by seed.
    """
    sums = {}
    for effect in SHOWN:
        weights = (dict(zip(corners, EFFECTS[effect], strict=True)) for corners in (before, after))
        sums[effect] = _difference(*weights, scored_before, scored_after)
    if not (seeds := len(sums["gap"].seeds)):
        return None
    row: Row = {}
    for effect, more in sums.items():
        row |= columns_of(effect, more.interval(bounds=(-2.0, 2.0)), 100)
    return {**row, "seeds": seeds}


def _difference(
    before: Mapping[str, float], after: Mapping[str, float], scored_before: Scored, scored_after: Scored
) -> WeightedSum:
    """A weighted sum of accuracies minus another, whose arms may be those of another sweep."""
    weights: dict[str, float] = {}
    accuracies: dict[tuple[str, int], float] = {}
    images = {}
    sides = (("before", -1.0, before, scored_before), ("after", 1.0, after, scored_after))
    for side, sign, of_side, (results, wrong) in sides:
        weights |= {f"{side} {arm}": sign * weight for arm, weight in of_side.items()}
        for (arm, seed), accuracy in accuracies_of(results).items():
            if arm in of_side:
                accuracies[f"{side} {arm}", seed] = accuracy
                images[f"{side} {arm}", seed] = wrong.images[arm, seed]
    return weighted_sum(weights, accuracies, Wrong(images, scored_before.wrong.count))
