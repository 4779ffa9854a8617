"""Measures of weights, on weights whose answer is known."""

import numpy as np
import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.probes.images import Images
from lenet_jax.probes.probe import CHANCE, CHANGE, TRAINED, UNTRAINED
from lenet_jax.probes.weights import (
    BestField,
    OwnField,
    Similarity,
    best_share,
    correlations,
    own_share,
    relative,
    shuffled,
)
from lenet_jax.runs.single import train

SIDE, OUT, FIELD = 10, 8, 3  # positions and units along a map, and the convolution's kernel
UNITS = OUT * OUT


def convolution(rng, maps=2):
    """Kernels (P, O, H, W, C) of units that read everything, and are 0 outside of their field."""
    kernels = np.zeros((UNITS, maps, SIDE, SIDE, 1))
    shared = rng.normal(size=(maps, FIELD, FIELD, 1))
    for unit in range(UNITS):
        row, column = divmod(unit, OUT)
        kernels[unit, :, row : row + FIELD, column : column + FIELD] = shared
    return kernels


def test_weights_inside_the_own_field_are_all_of_a_convolution_and_by_chance_the_share_of_positions():
    rng = np.random.default_rng(0)
    kernels = convolution(rng)
    assert own_share(kernels, FIELD, 1) == best_share(kernels, FIELD, wraps=False) == 1
    assert own_share(np.ones_like(kernels), FIELD, 1) == pytest.approx(FIELD**2 / SIDE**2)
    noise = rng.normal(size=kernels.shape)
    assert own_share(noise, FIELD, 1) == pytest.approx(FIELD**2 / SIDE**2, rel=0.1)
    assert own_share(noise, FIELD, 1) < best_share(noise, FIELD, wraps=False) < 0.5


def test_the_best_window_is_found_wherever_it_is_and_over_the_edges_of_a_kernel_that_wraps():
    kernels = np.zeros((1, 1, SIDE, SIDE, 2))
    kernels[0, 0, [0, -1, 0, -1], [0, 0, -1, -1]] = 1
    kernels[0, 0, 5, 5] = [1, 0]
    assert best_share(kernels, 2, wraps=False) == pytest.approx(2 / 9)  # of both input maps
    assert best_share(kernels, 2, wraps=True) == pytest.approx(8 / 9)


def test_shuffled_positions_keep_the_weights_of_a_unit_and_lose_their_neighbourhood():
    rng = np.random.default_rng(4)
    kernels = np.concatenate([convolution(rng), convolution(rng)], axis=-1)
    moved = shuffled(kernels, rng)
    for unit, other in zip(
        kernels.reshape(-1, SIDE * SIDE, 2), moved.reshape(-1, SIDE * SIDE, 2), strict=True
    ):
        np.testing.assert_array_equal(unit[np.lexsort(unit.T)], other[np.lexsort(other.T)])
    assert best_share(kernels, FIELD, wraps=False) == 1 > 0.8 > best_share(moved, FIELD, wraps=False)
    assert not (moved[0] == moved[1]).all()


def test_units_without_weights_are_left_out():
    kernels = convolution(np.random.default_rng(1))
    kernels[:5] = 0
    assert own_share(kernels, FIELD, 1) == 1
    assert own_share(np.zeros_like(kernels), FIELD, 1) == 0
    assert correlations(np.zeros((4, 1, 3, 3, 1))) == (0, 0)


def test_kernels_are_correlated_by_1_if_shared_by_0_if_independent_and_less_if_they_drift():
    rng = np.random.default_rng(2)
    shared = relative(convolution(rng), 1)
    assert correlations(shared) == (pytest.approx(1), pytest.approx(1))
    of_all, of_neighbours = correlations(rng.normal(size=(UNITS, 2, 5, 5, 3)))
    assert abs(of_all) < 0.02 and abs(of_neighbours) < 0.05
    # Neighbours share part of what they read.
    drifting = rng.normal(size=(OUT, OUT, 1, 25)).cumsum(1).reshape(UNITS, 1, 5, 5, 1)
    of_all, of_neighbours = correlations(drifting)
    assert of_neighbours > of_all + 0.2


def test_correlations_are_those_of_numpy():
    kernels = np.random.default_rng(3).normal(size=(9, 1, 2, 2, 1))
    table = np.corrcoef(kernels.reshape(9, -1))
    of_all, of_neighbours = correlations(kernels)
    assert of_all == pytest.approx(table[~np.eye(9, dtype=bool)].mean())
    pairs = [(p, p + 1) for p in range(9) if p % 3 < 2] + [(p, p + 3) for p in range(6)]
    assert of_neighbours == pytest.approx(np.mean([table[pair] for pair in pairs]))


SMALL = {
    "dataset": "digits", "data.image_size": 16, "data.box": 16, "train.epochs": 1, "train.batch_size": 431,
    "model.maps": (2,), "model.hidden": (8,), "data.validation_fraction": 0.1,
}  # fmt: skip


def test_weights_that_start_as_the_convolution_are_local_and_alike():
    """A fully connected layer in which the convolution was embedded, before and after training."""
    fields = {"model.connectivity": "full", "model.sharing": "unshared", "model.start": "convolution"}
    run = train(override(default_config(), SMALL | fields))
    values = {
        (type(probe), value.weights, value.at): value.value
        for probe in (OwnField(), Similarity())
        for value in probe.measure(run, Images())
    }
    assert values[OwnField, UNTRAINED, "stage_1"] == pytest.approx(1)
    assert values[OwnField, CHANCE, "stage_1"] == 25 / 256
    assert 25 / 256 < values[OwnField, TRAINED, "stage_1"] < 1
    assert values[OwnField, CHANGE, "stage_1"] < values[OwnField, TRAINED, "stage_1"]
    assert values[Similarity, UNTRAINED, "stage_1, all pairs"] == pytest.approx(1)
    assert values[Similarity, TRAINED, "stage_1, all pairs"] < 1


@pytest.mark.parametrize(
    ("fields", "measurable"),
    [
        ({}, set()),
        ({"model.sharing": "unshared"}, {Similarity}),
        ({"model.connectivity": "random", "model.sharing": "unshared"}, set()),
        ({"model.connectivity": "full"}, {OwnField, BestField}),
        ({"model.connectivity": "full", "model.sharing": "unshared"}, {OwnField, BestField, Similarity}),
        ({"model.sharing": "blocks", "model.block": (4,)}, {Similarity}),
        ({"model.name": "mlp"}, {BestField}),
    ],
)
def test_probes_measure_the_layers_that_they_can_read(fields, measurable):
    run = train(override(default_config(), SMALL | fields | {"model.hidden": (4,)}))
    probes = (OwnField(), BestField(), Similarity())
    assert {type(probe) for probe in probes if not probe.lacks(run)} == measurable
    for probe in probes:
        if type(probe) in measurable:
            assert all(np.isfinite(value.value) for value in probe.measure(run, Images()))
