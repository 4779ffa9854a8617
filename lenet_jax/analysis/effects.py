"""What each constraint is worth: the effects of connectivity and sharing, from the four corners.

The corners are the arms local and full, with shared and unshared weights, that are comparable in everything
else. An effect is a difference of test errors, in errors per hundred test images; positive means that
the network with the constraint makes fewer. The two main effects are Shapley values: they add up to the gap
between the fully connected network and the convolution.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import Wrong, error_ratio, ratio_interval, weighted_sum
from lenet_jax.analysis.stats import NO_INTERVAL
from lenet_jax.analysis.summaries import Row, accuracies_of, columns_of, fingerprint

SAVED = "fewer_errors_per_hundred"  # how columns start
SHARE = "percent_of_gap"
RATIO = "error_ratio"
WIRING = ("model.connectivity", "model.sharing")
NAMES = tuple(itertools.product(("local", "full"), ("shared", "unshared")))


class Corners(NamedTuple):
    """The names of the four arms."""

    local_shared: str
    local_unshared: str
    full_shared: str
    full_unshared: str


# What is saved as a weighted sum of the corners' accuracies, in their order. After each main effect come the
# two of which it is the mean: what a constraint saves without the other, and in addition to it.
EFFECTS = {
    "connectivity": (1 / 2, 1 / 2, -1 / 2, -1 / 2),
    "connectivity, unshared": (0.0, 1.0, 0.0, -1.0),
    "connectivity, shared": (1.0, 0.0, -1.0, 0.0),
    "sharing": (1 / 2, -1 / 2, 1 / 2, -1 / 2),
    "sharing, full": (0.0, 0.0, 1.0, -1.0),
    "sharing, local": (1.0, -1.0, 0.0, 0.0),
    # What sharing saves with local connectivity minus what it saves with full connectivity.
    "interaction": (1.0, -1.0, -1.0, 1.0),
    "gap": (1.0, 0.0, 0.0, -1.0),
}
SHOWN = ("gap", "connectivity", "sharing")  # where sweeps or groups stand side by side


def find_corners(fields: Mapping[str, Mapping[str, Any]], groups: Mapping[str, str]) -> dict[str, Corners]:
    """The corners in each group of arms that has them, by group; groups come in the order of their arms.

    In a named group, the corners are told by their wiring alone. Arms without a group are corners if they are
    equal in everything else. There are none if an arm is missing, or if there are several of one wiring.

    Args:
      fields: arm -> those fields of its flattened config that identify its runs.
      groups: arm -> its group, "" if it has none.
    """
    found: dict[str, dict[str, dict[tuple[str, str], list[str]]]] = {}
    for arm, config in fields.items():
        wiring = tuple(config[field] for field in WIRING)
        if config["model.name"] == "cnn" and wiring in NAMES:
            group = groups[arm]
            alike = "" if group else fingerprint(config, (*WIRING, "seed"))
            found.setdefault(group, {}).setdefault(alike, {}).setdefault(wiring, []).append(arm)
    corners = {}
    for group, sets in found.items():
        complete = [arms for arms in sets.values() if len(arms) == len(NAMES)]
        if len(complete) == 1 and all(len(arms) == 1 for arms in complete[0].values()):
            corners[group] = Corners(*(complete[0][wiring][0] for wiring in NAMES))
    return corners


def effect_rows(
    results: Sequence[Mapping[str, Any]], corners: Mapping[str, Corners], wrong: Wrong | None = None
) -> list[Row]:
    """One row for each of EFFECTS in each group: how many fewer errors, their share of the gap, a ratio.

    Runs are paired by seed; a seed counts if all four corners have a test accuracy. A gap below 0, where the
    convolution makes more errors, has no shares. The ratio is that of the errors with the constraint to those
    without it, for a main effect the geometric mean of two ratios. Rows have the column `group` if groups are
    named.

    Args:
      corners: by group, as of `find_corners`.
      wrong: the corners' wrong answers, if the intervals should cover the draw of the test images.
    """
    rows, accuracies = [], accuracies_of(results)
    for group, arms in corners.items():
        weights = {effect: dict(zip(arms, of_arms, strict=True)) for effect, of_arms in EFFECTS.items()}
        gap = weighted_sum(weights["gap"], accuracies, wrong)
        if not gap.seeds:
            continue
        for effect, of_arms in weights.items():
            sums = weighted_sum(of_arms, accuracies, wrong)
            saved = sums.interval(bounds=(-2.0, 2.0))
            share = NO_INTERVAL
            if effect not in ("interaction", "gap") and gap.of_seed_S.mean() > 0:
                share = ratio_interval(sums, gap)
            rows.append({
                **({"group": group} if any(corners) else {}),
                "effect": effect,
                "seeds": len(gap.seeds),
                **columns_of(SAVED, saved, 100),
                **columns_of(SHARE, share, 100),
                **columns_of(RATIO, error_ratio(of_arms, accuracies, wrong)),
            })  # fmt: skip
    return rows
