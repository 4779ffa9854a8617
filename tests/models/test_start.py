"""Unshared weights that start as those of a shared layer, and the constraint that gradients keep."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.wired_layer import Wired
from lenet_jax.models.wiring import CONNECTIVITY
from lenet_jax.native import library
from tests.helpers.dense import embedded, init_layer

needs_compiler = pytest.mark.skipif(
    library.find_compiler() is None, reason="there is no C++ compiler to build the kernel with"
)
# (connectivity, start, connectivity of the shared layer)
STARTS = [
    ("full", "convolution", "local"),
    ("full", "tied", "full"),
    ("local", "convolution", "local"),
    ("local", "tied", "local"),
]
# (images, side, input maps, kernel side, stride), maps of two
SHAPES = [(2, 8, 3, 3, 1), (16, 9, 2, 4, 2), (3, 7, 1, 2, 3)]
STARTS_AND_SHAPES = [(*start, shape) for start in STARTS for shape in SHAPES]


def layers_of(connectivity, start, shared_connectivity, shape, **fields):
    """An unshared layer, the shared layer that it imitates, and inputs of both."""
    count, size, channels, kernel_size, stride = shape
    x_NHWC = np.random.default_rng(0).standard_normal((count, size, size, channels), np.float32)
    unshared = Wired(2, kernel_size, connectivity, "unshared", stride=stride, start=start, **fields)
    return unshared, Wired(2, kernel_size, shared_connectivity, "shared", stride=stride, **fields), x_NHWC


@functools.partial(jax.jit, static_argnums=0)
def outputs_and_gradients(layer, params, x_NHWC):
    """Outputs, and gradients by the parameters and the input of a function that is not linear in them."""

    def outputs(params, x_NHWC):
        return layer.apply({"params": params}, FeatureMaps.from_images(x_NHWC)).images

    y, pull = jax.vjp(outputs, params, x_NHWC)
    return y, *pull(jnp.sin(3 * y))


def assert_close(found, expected):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), found, expected)


@pytest.mark.parametrize(("connectivity", "start", "shared", "shape"), STARTS_AND_SHAPES)
def test_unshared_weights_start_as_those_of_the_shared_layer(connectivity, start, shared, shape):
    """Weight by weight to the last bit, drawn by the same key; so outputs agree."""
    unshared_layer, shared_layer, x_NHWC = layers_of(connectivity, start, shared, shape)
    params = init_layer(shared_layer, x_NHWC)["params"]
    found = init_layer(unshared_layer, x_NHWC)["params"]
    at_start = embedded(params, unshared_layer, shared_layer, x_NHWC.shape[1])
    jax.tree.map(np.testing.assert_array_equal, found, at_start)
    (y, *_), (expected, *_) = (
        outputs_and_gradients(layer, params, x_NHWC)
        for layer, params in ((unshared_layer, found), (shared_layer, params))
    )
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_a_convolution_written_out():
    """2x2 units of a 2x2 kernel on 3x3 inputs: rows are positions, columns are units."""
    layer, _, x_NHWC = layers_of("full", "convolution", "local", (1, 3, 1, 2, 1))
    weights = np.asarray(init_layer(layer, x_NHWC)["params"]["kernel"])[:, 0, :, 0]
    a, b, c, d = weights[[0, 1, 3, 4], 0]
    expected = [
        [a, 0, 0, 0], [b, a, 0, 0], [0, b, 0, 0],
        [c, 0, a, 0], [d, c, b, a], [0, d, 0, b],
        [0, 0, c, 0], [0, 0, d, c], [0, 0, 0, d],
    ]  # fmt: skip
    np.testing.assert_array_equal(weights, expected)
    assert len({float(weight) for weight in (a, b, c, d)} - {0.0}) == 4


@pytest.mark.parametrize(
    "native", [False, pytest.param(True, marks=needs_compiler)], ids=["products", "native"]
)
@pytest.mark.parametrize(("connectivity", "start", "shared", "shape"), STARTS_AND_SHAPES)
def test_a_constrained_gradient_is_that_of_the_shared_layer(connectivity, start, shared, shape, native):
    """Each weight gets the gradient of the weight that it is tied to, and those outside the kernel get 0."""
    unshared_layer, shared_layer, x_NHWC = layers_of(connectivity, start, shared, shape)
    params = init_layer(shared_layer, x_NHWC)["params"]
    constrained = unshared_layer.clone(constrained=True, native=native)
    found = outputs_and_gradients(constrained, init_layer(unshared_layer, x_NHWC)["params"], x_NHWC)
    y, gradient, x_gradient = outputs_and_gradients(shared_layer, params, x_NHWC)
    assert_close(found, (y, embedded(gradient, unshared_layer, shared_layer, x_NHWC.shape[1]), x_gradient))
    ones = {"kernel": np.ones_like(params["kernel"]), "bias": params["bias"]}
    is_tied = embedded(ones, unshared_layer, shared_layer, x_NHWC.shape[1])["kernel"]
    assert not np.asarray(found[1]["kernel"])[is_tied == 0].any()


def test_units_with_biases_of_their_own_share_the_kernel_alone():
    unshared_layer, shared_layer, x_NHWC = layers_of(
        "full", "convolution", "local", (2, 8, 3, 3, 1), unit_bias=True
    )
    params = init_layer(shared_layer, x_NHWC)["params"]
    constrained = unshared_layer.clone(constrained=True)
    found = outputs_and_gradients(constrained, init_layer(unshared_layer, x_NHWC)["params"], x_NHWC)
    expected = outputs_and_gradients(shared_layer, params, x_NHWC)
    assert_close(found[1]["bias"], expected[1]["bias"])
    assert np.ptp(np.asarray(found[1]["bias"]), axis=0).min() > 0.1


def test_a_start_changes_gradients_only_where_it_is_a_constraint():
    layer, _, x_NHWC = layers_of("full", "convolution", "local", (2, 8, 3, 3, 1))
    params = init_layer(layer, x_NHWC)["params"]
    found = outputs_and_gradients(layer, params, x_NHWC)
    free = layer.clone(start="free")
    jax.tree.map(np.testing.assert_array_equal, found, outputs_and_gradients(free, params, x_NHWC))
    free_too = outputs_and_gradients(free.clone(constrained=True), params, x_NHWC)
    jax.tree.map(np.testing.assert_array_equal, found, free_too)


@pytest.mark.parametrize(
    "native", [False, pytest.param(True, marks=needs_compiler)], ids=["products", "native"]
)
@pytest.mark.parametrize("unit_bias", [False, True])
@pytest.mark.parametrize("connectivity", CONNECTIVITY)
def test_a_mean_gradient_is_the_sum_divided_by_the_number_of_units(connectivity, unit_bias, native):
    """Of what units share; a bias that a unit has for itself keeps its gradient."""
    layer = Wired(4, 3, connectivity, "shared", unit_bias=unit_bias, native=native)
    x_NHWC = np.random.default_rng(0).standard_normal((16, 8, 8, 2), np.float32)
    variables = init_layer(layer, x_NHWC)

    @functools.partial(jax.jit, static_argnums=0)
    def gradients(layer, params, x_NHWC):
        def total(params, x_NHWC):
            y = layer.apply(variables | {"params": params}, FeatureMaps.from_images(x_NHWC)).images
            return jnp.sin(y).sum()

        return jax.grad(total, (0, 1))(params, x_NHWC)

    summed, x_summed = gradients(layer, variables["params"], x_NHWC)
    mean, x_mean = gradients(layer.clone(shared_gradient="mean"), variables["params"], x_NHWC)
    expected = {
        "kernel": summed["kernel"] / 36,
        "bias": summed["bias"] if unit_bias else summed["bias"] / 36,
    }
    assert_close((mean, x_mean), (expected, x_summed))


def test_unshared_weights_have_no_mean_gradient():
    layer, _, x_NHWC = layers_of("local", "free", "local", (2, 8, 3, 3, 1))
    params = init_layer(layer, x_NHWC)["params"]
    found = outputs_and_gradients(layer.clone(shared_gradient="mean"), params, x_NHWC)
    jax.tree.map(np.testing.assert_array_equal, found, outputs_and_gradients(layer, params, x_NHWC))
