"""The same arms in two sweeps: how many fewer errors they make after a change than before."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.analysis.effects import SAVED
from lenet_jax.analysis.summaries import Row, accuracies_of, columns_of


class Scored(NamedTuple):
    """Rows of a sweep's results.csv, and its runs' wrong answers."""

    results: Sequence[Mapping[str, Any]]
    wrong: Wrong


def change_row(arm: str, before: Scored, after: Scored) -> Row | None:
    """The arm's mean test errors and their difference, paired by seed; None without a seed that both have.

    Args:
      before, after: sweeps that score the same test images.
    """
    accuracies: dict[tuple[str, int], float] = {}
    images = {}
    for side, (results, wrong) in (("before", before), ("after", after)):
        of_arm = {seed: accuracy for (name, seed), accuracy in accuracies_of(results).items() if name == arm}
        accuracies |= {(side, seed): accuracy for seed, accuracy in of_arm.items()}
        images |= {(side, seed): wrong.images[arm, seed] for seed in of_arm}
    wrong = Wrong(images, before.wrong.count)
    saved = weighted_sum({"after": 1.0, "before": -1.0}, accuracies, wrong)
    if not saved.seeds:
        return None
    means = {
        side: statistics.fmean(accuracies[side, seed] for seed in saved.seeds) for side in ("before", "after")
    }
    return {
        "arm": arm,
        "seeds": len(saved.seeds),
        **{f"error_percent_{side}": 100 - 100 * mean for side, mean in means.items()},
        **columns_of(SAVED, saved.interval(bounds=(-1.0, 1.0)), 100),
    }
