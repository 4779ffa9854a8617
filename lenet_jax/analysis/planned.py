"""Contrasts that were planned before their test scores were known, tested together.

A planned contrast is a weighted sum of arms' test accuracies, in errors saved per hundred test images. Those
of one sweep are a family: p-values are adjusted after Holm (1979), which bounds the chance of claiming any
difference that is not there. If none is claimed and the contrast has a margin, it is tested for equivalence
by two one-sided tests (Schuirmann 1987), not adjusted. What neither test decides is inconclusive.
"""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lenet_jax.analysis.crossed import Estimate, Wrong, error_ratio, holm, two_way_bootstrap, weighted_sum
from lenet_jax.analysis.effects import RATIO, SAVED
from lenet_jax.analysis.stats import CONFIDENCE, Interval
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

    They count in Holm's adjustment nevertheless. Runs are paired by seed. If the intervals cover the images,
    that of a bootstrap over seeds and images is reported alongside.

    ==============  ==============================================================================
    verdict         when
    ==============  ==============================================================================
    unfinished      an arm has fewer runs than the contrast has planned seeds
    untested        not `is_tested`
    saves, costs    the two-sided test is significant after Holm
    equivalent      it is not, and two one-sided tests with the contrast's margin are
    inconclusive    otherwise; also with fewer than LEAST_SEEDS seeds or more than MAX_DIVERGED
                    diverged runs of an arm
    ==============  ==============================================================================

    Args:
      planned: dicts with the attributes of `lenet_jax.config.arms.PlannedContrast`, as config.json has them.
      wrong: the runs' wrong answers, if the intervals should cover the draw of the test images.
      is_tested: whether standard errors cover what they should, so that there are tests.
    """
    accuracies = accuracies_of(results)
    all_sums = {
        contrast["name"]: sums
        for contrast in planned
        if (sums := weighted_sum(contrast["weights"], accuracies, wrong)).seeds
    }
    diverged = collections.Counter(run["arm"] for run in results if run["status"] == "diverged")
    runs = collections.Counter(run["arm"] for run in results)
    estimates: dict[str, Estimate | None] = {}
    for contrast in planned:
        name, arms = contrast["name"], contrast["weights"]
        is_reliable = all(diverged[arm] <= MAX_DIVERGED for arm in arms)
        if name in all_sums and is_tested and is_reliable and len(all_sums[name].seeds) >= LEAST_SEEDS:
            estimates[name] = all_sums[name].estimate()
    p_values = {contrast["name"]: 1.0 for contrast in planned}
    p_values |= {name: found.p_value() for name, found in estimates.items() if found is not None}
    adjusted = holm(p_values)
    rows = []
    for contrast in planned:
        name, margin = contrast["name"], contrast["margin"]
        if name not in all_sums:
            continue
        sums, estimate = all_sums[name], estimates.get(name)
        bootstrapped = Interval(None, None, None)
        if sums.of_cell_SI is not None and len(sums.seeds) > 1:
            bootstrapped = two_way_bootstrap(sums.of_cell_SI, DRAWS, np.random.default_rng(0))
        p_equivalent = None
        if margin and estimate is not None:
            p_equivalent = estimate.p_equivalent(margin / 100)
        verdict = _verdict(float(sums.of_seed_S.mean()), adjusted[name], p_equivalent)
        if not is_tested:
            verdict = "untested"
        if any(runs[arm] < contrast.get("seeds", 0) for arm in contrast["weights"]):
            verdict = "unfinished"
        rows.append({
            "contrast": name,
            "seeds": len(sums.seeds),
            **columns_of(SAVED, sums.interval(bounds=(-2.0, 2.0)), 100),
            "p": p_values[name],
            "p_holm": adjusted[name],
            "margin": margin or None,
            "p_equivalent": p_equivalent,
            "verdict": verdict,
            **columns_of(RATIO, error_ratio(contrast["weights"], accuracies, wrong)),
            **{
                f"bootstrap_{end}": None if value is None else 100 * value
                for end, value in zip(("low", "high"), bootstrapped[1:], strict=True)
            },
        })  # fmt: skip
    return rows


def _verdict(mean: float, p_holm: float, p_equivalent: float | None) -> str:
    if p_holm < ALPHA:
        return "saves" if mean > 0 else "costs"
    if p_equivalent is not None and p_equivalent < ALPHA:
        return "equivalent"
    return "inconclusive"
