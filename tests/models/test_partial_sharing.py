"""Kernels shared by blocks of units, and kernels mixed from a few, against their definitions."""

import functools
import itertools

import jax
import numpy as np
import pytest

from lenet_jax.models import inspection
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import INITIALISATIONS
from lenet_jax.models.networks import CNN, MLP, Stage
from lenet_jax.models.wired_layer import Wired, reads_of
from lenet_jax.models.wiring import CONNECTIVITY
from lenet_jax.native import library
from tests.helpers.dense import dense_layer, dense_weights, init_layer
from tests.helpers.keys import key
from tests.helpers.networks import counts_of

PARTIAL = [
    {"sharing": "blocks", "block": 2},
    {"sharing": "blocks", "block": 3},  # which does not divide the side of the maps
    {"sharing": "blocks", "block": 2, "unit_bias": True},
    {"sharing": "low_rank", "rank": 1},
    {"sharing": "low_rank", "rank": 3},
    {"sharing": "low_rank", "rank": 3, "unit_bias": True},
]
SIZE, KERNEL_SIZE, CHANNELS, MAPS, OUT = 9, 5, 2, 3, 5
CASES = list(itertools.product(CONNECTIVITY, PARTIAL))
SPATIAL = [
    {"stride": 2, "padding": (2, 1), "pad_value": -1.0},
    {"table": ((0, 1), (1,), (0,))},
]


def weights_of_units(layer, params, out):
    """(T, C, P, O) kernels and (P, O) biases, unit by unit; NumPy, in float64 where it adds."""
    kernel = np.asarray(params["kernel"])
    if layer.table:
        dense = np.zeros((len(kernel), CHANNELS, *kernel.shape[2:], layer.maps), np.float32)
        for pair, (channel, number) in enumerate((c, o) for o, read in enumerate(layer.table) for c in read):
            dense[:, channel, ..., number] = kernel[:, pair]
        kernel = dense
    kernels, biases = [], []
    for row, column in itertools.product(range(out), repeat=2):
        unit = out * row + column
        if layer.sharing == "blocks":
            blocks = -(-out // layer.block)
            number = blocks * (row // layer.block) + column // layer.block
            kernels.append(kernel[:, :, number])
            biases.append(params["bias"][unit if layer.unit_bias else number])
            continue
        shares = np.ones(1)
        if layer.rank > 1:
            shares = np.exp(np.float64(params["mix_rows"][row] + params["mix_columns"][column]))
        kernels.append((kernel * (shares / shares.sum())[:, None]).sum(2))
        if layer.unit_bias:
            biases.append(params["bias"][unit])
        else:
            biases.append(params["bias"] + params["bias_rows"][row] + params["bias_columns"][column])
    return np.stack(kernels, 2).astype(np.float32), np.stack(biases).astype(np.float32)


def drawn_layer(images, **fields):
    """A layer, its parameters without zeros, its other variables, and its input."""
    layer = Wired(**{"maps": MAPS, "kernel_size": KERNEL_SIZE} | fields)
    rng = np.random.default_rng(0)
    x_NHWC = rng.standard_normal((images, SIZE, SIZE, CHANNELS), np.float32)
    constants = init_layer(layer, x_NHWC)
    params = constants.pop("params")
    params = {name: leaf + rng.standard_normal(leaf.shape, np.float32) for name, leaf in params.items()}
    return layer, params, constants, x_NHWC


def expected_output(layer, params, constants, x_NHWC):
    """By the dense layer that has these kernels at the positions that each unit reads."""
    pads = ((0, 0), layer.padding, layer.padding, (0, 0))
    x_NHWC = np.pad(x_NHWC, pads, constant_values=layer.pad_value)
    reads_PT = np.asarray(reads_of(layer, constants, x_NHWC.shape[1]))
    kernel, bias = weights_of_units(layer, params, int(len(reads_PT) ** 0.5))
    return dense_layer(x_NHWC, reads_PT, kernel, bias)


def output(layer, constants, params, x_NHWC):
    y = layer.apply({"params": params, **constants}, FeatureMaps.from_images(x_NHWC)).images
    return y.reshape(len(x_NHWC), -1, layer.maps)


@pytest.mark.parametrize(
    ("connectivity", "fields"),
    [*CASES, *(("local", a | b) for a in SPATIAL for b in (PARTIAL[0], PARTIAL[4]))],
)
def test_a_layer_follows_the_definition(connectivity, fields):
    layer, params, constants, x_NHWC = drawn_layer(3, connectivity=connectivity, **fields)
    found = jax.jit(functools.partial(output, layer, constants))(params, x_NHWC)
    expected = expected_output(layer, params, constants, x_NHWC)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("connectivity", "fields"), CASES)
def test_what_units_share_gets_the_sum_of_their_gradients(connectivity, fields):
    """By the chain rule, from the gradients of an unshared layer that has the same weights."""
    layer, params, constants, x_NHWC = drawn_layer(4, connectivity=connectivity, **fields)
    cotangent = np.random.default_rng(1).standard_normal((4, OUT**2, MAPS), np.float32)

    def gradients(function, *operands):
        return jax.jit(lambda *operands: jax.vjp(function, *operands)[1](cotangent))(*operands)

    found, found_x = gradients(functools.partial(output, layer, constants), params, x_NHWC)
    reads_PT = np.asarray(reads_of(layer, constants, SIZE))
    kernel, bias = weights_of_units(layer, params, OUT)
    of_x, of_kernel, of_bias = gradients(
        lambda x, kernel, bias: dense_layer(x, reads_PT, kernel, bias), x_NHWC, kernel, bias
    )
    np.testing.assert_allclose(found_x, of_x, rtol=1e-3, atol=1e-3)
    for name, leaf in params.items():  # a step along each parameter, in random directions
        direction = np.random.default_rng(2).standard_normal(leaf.shape, np.float32)
        step = 1e-2 * direction
        there, back = (weights_of_units(layer, params | {name: leaf + sign * step}, OUT) for sign in (1, -1))
        moved = [(a - b) / 2e-2 for a, b in zip(there, back, strict=True)]
        expected = np.vdot(of_kernel, moved[0]) + np.vdot(of_bias, moved[1])
        np.testing.assert_allclose(np.vdot(found[name], direction), expected, rtol=1e-2, atol=2e-2)


@pytest.mark.skipif(library.find_compiler() is None, reason="there is no C++ compiler")
@pytest.mark.parametrize(("connectivity", "fields"), CASES)
@pytest.mark.parametrize("images", [1, 16])
def test_the_native_kernel_computes_the_same(connectivity, fields, images):
    layer, params, constants, x_NHWC = drawn_layer(images, connectivity=connectivity, **fields)
    cotangent = np.random.default_rng(1).standard_normal((images, OUT**2, MAPS), np.float32)

    def value_and_gradients(layer):
        function = functools.partial(output, layer, constants)
        return jax.jit(lambda *operands: jax.vjp(function, *operands)[1](cotangent))(params, x_NHWC)

    found, expected = (value_and_gradients(layer.clone(native=native)) for native in (True, False))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-3), found, expected)


