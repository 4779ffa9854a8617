"""What a change does to the errors of arms, and to effects."""

import numpy as np
import pytest

from lenet_jax.analysis.changes import Scored, arm_change, effect_change
from lenet_jax.analysis.crossed import Wrong
from lenet_jax.analysis.effects import Corners
from tests.helpers.results import result

IMAGES = 1000


def scored(**errors):
    """A sweep whose arms make so many errors with seed 0, 1, ...; None: the run diverged."""
    results, images = [], {}
    for arm, counts in errors.items():
        for seed, count in enumerate(counts):
            results.append(result(arm, seed, None if count is None else 1 - count / IMAGES))
            if count is not None:
                images[arm, seed] = np.arange(seed, seed + count)
    return Scored(results, Wrong(images, IMAGES))


def test_runs_of_an_arm_are_paired_by_seed():
    row = arm_change("conv", "pooled", scored(conv=[50, 50, 60, 90]), scored(pooled=[20, 20, 30]))
    assert row["seeds"] == 3
    assert row["error_percent_before"] == pytest.approx(16 / 3)
    assert row["error_percent_after"] == pytest.approx(7 / 3)
    assert row["fewer_errors_per_hundred_mean"] == pytest.approx(3)
    assert 0 < row["fewer_errors_per_hundred_ci_low"] < 3 < row["fewer_errors_per_hundred_ci_high"]


def test_intervals_cover_the_draw_of_the_images():
    """All seeds have the same difference, so that seeds alone would give no width."""
    row = arm_change("conv", "conv", scored(conv=[50] * 4), scored(conv=[20] * 4))
    assert row["fewer_errors_per_hundred_ci_high"] - row["fewer_errors_per_hundred_ci_low"] > 1


def test_diverged_runs_and_other_arms_count_for_nothing():
    before = scored(conv=[50, None, 50])
    assert arm_change("conv", "conv", before, scored(conv=[20, 20, 20]))["seeds"] == 2
    assert arm_change("conv", "conv", before, scored(conv=[None, 20, None])) is None


def test_effects_before_and_after():
    """Connectivity saves 2 and 4 points before and 1 after; sharing saves 1 and 3 before, and 3 after."""
    names = Corners("conv", "locally", "sliding", "dense")
    before = scored(conv=[20] * 3, locally=[50] * 3, sliding=[60] * 3, dense=[70] * 3)
    after = scored(conv=[20] * 3, locally=[50] * 3, sliding=[30] * 3, dense=[60] * 3)
    row = effect_change(names, names, before, after)
    assert row["seeds"] == 3
    assert {effect: round(row[f"{effect}_mean"], 9) for effect in ("gap", "connectivity", "sharing")} == {
        "gap": 4 - 5,
        "connectivity": (1 + 1) / 2 - (2 + 4) / 2,
        "sharing": (3 + 3) / 2 - (1 + 3) / 2,
    }
    assert row["connectivity_ci_high"] < 0 < row["sharing_ci_low"]
    assert effect_change(names, names, before, scored(conv=[20] * 3)) is None
