"""Wired layers against the dense layer with masked and tied weights, and pooling."""

import functools

import jax
import numpy as np
import pytest
from flax import linen as nn

from lenet_jax import backend
from lenet_jax.models import wiring
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import Pool
from lenet_jax.models.wiring import CONNECTIVITY, SHARING, Connectivity, output_size
from tests.helpers.dense import dense_layer, dense_weights, wired_layer
from tests.helpers.networks import GRID, counts_of


def random_shapes(number, seed=0):
    """Shapes that nobody chose: (images, side, input maps, kernel side, maps)."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        kernel_size = int(rng.integers(1, 6))
        size = int(rng.integers(kernel_size + 1, 16))
        yield (int(rng.integers(1, 24)), size, int(rng.integers(1, 5)), kernel_size, int(rng.integers(1, 9)))


# LeNet-5's two stages, one image and the 16 from which tiles are larger; a layer of one unit; and some more.
SHAPES = [(1, 32, 1, 5, 6), (3, 14, 6, 5, 16), (16, 32, 1, 5, 6), (17, 14, 6, 5, 16), (4, 5, 1, 5, 2)]
SHAPES += random_shapes(4)
LAYERS = [
    (connectivity, sharing, shape)
    for connectivity, sharing in GRID
    for shape in SHAPES
    if CONNECTIVITY[connectivity].fits(shape[1], shape[3])
]


@functools.partial(jax.jit, static_argnums=0)
def on_images(layer, variables, x_NHWC):
    """What a layer of feature maps does to images, (N, rows, columns, maps)."""
    return layer.apply(variables, FeatureMaps.from_images(x_NHWC)).images


@functools.partial(jax.jit, static_argnums=0)
def wired_value_and_gradients(layer, constants, params, x_NHWC, cotangent):
    def wired(params, x_NHWC):
        y = on_images(layer, {"params": params, **constants}, x_NHWC)
        return y.reshape(y.shape[0], -1, y.shape[-1])

    y, pull = jax.vjp(wired, params, x_NHWC)
    return y, pull(cotangent)


@jax.jit
def dense_value_and_gradients(reads, params, x_NHWC, cotangent):
    def dense(params, x_NHWC):
        return dense_layer(x_NHWC, reads, params["kernel"], params["bias"])

    y, pull = jax.vjp(dense, params, x_NHWC)
    return y, pull(cotangent)


@pytest.mark.parametrize(("connectivity", "sharing", "shape"), LAYERS)
def test_a_wiring_is_a_dense_layer_with_masked_and_tied_weights(connectivity, sharing, shape):
    compare_with_dense(connectivity, sharing, shape)


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_its_form_for_accelerators_is_the_same_layer(connectivity, sharing):
    with backend.compiling_for("cuda"):  # a shape of its own, as functions are traced once
        compare_with_dense(connectivity, sharing, (3, 13, 5, 5, 3))


@pytest.mark.parametrize("sharing", SHARING)
def test_a_connectivity_needs_nothing_but_its_entry(monkeypatch, sharing):
    """A strip: as many positions as the kernel has pixels, in reading order."""
    strip = Connectivity(lambda size, kernel_size: np.arange(kernel_size**2, dtype=np.int32))
    monkeypatch.setitem(wiring.CONNECTIVITY, "strip", strip)
    compare_with_dense("strip", sharing, (3, 14, 6, 5, 16))
    assert counts_of({"model.connectivity": "strip", "model.sharing": sharing}) == counts_of(
        {"model.connectivity": "random", "model.sharing": sharing}
    )


def compare_with_dense(connectivity, sharing, shape):
    """Same outputs, and same gradients with respect to the kernel, the bias and the input."""
    layer, variables, x_NHWC, reads = wired_layer(connectivity, sharing, shape)
    constants = {name: value for name, value in variables.items() if name != "params"}
    count, size, _, kernel_size, maps = shape
    units = output_size(size, kernel_size) ** 2
    cotangent = np.random.default_rng(9).standard_normal((count, units, maps), np.float32)
    inputs = variables["params"], x_NHWC, cotangent
    y, gradients = wired_value_and_gradients(layer, constants, *inputs)
    y_dense, gradients_dense = dense_value_and_gradients(reads, *inputs)
    np.testing.assert_allclose(y, y_dense, rtol=1e-5, atol=1e-5)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
    jax.tree.map(close, gradients, gradients_dense)


def test_local_shared_is_the_convolution():
    layer, variables, x_NHWC, _ = wired_layer("local", "shared", (2, 14, 6, 5, 16))
    kernel, bias = variables["params"]["kernel"], variables["params"]["bias"]
    convolution = nn.Conv(16, (5, 5), padding="VALID")
    params = {"kernel": np.asarray(kernel).reshape(5, 5, 6, 16), "bias": bias}
    expected = jax.jit(convolution.apply)({"params": params}, x_NHWC)
    np.testing.assert_allclose(on_images(layer, variables, x_NHWC), expected, rtol=1e-5, atol=1e-5)


def test_local_unshared_is_flax_conv_local():
    layer, variables, x_NHWC, _ = wired_layer("local", "unshared", (2, 9, 2, 3, 4))
    kernel_TCPO, bias_PO = variables["params"]["kernel"], variables["params"]["bias"]
    # ConvLocal orders a unit's inputs by channel, then tap.
    kernel = np.asarray(kernel_TCPO).transpose(2, 1, 0, 3).reshape(7, 7, 2 * 9, 4)
    local = nn.ConvLocal(4, (3, 3), padding="VALID")
    params = {"kernel": kernel, "bias": bias_PO.reshape(7, 7, 4)}
    expected = jax.jit(local.apply)({"params": params}, x_NHWC)
    np.testing.assert_allclose(on_images(layer, variables, x_NHWC), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_gradients_of_a_unit_reach_what_it_reads_and_nothing_else(connectivity, sharing):
    layer, variables, x_NHWC, reads = wired_layer(connectivity, sharing, (1, 8, 2, 3, 2))
    unit_gradient = jax.jit(
        jax.grad(lambda x, row, column: on_images(layer, variables, x)[0, row, column, 1])
    )
    for unit in (0, 13, 35):
        gradient = np.asarray(unit_gradient(x_NHWC, *divmod(unit, 6)))
        touched = np.flatnonzero(np.abs(gradient[0]).max(-1).reshape(-1) > 1e-5)
        np.testing.assert_array_equal(touched, np.sort(reads[unit]))


def test_the_definition_written_out():
    """2x2 units of a 2x2 kernel on 3x3 inputs."""
    kernel = np.arange(1.0, 5.0, dtype=np.float32).reshape(4, 1, 1)
    reads = CONNECTIVITY["local"].reads("shared", 3, 2)
    weights = np.asarray(jax.jit(dense_weights, static_argnums=2)(reads, kernel, 9))[:, 0, :, 0]
    expected = [
        [1, 0, 0, 0], [2, 1, 0, 0], [0, 2, 0, 0],
        [3, 0, 1, 0], [4, 3, 2, 1], [0, 4, 0, 2],
        [0, 0, 3, 0], [0, 0, 4, 3], [0, 0, 0, 4],
    ]  # fmt: skip
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_initial_weights_have_variance_one_over_fan_in(connectivity, sharing):
    _, variables, _, reads = wired_layer(connectivity, sharing, (1, 14, 6, 5, 16), seed=1)
    fan_in = reads.shape[1] * 6
    kernel = np.asarray(variables["params"]["kernel"])
    # The sample variance of n uniform numbers is off by sqrt(0.8/n) of itself; 6 such deviations.
    assert abs(float(kernel.var()) * fan_in - 1) < 6 * np.sqrt(0.8 / kernel.size)
    assert float(np.abs(kernel).max()) <= np.sqrt(3 / fan_in)


def test_pooling():
    x_NHWC = np.arange(25, dtype=np.float32).reshape(1, 5, 5, 1)  # the odd last row and column are dropped
    np.testing.assert_array_equal(on_images(Pool("max"), {}, x_NHWC)[0, :, :, 0], [[6, 8], [16, 18]])
    np.testing.assert_array_equal(on_images(Pool("average"), {}, x_NHWC)[0, :, :, 0], [[3, 5], [13, 15]])
    even_NHWC = np.random.default_rng(0).standard_normal((2, 6, 6, 3), np.float32)
    average = nn.avg_pool(even_NHWC, (2, 2), (2, 2))
    np.testing.assert_allclose(on_images(Pool("average"), {}, even_NHWC), average, rtol=1e-6, atol=1e-6)
    maximum = nn.max_pool(even_NHWC, (2, 2), (2, 2))
    np.testing.assert_array_equal(on_images(Pool("max"), {}, even_NHWC), maximum)
