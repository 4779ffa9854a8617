"""What each constraint is worth: the main effects of connectivity and sharing, from the four corners.

The corners are the arms local and full, with shared and unshared weights, that are equal in everything else.
An effect is a difference of test errors, in errors per hundred test images; positive means that the
constraint saves errors. The two main effects are Shapley values: they add up to the gap between the fully
connected network and the convolution.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import Wrong, accuracy_interval
from lenet_jax.analysis.summaries import Row, accuracies_of

SAVED = "errors_saved_per_hundred"  # how columns start
WIRING = ("model.connectivity", "model.sharing")
NAMES = tuple(itertools.product(("local", "full"), ("shared", "unshared")))


class Corners(NamedTuple):
    """The names of the four arms."""

    local_shared: str
    local_unshared: str
    full_shared: str
    full_unshared: str


# What is saved as a weighted sum of the corners' accuracies, in their order.
EFFECTS = {
    "connectivity": (1 / 2, 1 / 2, -1 / 2, -1 / 2),
    "sharing": (1 / 2, -1 / 2, 1 / 2, -1 / 2),
    # What sharing saves with local connectivity minus what it saves with full connectivity.
    "interaction": (1.0, -1.0, -1.0, 1.0),
    "gap": (1.0, 0.0, 0.0, -1.0),
}


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


def effect_rows(
    results: Sequence[Mapping[str, Any]], corners: Corners, wrong: Wrong | None = None
) -> list[Row]:
    """One row for each of EFFECTS, in errors per hundred.

    Runs are paired by seed; a seed counts if all four corners have a test accuracy.

    Args:
      wrong: the corners' wrong answers, if the intervals should cover the draw of the test images.
    """
    rows, accuracies = [], accuracies_of(results)
    for effect, weights in EFFECTS.items():
        of_arms = dict(zip(corners, weights, strict=True))
        interval, seeds = accuracy_interval(of_arms, accuracies, wrong, bounds=(-2.0, 2.0))
        if seeds:
            ends = zip(("mean", "ci_low", "ci_high"), interval, strict=True)
            per_hundred = {f"{SAVED}_{end}": None if value is None else 100 * value for end, value in ends}
            rows.append({"effect": effect, "seeds": len(seeds), **per_hundred})
    return rows
