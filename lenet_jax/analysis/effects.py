"""What each constraint is worth: the main effects of connectivity and sharing, from the four corners.

The corners are the arms local and full, with shared and unshared weights, that are equal in everything else.
An effect is a difference of test errors, in errors per hundred test images; positive means that the
constraint saves errors. The two main effects are Shapley values: they add up to the gap between the fully
connected network and the convolution.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.stats import mean_interval
from lenet_jax.analysis.summaries import Row

SAVED = "errors_saved_per_hundred"  # how columns start
WIRING = ("model.connectivity", "model.sharing")
NAMES = tuple(itertools.product(("local", "full"), ("shared", "unshared")))


class Corners(NamedTuple):
    """The names of the four arms."""

    local_shared: str
    local_unshared: str
    full_shared: str
    full_unshared: str


def find_corners(fields: Mapping[str, Mapping[str, Any]]) -> Corners | None:
    """The corners among arms, by their configs; None if an arm is missing or there are several of them.

    Args:
      fields: arm -> those fields of its flattened config that identify its runs.
    """
    found: dict[tuple, dict[tuple[str, str], list[str]]] = {}
    for arm, config in fields.items():
        wiring = tuple(config[field] for field in WIRING)
        if config["model.name"] == "cnn" and wiring in NAMES:
            others = {name: value for name, value in config.items() if name not in (*WIRING, "seed")}
            found.setdefault(tuple(sorted(map(repr, others.items()))), {}).setdefault(wiring, []).append(arm)
    complete = [corners for corners in found.values() if len(corners) == len(NAMES)]
    if len(complete) != 1 or any(len(arms) > 1 for arms in complete[0].values()):
        return None
    return Corners(*(complete[0][wiring][0] for wiring in NAMES))


def effect_rows(results: Sequence[Mapping[str, Any]], corners: Corners) -> list[Row]:
    """One row each for connectivity, sharing, their interaction and the gap, in errors per hundred.

    The interaction is what sharing saves with local connectivity minus what it saves with full connectivity.
    Runs are paired by seed; a seed counts if all four corners have a test accuracy.
    """
    errors = {
        (result["arm"], result["seed"]): 100 - 100 * result["test_accuracy"]
        for result in results
        if result["test_accuracy"] is not None
    }
    seeds = sorted({seed for _, seed in errors if all((arm, seed) in errors for arm in corners)})
    values: dict[str, list[float]] = {"connectivity": [], "sharing": [], "interaction": [], "gap": []}
    for seed in seeds:
        local_shared, local_unshared, full_shared, full_unshared = (errors[arm, seed] for arm in corners)
        values["connectivity"].append((full_shared - local_shared + full_unshared - local_unshared) / 2)
        values["sharing"].append((local_unshared - local_shared + full_unshared - full_shared) / 2)
        values["interaction"].append(local_unshared - local_shared - (full_unshared - full_shared))
        values["gap"].append(full_unshared - local_shared)
    if not seeds:
        return []
    rows = []
    for effect, found in values.items():
        interval = mean_interval(found, bounds=(-200.0, 200.0))
        rows.append({
            "effect": effect,
            "seeds": len(found),
            f"{SAVED}_mean": interval.mean,
            f"{SAVED}_ci_low": interval.low,
            f"{SAVED}_ci_high": interval.high,
        })  # fmt: skip
    return rows
