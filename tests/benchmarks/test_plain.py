"""Plain Flax layers do what the wired layers do."""

import functools

import jax
import numpy as np
import pytest

from benchmarks import workloads
from benchmarks.plain import plain_layer
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.wired_layer import Wired, reads_of
from tests.helpers.networks import GRID


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("connectivity", "sharing"), GRID)
def test_plain_layers_are_the_wired_layers(connectivity, sharing, channels):
    """Same outputs, and same gradients for the parameters and the input, in the plain layers' shapes."""
    layer = Wired(3, 3, connectivity, sharing)
    x_NHWC = np.random.default_rng(5).standard_normal((2, 7, 7, channels), np.float32)
    variables = workloads.init_layer(layer, x_NHWC)
    reads = np.asarray(reads_of(layer, variables, 7))
    apply, params, inputs = workloads.layer_form(layer, x_NHWC, "wired")
    apply_plain, plain_params, _ = workloads.layer_form(layer, x_NHWC, "plain")

    @jax.jit
    def both(params, x_NHWC, plain_params):
        def wired(params, x_NHWC):
            are_images = x_NHWC.shape == inputs.shape
            maps = FeatureMaps.from_images(x_NHWC)
            return FeatureMaps(apply(params, x_NHWC if are_images else maps.tiles), 5, maps.count).images

        y, pull = jax.vjp(wired, params, x_NHWC)
        y_plain, pull_plain = jax.vjp(apply_plain, plain_params, x_NHWC)
        return (y, *pull(y)), (y_plain, *pull_plain(y))

    (y, params_gradient, x_gradient), expected = both(params, x_NHWC, plain_params)
    _, params_gradient = plain_layer(layer, params_gradient, reads, 7)
    found = y, params_gradient, x_gradient
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), found, expected)
