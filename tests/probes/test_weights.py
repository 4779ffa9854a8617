"""Measures of weights, on weights whose answer is known."""

import numpy as np
import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.probes.images import Images
from lenet_jax.probes.probe import CHANCE, CHANGE, TRAINED, UNTRAINED
from lenet_jax.probes.weights import (
    BestField,
    Nonzero,
    OwnField,
    Similarity,
    best_share,
    correlations,
    in_other_places,
    own_share,
    own_share_by_chance,
    relative,
    shuffled,
    slid,
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


def test_weights_that_all_units_have_at_the_same_places_are_in_the_own_field_by_chance():
    """Most of what such a template has lies in more fields than k^2 / size^2 of them."""
    template = np.zeros((1, 2, SIDE, SIDE, 1))
    template[:, :, 4:6, 4:6] = [[[1], [2]], [[3], [1]]]
    kernels = np.repeat(template, UNITS, axis=0)
    share = own_share(kernels, FIELD, 1)
    assert share == pytest.approx(own_share_by_chance(kernels, FIELD, 1))
    assert share == pytest.approx(FIELD**2 / UNITS) and share > 1.5 * FIELD**2 / SIDE**2
    rng = np.random.default_rng(5)
    noise = rng.normal(size=kernels.shape)
    assert own_share_by_chance(noise, FIELD, 1) == pytest.approx(FIELD**2 / SIDE**2, rel=0.05)
    of_slid = slid(template, FIELD, 1)
    assert len(of_slid) == UNITS and (of_slid[OUT + 2] == np.roll(template[0], (1, 2), axis=(1, 2))).all()
    one = np.zeros_like(template)
    one[:, :, 2, 7] = 1  # which the unit at (r, c) has at (r + 2, c + 7)
    places = [((row + 2) % SIDE, (column + 7) % SIDE) for row, column in np.ndindex(OUT, OUT)]
    inside = [
        sum(0 <= y - row < FIELD and 0 <= x - column < FIELD for y, x in places)
        - (0 <= places[unit][0] - row < FIELD and 0 <= places[unit][1] - column < FIELD)
        for unit, (row, column) in enumerate(np.ndindex(OUT, OUT))
    ]
    expected = np.mean(inside) / (UNITS - 1)
    assert own_share_by_chance(slid(one, FIELD, 1), FIELD, 1) == pytest.approx(expected)
    assert expected != pytest.approx(FIELD**2 / SIDE**2, rel=0.02)
    local = convolution(rng)
    assert own_share(local, FIELD, 1) > 3 * own_share_by_chance(local, FIELD, 1)


def test_the_best_window_is_found_wherever_it_is_and_over_the_edges_of_a_kernel_that_wraps():
    kernels = np.zeros((1, 1, SIDE, SIDE, 2))
    kernels[0, 0, [0, -1, 0, -1], [0, 0, -1, -1]] = 1
    kernels[0, 0, 5, 5] = [1, 0]
    assert best_share(kernels, 2, wraps=False) == pytest.approx(2 / 9)  # of both input maps
    assert best_share(kernels, 2, wraps=True) == pytest.approx(8 / 9)


def test_shuffled_weights_keep_their_position_and_lose_their_unit():
    rng = np.random.default_rng(4)
    kernels = np.concatenate([convolution(rng), convolution(rng)], axis=-1)
    kernels /= np.sqrt(np.square(kernels).sum((2, 3, 4), keepdims=True))
    moved = shuffled(kernels * rng.uniform(1, 9, size=(UNITS, 2, 1, 1, 1)), rng)
    of_positions = [its.reshape(UNITS, -1, 2).swapaxes(0, 1) for its in (kernels, moved)]
    for weights, others in zip(*of_positions, strict=True):  # of all units, with both input maps
        weights, others = (np.round(its, 9) for its in (weights, others))
        np.testing.assert_array_equal(weights[np.lexsort(weights.T)], others[np.lexsort(others.T)])
    assert best_share(kernels, FIELD, wraps=False) == pytest.approx(1)
    assert best_share(moved, FIELD, wraps=False) < 0.8
    assert not (moved[:, 0] == moved[:, 1]).all()


def test_weights_of_units_that_know_no_place_have_the_energy_that_chance_gives():
    """Independent weights that are larger in the middle, as those that see digits are, are not local."""
    rng = np.random.default_rng(7)
    size = np.exp(-np.square(np.arange(SIDE) - SIDE / 2) / 4)
    kernels = rng.normal(size=(UNITS, 4, SIDE, SIDE, 1)) * np.outer(size, size)[..., None]
    share = best_share(kernels, FIELD, wraps=False)
    assert share > 1.5 * best_share(rng.normal(size=kernels.shape), FIELD, wraps=False)
    is_live = rng.random((UNITS, 4, 1, 1, 1)) < 0.5
    # Also if units differ in energy, and if some have none.
    for scales in (1, np.exp(rng.normal(size=is_live.shape)), is_live):
        by_chance = best_share(shuffled(kernels * scales, rng), FIELD, wraps=False)
        assert by_chance == pytest.approx(share, rel=0.06)


def test_a_window_is_at_most_as_large_as_the_input():
    kernels = np.random.default_rng(8).normal(size=(4, 2, 3, 3, 1))
    assert best_share(kernels, 5, wraps=False) == best_share(kernels[:1], 5, wraps=True) == pytest.approx(1)


def test_a_pattern_in_common_is_no_more_alike_in_neighbours_than_by_chance():
    """Rolled by one place, a smooth pattern is nearly the same."""
    rng = np.random.default_rng(9)
    smooth = np.add.outer(np.cos(np.arange(SIDE) / 2), np.cos(np.arange(SIDE) / 2))[..., None]
    kernels = smooth + 0.1 * rng.normal(size=(UNITS, 2, SIDE, SIDE, 1))
    for window in (1, 2):
        moved = in_other_places(kernels, window, rng)
        assert sorted(moved.ravel()) == sorted(kernels.ravel()) and not (moved == kernels).all()
        found, by_chance = (correlations(relative(its, 1), window == 2) for its in (kernels, moved))
        assert found.neighbours == pytest.approx(by_chance.neighbours, abs=0.02)
        assert found.neighbours > 0.5
    local = convolution(rng)
    moved = in_other_places(local, 2, rng)
    assert correlations(relative(moved, 1), True).neighbours < 0.5
    # Windows stay together, and so do units of an odd last row and column.
    units = np.arange(25.0).reshape(25, 1, 1, 1, 1)
    grid = in_other_places(units, 2, np.random.default_rng(1)).reshape(5, 5)
    assert sorted(grid[::2, ::2][:2, :2].ravel()) == [0, 2, 10, 12]
    assert (grid[:4:2, 1:4:2] - grid[:4:2, :4:2] == 1).all()
    assert list(grid[4]) == [20, 21, 22, 23, 24] and list(grid[:, 4]) == [4, 9, 14, 19, 24]


def test_units_without_weights_are_left_out():
    kernels = convolution(np.random.default_rng(1))
    kernels[:5] = 0
    assert own_share(kernels, FIELD, 1) == 1
    assert own_share(np.zeros_like(kernels), FIELD, 1) is None
    assert best_share(np.zeros_like(kernels), FIELD, wraps=False) is None
    few = np.zeros_like(kernels)
    few[[0, -1], 0] = convolution(np.random.default_rng(1))[[0, -1], 0]  # fields at two corners
    assert own_share(few, FIELD, 1) == pytest.approx(1) and own_share_by_chance(few, FIELD, 1) == 0
    few[0] = 0
    assert own_share(few, FIELD, 1) == pytest.approx(1) and own_share_by_chance(few, FIELD, 1) is None
    assert correlations(np.zeros((4, 1, 3, 3, 1))) == (None, None)
    alike = np.stack([kernels[-1]] * 9)[:, :1]
    alike[4] = 0  # the unit in the middle, a neighbour of four
    assert correlations(alike) == (pytest.approx(1), pytest.approx(1))


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


def test_units_that_are_pooled_together_are_not_compared():
    """Four windows of 2x2 units, whose kernels are alike inside a window alone."""
    rng = np.random.default_rng(6)
    windows = rng.normal(size=(2, 1, 2, 1, 3, 3))
    kernels = np.broadcast_to(windows, (2, 2, 2, 2, 3, 3)).reshape(16, 1, 3, 3, 1)
    table = np.corrcoef(kernels.reshape(16, -1))
    place = [divmod(unit, 4) for unit in range(16)]
    window = [(row // 2, column // 2) for row, column in place]
    apart = [(p, q) for p in range(16) for q in range(16) if window[p] != window[q]]
    near = [(p, q) for p, q in apart if np.abs(np.subtract(place[p], place[q])).sum() == 1]
    found = correlations(kernels, is_pooled=True)
    assert found.all_pairs == pytest.approx(np.mean([table[pair] for pair in apart]))
    assert found.neighbours == pytest.approx(np.mean([table[pair] for pair in near]))
    assert correlations(kernels).neighbours > found.neighbours + 0.3
    assert correlations(kernels[:4].reshape(4, 1, 3, 3, 1), is_pooled=True) == (None, None)
    odd = np.pad(kernels.reshape(4, 4, 1, 3, 3, 1), ((0, 1), (0, 1), *[(0, 0)] * 4), constant_values=1)
    odd[-1:] = odd[:, -1:] = rng.normal(size=(3, 3, 1))  # which pooling does not read
    assert correlations(odd.reshape(25, 1, 3, 3, 1), is_pooled=True) == pytest.approx(found)


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
    by_chance = own_share_by_chance(run.kernels()["stage_1"], 5, 1)
    assert values[OwnField, CHANCE[TRAINED], "stage_1"] == by_chance
    assert 0 < by_chance < values[OwnField, TRAINED, "stage_1"]
    assert 25 / 256 < values[OwnField, TRAINED, "stage_1"] < 1
    assert values[OwnField, CHANGE, "stage_1"] < values[OwnField, TRAINED, "stage_1"]
    assert values[Similarity, UNTRAINED, "stage_1, all pairs"] == pytest.approx(1)
    assert values[Similarity, TRAINED, "stage_1, all pairs"] < 1


def test_weights_that_training_sets_to_0_are_counted_and_have_no_change():
    fields = {"model.connectivity": "full", "model.sharing": "unshared"}
    lasso = {"train.l1_penalty": 0.0005, "train.l1_threshold": 50.0}
    run, free = (train(override(default_config(), SMALL | its)) for its in (fields | lasso, fields))
    found = {value.at: value.value for value in Nonzero().measure(run, Images())}
    kernels = run.kernels()["stage_1"]
    assert (
        found["stage_1, weights"] == pytest.approx((kernels != 0).mean())
        and 0 < found["stage_1, weights"] < 1
    )
    assert found["stage_1, units"] == pytest.approx((kernels != 0).any((2, 3, 4)).mean())
    assert not Nonzero().lacks(run) and Nonzero().lacks(free) == "its training sets no weights to 0"
    kinds = [{value.weights for value in OwnField().measure(one, Images())} for one in (run, free)]
    assert kinds[0] == {UNTRAINED, TRAINED, CHANCE[TRAINED]} and kinds[1] == kinds[0] | {
        CHANGE,
        CHANCE[CHANGE],
    }


def test_units_of_which_all_read_the_same_places_are_compared_there():
    fields = {"model.connectivity": "full", "model.sharing": "unshared"}
    runs = [train(override(default_config(), SMALL | its)) for its in (fields, {"model.sharing": "unshared"})]
    assert [bool(Similarity("absolute").lacks(run)) for run in runs] == [False, True]
    values = Similarity("absolute").measure(runs[0], Images())
    expected = correlations(runs[0].kernels()["stage_1"], is_pooled=True).all_pairs
    assert [v.value for v in values if (v.weights, v.at) == (TRAINED, "stage_1, all pairs")] == [expected]


@pytest.mark.parametrize(
    ("fields", "measurable"),
    [
        ({}, set()),
        ({"model.sharing": "unshared"}, {Similarity}),
        ({"model.connectivity": "random", "model.sharing": "unshared"}, set()),
        ({"model.connectivity": "full"}, {OwnField, BestField}),
        ({"model.connectivity": "full", "model.sharing": "unshared"}, {OwnField, BestField, Similarity}),
        ({"model.sharing": "blocks", "model.block": (4,)}, set()),
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
