"""Margins of equivalence tests: against simulated sweeps, which find them as often as planned."""

import numpy as np
import pytest

from lenet_jax.analysis.crossed import crossed_mean
from lenet_jax.analysis.power import POWER, margins


def drawn(rng, seeds, images, of_seed=0.02, of_image=0.3, rest=0.4):
    return (
        rng.normal(0, of_seed, (seeds, 1))
        + rng.normal(0, of_image, images)
        + rng.normal(0, rest, (seeds, images))
    )


def test_the_expected_standard_error_is_that_of_the_sweep():
    rng = np.random.default_rng(0)
    pilots = [drawn(rng, 2, 3000) for _ in range(30)]
    found = np.mean([margin.standard_error for margin in margins(pilots, 10, 500)])
    true = np.sqrt(0.02**2 / 10 + 0.3**2 / 500 + 0.4**2 / 5000)
    assert found == pytest.approx(true, rel=0.05)


def test_the_margin_is_found_as_often_as_the_power_says():
    rng = np.random.default_rng(1)
    [*_, margin] = margins([drawn(rng, 2, 3000) for _ in range(30)], 10, 500)
    p_values = [crossed_mean(drawn(rng, 10, 500)).p_equivalent(margin.margin) for _ in range(400)]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(POWER, abs=0.06)


def test_more_images_and_seeds_need_smaller_margins():
    pilot = [drawn(np.random.default_rng(2), 2, 1000)]
    [few], [more] = margins(pilot, 5, 500), margins(pilot, 20, 2000)
    assert more.margin < few.margin and few.margin == pytest.approx(2.926 * few.standard_error, rel=1e-3)
