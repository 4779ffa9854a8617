"""The same arm in two sweeps."""

import numpy as np
import pytest

from lenet_jax.analysis.changes import Scored, change_row
from lenet_jax.analysis.crossed import Wrong
from tests.helpers.results import result

IMAGES = 1000


def scored(errors, arm="conv"):
    """A sweep whose runs with seed 0, 1, ... make so many errors; None: the run diverged."""
    results = [result(arm, seed, None if n is None else 1 - n / IMAGES) for seed, n in enumerate(errors)]
    images = {(arm, seed): np.arange(seed, seed + n) for seed, n in enumerate(errors) if n is not None}
    return Scored(results, Wrong(images, IMAGES))


def test_runs_are_paired_by_seed():
    row = change_row("conv", scored([50, 50, 60, 90]), scored([20, 20, 30]))
    assert row["seeds"] == 3
    assert row["error_percent_before"] == pytest.approx(16 / 3)
    assert row["error_percent_after"] == pytest.approx(7 / 3)
    assert row["fewer_errors_per_hundred_mean"] == pytest.approx(3)
    assert 0 < row["fewer_errors_per_hundred_ci_low"] < 3 < row["fewer_errors_per_hundred_ci_high"]


def test_intervals_cover_the_draw_of_the_images():
    """All seeds have the same difference, so that seeds alone would give no width."""
    row = change_row("conv", scored([50] * 4), scored([20] * 4))
    assert row["fewer_errors_per_hundred_ci_high"] - row["fewer_errors_per_hundred_ci_low"] > 1


def test_diverged_runs_and_other_arms_count_for_nothing():
    assert change_row("conv", scored([50, None, 50]), scored([20, 20, 20]))["seeds"] == 2
    assert change_row("conv", scored([50, None]), scored([None, 20])) is None
    assert change_row("conv", scored([50, 50]), scored([20, 20], arm="mlp")) is None
