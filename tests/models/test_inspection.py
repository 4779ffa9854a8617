"""What is inside a network: feature maps against the network's own outputs, kernels against its units."""

import functools

import jax
import numpy as np
import pytest

from lenet_jax.models.inspection import feature_maps, kernels
from lenet_jax.models.layers import POOLINGS
from lenet_jax.models.networks import CNN, MLP, Stage
from tests.helpers.keys import key
from tests.helpers.networks import GRID, cnn

SIZE, CHANNELS = 10, 2
IMAGES = np.random.default_rng(0).standard_normal((2, SIZE, SIZE, CHANNELS), np.float32)
TABLE = ((0,), (0, 1), (1,))


@functools.partial(jax.jit, static_argnums=0)
def init(model, keys):
    return model.init(keys, IMAGES)


def with_biases(model):
    """Initial variables with random biases, which start at 0."""
    variables = init(model, {"params": key(1), "wiring": key(2)})
    rng = np.random.default_rng(1)
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: (
            rng.standard_normal(leaf.shape, np.float32) if path[-1].key == "bias" else np.asarray(leaf)
        ),
        variables,
    )


@functools.partial(jax.jit, static_argnums=0)
def insides(model, variables):
    """Feature maps, the network's output, and the units of the first stage before the activation."""
    output, captured = model.apply(variables, IMAGES, capture_intermediates=True)
    units = captured["intermediates"]["stage_1"]["__call__"][0].images
    return feature_maps(model, variables, IMAGES), output, units


def joined(pooling, maps, variables):
    """2x2 pooling of the maps that are activated already, written out."""
    corners = np.stack([maps[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])
    if pooling == "max":
        return corners.max(0)
    if pooling == "average":
        return corners.mean(0)
    trained = variables["params"]["pool_2"]
    sums = corners.sum(0) if pooling == "trainable_sum" else corners.mean(0)
    return np.tanh(trained["coefficient"] * sums + trained["bias"])


@pytest.mark.parametrize("pooling", [name for name in POOLINGS if name != "none"])
def test_feature_maps_are_what_the_network_computes(pooling):
    model = cnn(("local", "random"), ("shared", "unshared"), (3, 4), 3, (5,), pooling)
    variables = with_biases(model)
    maps, output, units = insides(model, variables)
    assert {name: found.shape for name, found in maps.items()} == {
        "stage_1": (2, 8, 8, 3), "pool_2": (2, 4, 4, 3), "stage_3": (2, 2, 2, 4), "pool_4": (2, 1, 1, 4),
    }  # fmt: skip
    np.testing.assert_allclose(maps["stage_1"], np.tanh(units), atol=1e-5)
    np.testing.assert_allclose(maps["pool_2"], joined(pooling, maps["stage_1"], variables), atol=1e-5)
    classifier = {"params": variables["params"]["classifier"]}
    read = jax.jit(model.classifier.apply)(classifier, maps["pool_4"])
    np.testing.assert_allclose(read, output, atol=1e-5)


STAGES = {
    **{"_".join(cell): Stage(3, 5, *cell, pooling="none") for cell in GRID},
    "random_padded_edges": Stage(3, 5, "random", edges="pad", pad_value=-0.5, pooling="none"),
    "random_radius": Stage(3, 5, "random", "unshared", radius=3, pooling="none"),
    "full_padded_edges": Stage(3, 5, "full", edges="pad", pad_value=-0.5, stride=2, pooling="none"),
    "table": Stage(3, 5, table=TABLE, pooling="none"),
    "table_unshared": Stage(3, 5, sharing="unshared", table=TABLE, pooling="none"),
    "stride_padding": Stage(
        3, 5, stride=2, padding=(1, 2), pad_value=-0.5, table=TABLE, unit_bias=True, pooling="none"
    ),
}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_unit_is_its_kernel_times_what_it_reads(stage):
    """Units that share a kernel which does not fit into a square read what the first one reads, slid."""
    model = CNN((stage,), MLP((), "tanh"))
    variables = with_biases(model)
    _, _, units = insides(model, variables)
    [(name, found)] = kernels(model, variables, SIZE, CHANNELS).items()
    weights, bias = (variables["params"]["stage_1"][part] for part in ("kernel", "bias"))
    padding = ((0, 0), stage.padding, stage.padding, (0, 0))
    padded = np.pad(IMAGES, padding, constant_values=stage.pad_value)
    side = padded.shape[1]
    is_local, is_shared = stage.connectivity == "local", stage.sharing == "shared"
    out = units.shape[1]
    field = 5 if is_local else side
    assert name == "stage_1"
    assert found.shape == (1 if is_shared else out * out, 3, field, field, CHANNELS)
    assert np.isfinite(found).sum() == weights.size
    for unit in range(out * out if is_local or not is_shared else 1):
        row, column = divmod(unit, out)
        top, left = (stage.stride * row, stage.stride * column) if is_local else (0, 0)
        read = padded[:, top : top + field, left : left + field]
        expected = np.nansum(found[0 if is_shared else unit] * read[:, None], axis=(2, 3, 4))
        expected += bias if bias.ndim == 1 else bias[unit]
        np.testing.assert_allclose(units[:, row, column], expected, atol=1e-5)
    for number, inputs in enumerate(stage.table or ()):
        is_read = np.isin(np.arange(CHANNELS), inputs)
        assert (np.isfinite(found[:, number]) == is_read).all()


def test_an_mlp_has_the_kernels_of_its_first_layer_and_no_feature_maps():
    model = MLP((4, 3), "tanh")
    variables = with_biases(model)
    assert feature_maps(model, variables, IMAGES) == {}
    [(name, found)] = kernels(model, variables, SIZE, CHANNELS).items()
    assert name == "dense_1" and found.shape == (1, 4, SIZE, SIZE, CHANNELS)
    expected = IMAGES.reshape(len(IMAGES), -1) @ variables["params"]["dense_1"]["kernel"]
    np.testing.assert_allclose((found * IMAGES[:, None]).sum((2, 3, 4)), expected, atol=1e-5)


def test_later_stages_read_the_maps_of_earlier_ones():
    model = cnn(("local", "random"), ("shared", "unshared"), (3, 4), 3, (5,))
    found = kernels(model, with_biases(model), SIZE, CHANNELS)
    assert {name: kernel.shape for name, kernel in found.items()} == {
        "stage_1": (1, 3, 3, 3, 2), "stage_3": (4, 4, 4, 4, 3),
    }  # fmt: skip
