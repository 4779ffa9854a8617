"""Contrasts that were planned before their test scores were known, tested together.

A planned contrast is a weighted sum of arms' test accuracies, in fewer errors per hundred test images. Those
of one sweep are a family: p-values are adjusted after Holm (1979), which bounds the chance of claiming any
difference that is not there. If none is claimed and the contrast has a margin, it is tested for equivalence
by two one-sided tests (Schuirmann 1987), not adjusted. What neither test decides is inconclusive.
"""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lenet_jax.analysis.crossed import (
    Estimate,
    WeightedSum,
    Wrong,
    error_ratio,
    holm,
    two_way_bootstrap,
    weighted_sum,
)
from lenet_jax.analysis.effects import RATIO, SAVED
from lenet_jax.analysis.stats import CONFIDENCE, NO_INTERVAL, Interval
from lenet_jax.analysis.summaries import Row, accuracies_of, columns_of

ALPHA = 1 - CONFIDENCE
DRAWS = 2000  # of the bootstrap
MAX_DIVERGED = 2  # runs of an arm, with which its contrasts can still be more than inconclusive
LEAST_SEEDS = 3  # with fewer, tests from crossed effects are not reliable


def planned_rows(
    results: Sequence[Mapping[str, Any]],
    planned: Sequence[Mapping[str, Any]],
    wrong: Wrong | None = None,
    is_tested: bool = True,
) -> list[Row]:
    """One row per planned contrast, in their order; those without runs of all of their arms are left out.

    What is left out or not tested counts in Holm's adjustment nevertheless. Runs are paired by seed. Of the
    recorded seeds, only the lowest are used, as many as were planned. If the intervals cover the images, that
    of a bootstrap over seeds and images is reported alongside.

    ==============  ==============================================================================
    verdict         when
    ==============  ==============================================================================
    unfinished      an arm of any contrast has no run with one of the planned seeds
    untested        not `is_tested`
    above 0,        the two-sided test is significant after Holm
    below 0
    equivalent      it is not, and two one-sided tests with the contrast's margin are
    inconclusive    otherwise; also with fewer than LEAST_SEEDS seeds or more than MAX_DIVERGED
                    diverged runs of an arm
    ==============  ==============================================================================

    Args:
      planned: dicts with the attributes of `lenet_jax.config.arms.PlannedContrast`, as config.json has them.
      wrong: the runs' wrong answers, if the intervals should cover the draw of the test images.
      is_tested: whether standard errors cover what they should, so that there are tests.
    """
    counting = {contrast["name"]: _planned_results(results, contrast) for contrast in planned}
    accuracies = {name: accuracies_of(its) for name, its in counting.items()}
    sums: dict[str, WeightedSum] = {}
    estimates: dict[str, Estimate] = {}
    for contrast in planned:
        name, arms = contrast["name"], contrast["weights"]
        sums[name] = weighted_sum(arms, accuracies[name], wrong)
        diverged = collections.Counter(run["arm"] for run in counting[name] if run["status"] == "diverged")
        is_reliable = all(diverged[arm] <= MAX_DIVERGED for arm in arms)
        has_test = is_tested and is_reliable and len(sums[name].seeds) >= LEAST_SEEDS
        if has_test and (estimate := sums[name].estimate()) is not None:
            estimates[name] = estimate
    # What is not tested counts in the adjustment, with a p-value of 1.
    adjusted = holm({name: estimates[name].p_value() if name in estimates else 1.0 for name in sums})
    is_unfinished = any(_is_unfinished(counting[contrast["name"]], contrast) for contrast in planned)
    rows = []
    for contrast in planned:
        name = contrast["name"]
        if contrast["weights"].keys() <= {run["arm"] for run in counting[name]}:
            ratio = error_ratio(contrast["weights"], accuracies[name], wrong)
            row = _row(contrast, sums[name], ratio, estimates.get(name), adjusted[name])
            if is_unfinished or not is_tested:
                row["verdict"] = "unfinished" if is_unfinished else "untested"
            rows.append(row)
    return rows


def _planned_results(
    results: Sequence[Mapping[str, Any]], contrast: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The results of the contrast's arms with the lowest recorded seeds, as many as are planned."""
    of_arms = [run for run in results if run["arm"] in contrast["weights"]]
    seeds = sorted({run["seed"] for run in of_arms})
    return [run for run in of_arms if run["seed"] in seeds[: contrast["seeds"] or None]]


def _is_unfinished(results: Sequence[Mapping[str, Any]], contrast: Mapping[str, Any]) -> bool:
    """Whether an arm lacks one of the planned seeds, or any run; `results` are of `_planned_results`."""
    seeds: dict[str, set[int]] = {arm: set() for arm in contrast["weights"]}
    for run in results:
        seeds[run["arm"]].add(run["seed"])
    planned = set().union(*seeds.values()) if contrast["seeds"] else set()
    return len(planned) < contrast["seeds"] or any(
        not of_arm or of_arm < planned for of_arm in seeds.values()
    )


def _row(
    contrast: Mapping[str, Any],
    sums: WeightedSum,
    ratio: Interval,
    estimate: Estimate | None,
    p_holm: float,
) -> Row:
    """The row of a contrast; its tests are None without an estimate."""
    saved = sums.interval(bounds=(-2.0, 2.0))
    bootstrapped = NO_INTERVAL
    if sums.of_cell_SI is not None and len(sums.seeds) > 1:
        bootstrapped = two_way_bootstrap(sums.of_cell_SI, DRAWS, np.random.default_rng(0))
    margin, p_equivalent, verdict = contrast["margin"], None, "inconclusive"
    if estimate is not None:
        p_equivalent = estimate.p_equivalent(margin / 100) if margin else None
        if p_holm < ALPHA:
            verdict = "above 0" if estimate.mean > 0 else "below 0"
        elif p_equivalent is not None and p_equivalent < ALPHA:
            verdict = "equivalent"
    _, low, high = columns_of("bootstrap", bootstrapped, 100).values()
    return {
        "contrast": contrast["name"],
        "seeds": len(sums.seeds),
        **columns_of(SAVED, saved, 100),
        "p": None if estimate is None else estimate.p_value(),
        "p_holm": None if estimate is None else p_holm,
        "margin": margin or None,
        "p_equivalent": p_equivalent,
        "verdict": verdict,
        **columns_of(RATIO, ratio),
        "bootstrap_low": low,
        "bootstrap_high": high,
    }
