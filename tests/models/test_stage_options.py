"""Stride, padding, connection tables, unit biases and trainable subsampling against their definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import Pool
from lenet_jax.models.map_tables import read_table
from lenet_jax.models.wired_layer import Wired, reads_of
from lenet_jax.models.wiring import CONNECTIVITY, SHARING
from tests.helpers.dense import dense_layer, init_layer

# (images, side, input maps, fields of the layer)
LAYERS = {
    "H1": (
        1, 16, 1,
        dict(maps=12, kernel_size=5, stride=2, padding=(2, 1), pad_value=-1.0, unit_bias=True),
    ),
    "H2": (
        3, 8, 12,
        dict(maps=12, kernel_size=5, stride=2, padding=(2, 1), pad_value=-1.0, unit_bias=True,
             table=read_table("h2_groups", 12, 12)),
    ),
    "C3": (16, 14, 6, dict(maps=16, kernel_size=5, table=read_table("c3", 6, 16))),
    "C5": (2, 5, 16, dict(maps=7, kernel_size=5)),
    "Net-3": (
        4, 16, 1,
        dict(maps=1, kernel_size=3, stride=2, padding=(0, 1), pad_value=-1.0, sharing="unshared"),
    ),
    "unshared with a table": (2, 7, 3, dict(maps=2, kernel_size=3, sharing="unshared", table=((0, 2), (1,)))),
    "stride 3": (17, 11, 2, dict(maps=3, kernel_size=4, stride=3, padding=(1, 2), pad_value=0.5)),
    "stride 2, even": (16, 12, 2, dict(maps=3, kernel_size=3, stride=2)),
    "padded edges": (5, 9, 2, dict(maps=3, kernel_size=4, pad_value=0.5, edges="pad")),
    "padded edges, stride 2": (16, 8, 1, dict(maps=3, kernel_size=3, stride=2, pad_value=-1.0, edges="pad")),
    "radius": (16, 9, 2, dict(maps=3, kernel_size=4, radius=3)),
    "radius, stride 2, unshared": (
        5, 11, 1, dict(maps=3, kernel_size=3, stride=2, sharing="unshared", radius=2)
    ),
    "stride 2, unshared": (5, 9, 2, dict(maps=3, kernel_size=4, stride=2, sharing="unshared")),
}  # fmt: skip
CASES = [
    (connectivity, name)
    for connectivity, entry in CONNECTIVITY.items()
    for name, (_, size, _, fields) in LAYERS.items()
    if (entry.is_spatial or not ({"padding", "table"} & fields.keys()))
    and (entry.nearby_reads or "radius" not in fields)
    and entry.fits(size + sum(fields.get("padding", ())), fields["kernel_size"])
]


def definition(layer, constants, params, x_NHWC):
    """The dense layer with masked and tied weights, on the padded input."""
    size, channels = x_NHWC.shape[1] + sum(layer.padding), x_NHWC.shape[3]
    padding = layer.padding_of(x_NHWC.shape[1])
    x_NHWC = jnp.pad(x_NHWC, ((0, 0), padding, padding, (0, 0)), constant_values=layer.pad_value)
    kernel = params["kernel"]
    if layer.table:
        dense = jnp.zeros((len(kernel), channels, layer.maps, *kernel.shape[2:]))
        pairs = [(channel, number) for number, read in enumerate(layer.table) for channel in read]
        read, by = np.array(pairs).T
        kernel = jnp.moveaxis(dense.at[:, read, by].set(kernel), 2, -1)
    return dense_layer(x_NHWC, reads_of(layer, constants, size), kernel, params["bias"])


@pytest.mark.parametrize(("connectivity", "name"), CASES)
def test_a_layer_and_its_gradients_follow_the_definition(connectivity, name):
    count, size, channels, fields = LAYERS[name]
    layer = Wired(**{"connectivity": connectivity, "sharing": "shared", **fields})
    rng = np.random.default_rng(0)
    x_NHWC = rng.standard_normal((count, size, size, channels), np.float32)
    constants = init_layer(layer, x_NHWC)
    params = constants.pop("params")
    params = params | {"bias": rng.standard_normal(params["bias"].shape, np.float32)}

    def wired(params, x):
        y = layer.apply({"params": params, **constants}, FeatureMaps.from_images(x)).images
        return y.reshape(count, -1, layer.maps)

    cotangent = rng.standard_normal(jax.eval_shape(wired, params, x_NHWC).shape, np.float32)

    @functools.partial(jax.jit, static_argnums=0)
    def value_and_gradients(function, params, x_NHWC):
        y, pull = jax.vjp(function, params, x_NHWC)
        return y, pull(cotangent)

    found = value_and_gradients(wired, params, x_NHWC)
    expected = value_and_gradients(functools.partial(definition, layer, constants), params, x_NHWC)
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), found, expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sharing", SHARING)
def test_with_the_kernels_radius_a_random_layer_is_a_local_one(sharing, stride):
    """Its kernel is the local one, whose taps are in the order of the positions that were drawn."""
    x_NHWC = np.random.default_rng(0).standard_normal((3, 11, 11, 2), np.float32)
    local = Wired(4, 5, "local", sharing, stride=stride)
    random = Wired(4, 5, "random", sharing, stride=stride, radius=2)
    params, constants = init_layer(local, x_NHWC)["params"], init_layer(random, x_NHWC, seed=1)
    reads_PT, local_PT = reads_of(random, constants, 11), reads_of(local, {}, 11)
    taps_PT = (np.asarray(reads_PT)[:, :, None] == local_PT[:, None]).argmax(2)
    if sharing == "shared":
        kernel = params["kernel"][taps_PT[0]]
    else:
        kernel = np.take_along_axis(params["kernel"], taps_PT.T[:, None, :, None], 0)
    found = random.apply(constants | {"params": params | {"kernel": kernel}}, FeatureMaps.from_images(x_NHWC))
    expected = local.apply({"params": params}, FeatureMaps.from_images(x_NHWC))
    np.testing.assert_allclose(found.images, expected.images, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["trainable_sum", "trainable_average"])
def test_trainable_subsampling(kind):
    x_NHWC = np.random.default_rng(0).standard_normal((3, 7, 7, 2), np.float32)
    layer = Pool(kind, "fan_in")
    params = init_layer(layer, x_NHWC)["params"]
    assert np.abs(params["coefficient"]).max() <= 2.4 / 4
    params = {"coefficient": jnp.array([2.0, -1.0]), "bias": jnp.array([0.5, 0.25])}
    found = layer.apply({"params": params}, FeatureMaps.from_images(x_NHWC)).images
    windows = x_NHWC[:, :6, :6].reshape(3, 3, 2, 3, 2, 2)
    joined = windows.sum((2, 4)) if kind == "trainable_sum" else windows.mean((2, 4))
    np.testing.assert_allclose(found, joined * params["coefficient"] + params["bias"], rtol=1e-5, atol=1e-5)
