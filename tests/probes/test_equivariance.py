"""Equivariance: exact for shared kernels before pooling, and of the size that its definition says."""

import numpy as np
import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.probes.equivariance import _terms, equivariance_errors, pixels_between_units
from lenet_jax.runs.single import train

# Digits of 8x8 in images of 24x24: no ink is lost.
SMALL = {
    "dataset": "digits", "data.image_size": 24, "data.box": 8, "train.epochs": 1, "train.batch_size": 431,
    "model.maps": (2, 3), "model.hidden": (8,),
}  # fmt: skip
EXACT = 1e-10  # float32, squared


def trained(connectivity, sharing):
    fields = {"model.connectivity": connectivity, "model.sharing": sharing}
    return train(override(default_config(), SMALL | fields))


@pytest.mark.parametrize(
    ("connectivity", "sharing"), [("local", "shared"), ("full", "shared"), ("local", "unshared")]
)
def test_shared_kernels_are_equivariant_to_rounding_before_pooling(connectivity, sharing):
    run = trained(connectivity, sharing)
    images = run.splits(preprocessed=True).test.images[:50]
    for network in (run.untrained(), run):
        one = equivariance_errors(network, images, 1)
        assert list(one) == ["stage_1", "pool_2", "stage_3", "pool_4"]
        if sharing == "shared":
            assert one["stage_1"] < EXACT
            assert 0.001 < one["pool_2"] < 0.5  # between two units
            # Pooling keeps shifts by whole units.
            whole = equivariance_errors(network, images, 2)
            assert whole["stage_1"] < EXACT and whole["pool_2"] < EXACT
            assert connectivity == "full" or whole["stage_3"] < EXACT
        else:
            assert 0.8 < one["stage_1"] < 1.2


def test_maps_too_small_for_the_shift_are_left_out():
    run = trained("local", "shared")
    images = run.splits(preprocessed=True).test.images[:5]
    assert list(equivariance_errors(run, images, 12)) == ["stage_1", "pool_2"]  # of 20, 10, 6 and 3 units


def test_the_error_is_0_for_moved_maps_and_1_for_maps_of_other_images():
    rng = np.random.default_rng(0)
    maps, others = rng.normal(size=(2, 400, 6, 6, 2))
    for units in (1, 0.5):
        moved = maps[:, :, :-1] if units == 1 else (maps[:, :, 1:] + maps[:, :, :-1]) / 2
        shifted = np.concatenate([rng.normal(size=(400, 6, 1, 2)), moved], axis=2)
        same, other = _terms(shifted, maps, units)
        assert same < 1e-20 and other > 0.5
        same, other = _terms(others, maps, units)
        assert same / other == pytest.approx(1, abs=0.05)


def test_the_denominator_is_the_mean_over_all_pairs_of_images():
    rng = np.random.default_rng(1)
    shifted, maps = rng.normal(size=(2, 7, 3, 3, 1)) + np.array([1, 3])[:, None, None, None, None]
    _, other = _terms(shifted, maps, 0)
    assert other == pytest.approx(np.square(shifted[:, None] - maps[None]).mean())


def test_pixels_between_units_are_the_product_of_strides_and_pooling():
    none = {"model.pooling": "none", "model.stride": (2,)}
    steps = [pixels_between_units(resolve(override(default_config(), fields)).model) for fields in ({}, none)]
    assert steps == [{"stage_1": 1, "pool_2": 2, "stage_3": 2, "pool_4": 4}, {"stage_1": 2, "stage_2": 4}]