@pytest.mark.parametrize("connectivity", ["local", "random"])
def test_blocks_reach_from_unshared_to_shared_weights(connectivity):
    """A single block is the shared layer."""
    layer, params, constants, x_NHWC = drawn_layer(2, connectivity=connectivity, sharing="blocks", block=OUT)
    shared = Wired(MAPS, KERNEL_SIZE, connectivity, "shared")
    params_shared = {"kernel": params["kernel"][:, :, 0], "bias": params["bias"][0]}
    np.testing.assert_allclose(
        output(layer, constants, params, x_NHWC),
        output(shared, constants, params_shared, x_NHWC),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip


def test_blocks_of_one_unit_are_unshared_weights():
    layer, params, _, x_NHWC = drawn_layer(2, connectivity="local", sharing="blocks", block=1)
    unshared = Wired(MAPS, KERNEL_SIZE, "local", "unshared")
    np.testing.assert_array_equal(output(layer, {}, params, x_NHWC), output(unshared, {}, params, x_NHWC))


@pytest.mark.parametrize("rank", [1, 4])
def test_a_low_rank_layer_starts_as_a_convolution(rank):
    """With the mean of its kernels, drawn so that their mean varies as a kernel does."""
    layer = Wired(64, KERNEL_SIZE, "local", "low_rank", rank=rank)
    x_NHWC = np.random.default_rng(0).standard_normal((2, SIZE, SIZE, CHANNELS), np.float32)
    params = init_layer(layer, x_NHWC)["params"]
    mean = {"kernel": params["kernel"].mean(2), "bias": params["bias"]}
    convolution = Wired(64, KERNEL_SIZE, "local", "shared")
    np.testing.assert_allclose(
        output(layer, {}, params, x_NHWC), output(convolution, {}, mean, x_NHWC), rtol=1e-4, atol=1e-4
    )
    fan_in = KERNEL_SIZE**2 * CHANNELS
    deviation = float(INITIALISATIONS["unit_variance"](fan_in)) / 3**0.5
    np.testing.assert_allclose(mean["kernel"].std(), deviation, rtol=0.1)


@pytest.mark.parametrize(("connectivity", "fields"), CASES)
def test_kernels_are_shown_unit_by_unit(connectivity, fields):
    """As `inspection.kernels` says: where each unit reads, and NaN elsewhere."""
    stage = Stage(MAPS, KERNEL_SIZE, connectivity, pooling="none", **fields)
    model = CNN((stage,), MLP((), "tanh"))
    x_NHWC = np.zeros((1, SIZE, SIZE, CHANNELS), np.float32)
    variables = jax.jit(model.init)({"params": key(1), "wiring": key(2)}, x_NHWC)
    rng = np.random.default_rng(0)
    variables = {**variables, "params": jax.tree.map(
        lambda leaf: leaf + rng.standard_normal(leaf.shape, np.float32), variables["params"]
    )}  # fmt: skip
    [found] = inspection.kernels(model, variables, SIZE, CHANNELS).values()
    layer = Wired(MAPS, KERNEL_SIZE, connectivity, **fields)
    constants = {name: value["stage_1"] for name, value in variables.items() if name != "params"}
    reads_PT = np.asarray(reads_of(layer, constants, SIZE))
    kernel, _ = weights_of_units(layer, variables["params"]["stage_1"], OUT)
    if connectivity == "local":
        expected = kernel.transpose(2, 3, 0, 1).reshape(OUT**2, MAPS, KERNEL_SIZE, KERNEL_SIZE, CHANNELS)
    else:
        expected = np.asarray(dense_weights(reads_PT, kernel, SIZE**2)).transpose(2, 3, 0, 1)
        expected = expected.reshape(OUT**2, MAPS, SIZE, SIZE, CHANNELS)
        assert (np.isnan(found) == (expected == 0)).all()
    np.testing.assert_allclose(np.nan_to_num(found), expected, rtol=1e-4, atol=1e-5)


BLOCKS = {"model.sharing": "blocks,shared"}
LOW_RANK = {"model.sharing": "low_rank,shared"}


SIZES_OF_BLOCKS = {1: 784, 2: 196, 4: 49, 5: 36, 7: 16, 14: 4, 28: 1}  # side -> how many; 5 leaves a rest
STAGES_1 = [
    *((BLOCKS | {"model.block": (block, 0)}, count * 6 * 26) for block, count in SIZES_OF_BLOCKS.items()),
    (BLOCKS | {"model.block": (14, 0), "model.connectivity": "full,local"}, 4 * 6 * (1024 + 1)),
    (LOW_RANK | {"model.rank": (1, 0)}, 150 + 6 + 56),
    *((LOW_RANK | {"model.rank": (rank, 0)}, 150 * rank + 56 * rank + 6 + 56) for rank in (2, 4, 8)),
]


@pytest.mark.parametrize(("fields", "parameters"), STAGES_1)
def test_counts_are_exact(fields, parameters):
    """Of LeNet-5 with such a first stage; connections and multiply-accumulates are those of the others."""
    counts = counts_of(fields)
    ends = counts_of({**fields, "model.sharing": "unshared,shared", "model.block": (0,), "model.rank": (0,)})
    assert counts.parameters == parameters + 16 * (25 * 6 + 1) + 59_134
    assert (counts.connections, counts.macs) == (ends.connections, ends.macs)


def test_with_a_bias_per_unit_kernels_alone_are_shared():
    fields = {"model.bias": "unit", **BLOCKS, "model.block": (7, 0)}
    assert counts_of(fields).wired.parameters == 16 * 6 * 25 + 784 * 6 + 16 * (25 * 6) + 1600


def test_the_ends_have_the_counts_of_the_grid():
    assert counts_of({"model.sharing": "blocks", "model.block": (28, 10)}).parameters == 61_706
    assert counts_of({"model.sharing": "blocks", "model.block": (1,)}).parameters == 423_038
