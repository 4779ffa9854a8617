"""Stride, border, connection tables, unit biases and trainable subsampling against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import Pool, Wired
from lenet_jax.models.map_tables import TABLES, read_table
from tests.helpers.dense import dense_layer
from tests.models.test_wiring import reads_of

C3 = read_table("c3", 6, 16)
# (images, side, input maps, fields of the layer)
LAYERS = {
    "H1": (
        1, 16, 1,
        dict(maps=12, kernel_size=5, stride=2, border=(2, 1), pad_value=-1.0, unit_bias=True),
    ),
    "H2": (
        3, 8, 12,
        dict(maps=12, kernel_size=5, stride=2, border=(2, 1), pad_value=-1.0, unit_bias=True,
             table=read_table("h2_groups", 12, 12)),
    ),
    "C3": (16, 14, 6, dict(maps=16, kernel_size=5, table=C3)),
    "C5": (2, 5, 16, dict(maps=7, kernel_size=5)),
    "Net-3": (
        4, 16, 1,
        dict(maps=1, kernel_size=3, stride=2, border=(0, 1), pad_value=-1.0, sharing="unshared"),
    ),
    "unshared with a table": (2, 7, 3, dict(maps=2, kernel_size=3, sharing="unshared", table=((0, 2), (1,)))),
    "stride 3": (17, 11, 2, dict(maps=3, kernel_size=4, stride=3, border=(1, 2), pad_value=0.5)),
    "stride 2, even": (16, 12, 2, dict(maps=3, kernel_size=3, stride=2)),
}  # fmt: skip


def definition(layer, params, x_NHWC):
    """The dense layer with masked and tied weights, on the bordered input."""
    width = ((0, 0), layer.border, layer.border, (0, 0))
    x_NHWC = jnp.pad(x_NHWC, width, constant_values=layer.pad_value)
    size, channels = x_NHWC.shape[1], x_NHWC.shape[3]
    table = layer.table or layer.maps * (tuple(range(channels)),)
    kernel, taps = params["kernel"], layer.kernel_size**2
    dense = jnp.zeros((taps, channels, layer.maps, *kernel.shape[2:])) if layer.table else None
    if layer.table:
        pairs = [(channel, number) for number, read in enumerate(table) for channel in read]
        for pair, (channel, number) in enumerate(pairs):
            dense = dense.at[:, channel, number].set(kernel[:, pair])
        kernel = jnp.moveaxis(dense, 2, -1)
    reads = reads_of("local", layer.sharing, size, layer.kernel_size, stride=layer.stride)
    return dense_layer(x_NHWC, reads, kernel, params["bias"])


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_and_its_gradients_follow_the_definition(name):
    count, size, channels, fields = LAYERS[name]
    layer = Wired(**{"connectivity": "local", "sharing": "shared", **fields})
    keys = jax.random.split(jax.random.key(0), 4)
    x_NHWC = jax.random.normal(keys[0], (count, size, size, channels))
    params = layer.init(keys[1], FeatureMaps.from_images(x_NHWC))["params"]
    params = params | {"bias": jax.random.normal(keys[2], params["bias"].shape)}

    def ours(params, x):
        y = layer.apply({"params": params}, FeatureMaps.from_images(x)).images
        return y.reshape(count, -1, layer.maps)

    def value_and_gradients(function):
        y, pull = jax.vjp(function, params, x_NHWC)
        return y, pull(jax.random.normal(keys[3], y.shape))

    found = jax.jit(lambda: value_and_gradients(ours))()
    expected = jax.jit(lambda: value_and_gradients(lambda *it: definition(layer, *it)))()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, expected)


@pytest.mark.parametrize("kind", ["trainable_sum", "trainable_average"])
def test_trainable_subsampling(kind):
    x_NHWC = jax.random.normal(jax.random.key(0), (3, 7, 7, 2))
    layer = Pool(kind, "fan_in")
    params = layer.init(jax.random.key(1), FeatureMaps.from_images(x_NHWC))["params"]
    assert np.abs(params["coefficient"]).max() <= 2.4 / 4
    params = {"coefficient": jnp.array([2.0, -1.0]), "bias": jnp.array([0.5, 0.25])}
    found = layer.apply({"params": params}, FeatureMaps.from_images(x_NHWC)).images
    windows = np.asarray(x_NHWC)[:, :6, :6].reshape(3, 3, 2, 3, 2, 2)
    joined = windows.sum((2, 4)) if kind == "trainable_sum" else windows.mean((2, 4))
    np.testing.assert_allclose(found, joined * params["coefficient"] + params["bias"], rtol=1e-5, atol=1e-5)


def test_tables_have_the_pairs_that_the_papers_count():
    three = [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)]
    four = [(0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)]
    apart = [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]
    assert list(C3) == [*three, *four, *apart, (0, 1, 2, 3, 4, 5)]
    assert sum(map(len, C3)) == 60
    assert sum(map(len, read_table("lenet1", 4, 12))) == 20
    for name in TABLES:
        if name.startswith("h2_"):
            table = read_table(name, 12, 12)
            assert {len(read) for read in table} == {8}
            assert {channel for read in table for channel in read} == set(range(12))
    assert read_table("all", 3, 4) is None
    assert read_table("b 0", 12, 2) == ((11,), (0,))
