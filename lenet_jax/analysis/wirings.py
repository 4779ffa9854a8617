"""How much runs vary by their random wiring, and how much by their seed, which draws all else.

Arms that differ in `model.wiring_seed` alone have one wiring each, and every seed gives each of them the same
initial weights and order of images. So a run's accuracy is that of a two-way layout,

    y[w, s] = mean + wiring[w] + seed[s] + residual[w, s]

whose variances are estimated from its mean squares (Searle, Casella and McCulloch 1992, Variance Components,
section 4.3). Residuals are what a wiring and initial weights do together. All runs share their test images.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from lenet_jax.analysis.crossed import common_seeds, mean_squares
from lenet_jax.analysis.stats import CONFIDENCE, NO_INTERVAL, Interval
from lenet_jax.analysis.summaries import Row, accuracies_of, columns_of, common_name, fingerprint

FIELD = "model.wiring_seed"
LEAST_WIRINGS = 3


def wiring_rows(results: Sequence[Mapping[str, Any]], fields: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """One row per network of which several wirings were trained, in the order of the arms.

    Standard deviations are in errors per hundred; that of an effect whose mean square is below that of the
    residuals is 0. `wiring_ratio` is the variance of wirings over that of residuals, with the exact interval
    of the F distribution, and `p` tests that wirings do not differ. Networks without at least LEAST_WIRINGS
    wirings and two seeds of all of them are left out.

    Args:
      fields: arm -> those fields of its flattened config that identify its runs.
    """
    accuracies = accuracies_of(results)
    rows = []
    for arms in _alike(fields):
        seeds = common_seeds(arms, accuracies)
        if len(arms) < LEAST_WIRINGS or len(seeds) < 2:
            continue
        y_WS = 100 * np.array([[accuracies[arm, seed] for seed in seeds] for arm in arms])
        of_wirings, of_seeds, residual = mean_squares(y_WS)
        rows.append({
            "network": common_name(arms),
            "wirings": len(arms),
            "seeds": len(seeds),
            "sd_wiring": math.sqrt(max(0.0, of_wirings - residual) / len(seeds)),
            "sd_seed": math.sqrt(max(0.0, of_seeds - residual) / len(arms)),
            "sd_residual": math.sqrt(residual),
            **_ratio(of_wirings, residual, len(arms), len(seeds)),
        })  # fmt: skip
    return rows


def _alike(fields: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """The arms in groups that differ in their wiring's seed alone, if it is not that of each run."""
    groups: dict[str, list[str]] = {}
    for arm, config in fields.items():
        if config.get(FIELD, -1) >= 0:
            groups.setdefault(fingerprint(config, (FIELD, "seed")), []).append(arm)
    return list(groups.values())


def _ratio(of_wirings: float, residual: float, wirings: int, seeds: int) -> Row:
    """The variance of wirings over that of residuals, its interval and a p-value; None without residuals.

    There is no interval if all of it would lie below 0.
    """
    if not residual:
        return {**columns_of("wiring_ratio", NO_INTERVAL), "p": None}
    degrees = wirings - 1, (wirings - 1) * (seeds - 1)
    quotient = of_wirings / residual
    low, high = (
        (quotient / float(special.fdtri(*degrees, tail)) - 1) / seeds
        for tail in ((1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2)
    )
    ratio = Interval(max(0.0, (quotient - 1) / seeds), max(0.0, low), high)
    if high < 0:
        ratio = Interval(ratio.mean, None, None)
    return {
        **columns_of("wiring_ratio", ratio),
        "p": float(special.fdtrc(*degrees, quotient)),
    }
