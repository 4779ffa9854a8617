"""The native kernel computes the same layer as matrix products, forward and backward."""

import dataclasses
import functools
import itertools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from lenet_jax.models import wiring
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.networks import CNN, MLP, Stage, computed_by_kernel
from lenet_jax.models.wired_layer import Wired
from lenet_jax.native import calls, library
from tests.helpers.commands import PROJECT

pytestmark = pytest.mark.skipif(
    library.find_compiler() is None, reason="there is no C++ compiler to build the kernel with"
)

SPARSE = list(itertools.product(("local", "random"), ("shared", "unshared")))
ALONE = {"maps": 7, "kernel_size": 3, "connectivity": "local", "sharing": "shared"}
# (images, side, channels), fields of the layer
LAYERS = [
    *(((37, 9, 3), {"connectivity": c, "sharing": s}) for c, s in SPARSE),
    *(((16, 8, 1), {"connectivity": c, "sharing": s, "kernel_size": 5, "maps": 16}) for c, s in SPARSE),
    ((8, 9, 3), {"stride": 2, "padding": (2, 1), "pad_value": -1.0, "unit_bias": True}),
    ((17, 9, 3), {"stride": 2, "padding": (2, 1), "pad_value": -1.0, "sharing": "unshared"}),
    *(
        ((16, 9, 2), {"connectivity": c, "sharing": s, "stride": 2})
        for c, s in (*SPARSE, ("full", "unshared"))
    ),
    ((16, 9, 2), {"connectivity": "random", "edges": "pad", "pad_value": -1.0, "stride": 2}),
    ((1, 9, 2), {"connectivity": "random", "edges": "pad", "pad_value": -1.0}),
    *(
        ((16, 9, 2), {"connectivity": "random", "sharing": s, "stride": stride, "radius": 2})
        for s, stride in itertools.product(("shared", "unshared"), (1, 2))
    ),
    ((20, 9, 3), {"maps": 4, "table": ((0,), (0, 1), (1, 2), (2,))}),
    ((20, 9, 3), {"maps": 4, "table": ((0,), (0, 1), (1, 2), (2,)), "sharing": "unshared"}),
    ((16, 9, 13), {"maps": 37}),
    ((8, 3, 2), {"maps": 1}),  # a single unit
    ((16, 9, 1), {"connectivity": "full", "sharing": "unshared"}),
    (
        (21, 9, 5),
        {"connectivity": "full", "sharing": "unshared", "maps": 16},
    ),  # more than 128 inputs and 192 outputs
    # Too few images for half a block, which are computed one by one.
    ((1, 9, 3), {}),
    ((2, 9, 3), {"connectivity": "random", "maps": 16}),
    ((1, 9, 3), {"stride": 2, "padding": (2, 1), "pad_value": -1.0, "unit_bias": True}),
    ((1, 9, 3), {"maps": 4, "table": ((0,), (0, 1), (1, 2), (2,))}),
    ((1, 3, 13), {"maps": 37}),
]


def layer_of(fields):
    return Wired(**(ALONE | fields))


def variables_of(layer, x_NHWC):
    """Weights, which include biases that are not 0, and positions that the layer draws."""
    rngs = {"params": jax.random.key(1), "wiring": jax.random.key(2)}
    variables = jax.jit(layer.init)(rngs, FeatureMaps.from_images(x_NHWC))
    drawn = jax.tree.map(
        lambda leaf: leaf + 0.1 * jax.random.normal(jax.random.key(3), leaf.shape), variables["params"]
    )
    return drawn, {name: value for name, value in variables.items() if name != "params"}


def output(layer, constants, params, x_NHWC):
    return layer.apply({"params": params, **constants}, FeatureMaps.from_images(x_NHWC)).images


@functools.partial(jax.jit, static_argnums=0)
def output_and_gradients(layer, constants, params, x_NHWC):
    y, pull = jax.vjp(functools.partial(output, layer, constants), params, x_NHWC)
    return y, pull(jnp.sin(3 * y))


def assert_close(found, expected):
    """Within 1e-5 of the largest number of each array."""

    def check(found, expected):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * float(jnp.abs(expected).max()))

    jax.tree.map(check, found, expected)


@pytest.mark.parametrize(("shape", "fields"), LAYERS)
def test_outputs_and_gradients_are_those_of_products(shape, fields):
    layer = layer_of(fields)
    count, side, channels = shape
    x = jax.random.normal(jax.random.key(0), (count, side, side, channels))
    params, constants = variables_of(layer, x)
    native = layer.clone(native=True)
    assert "lenet_jax_" in output_and_gradients.lower(native, constants, params, x).as_text()
    assert_close(
        output_and_gradients(native, constants, params, x), output_and_gradients(layer, constants, params, x)
    )


def test_weights_and_positions_are_drawn_as_for_products():
    x = jnp.zeros((16, 9, 9, 3))
    for connectivity, sharing in SPARSE:
        layer = layer_of({"connectivity": connectivity, "sharing": sharing})
        drawn, expected = variables_of(layer.clone(native=True), x), variables_of(layer, x)
        jax.tree.map(np.testing.assert_array_equal, drawn, expected)


def small_network(connectivity, sharing, native, **fields):
    stages = (
        Stage(6, 5, connectivity, sharing, **fields),
        Stage(16, 3, connectivity, sharing, table=tuple((i % 6, 5) if i % 6 < 5 else (5,) for i in range(16))
              if connectivity == "local" else None, **fields),
    )  # fmt: skip
    return computed_by_kernel(CNN(stages, MLP((30,), "tanh", first=5)), native)


# (images of a step, connectivity, sharing)
STEPS = [
    *((21, *wired) for wired in SPARSE),
    (21, "full", "unshared"),
    (1, "local", "shared"),
    (2, "random", "shared"),
]


@pytest.mark.parametrize("states_only", [False, True])
@pytest.mark.parametrize("count", [1, 21])
@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": ()},
        {"hidden": (30, 20)},
        {"hidden": (30, 20), "dropout": True},
        {"hidden": (7,), "output": "activated"},
        {"hidden": (4,), "output": "rbf", "codes": ((1, -1, 1, 1),) * 10},
    ],
)
def test_a_multilayer_perceptron_is_that_of_products(fields, count, states_only):
    """Dropout drops the same inputs."""
    images = jax.random.normal(jax.random.key(0), (count, 5, 5, 3))
    network = MLP(activation="tanh", **fields)
    params = jax.jit(network.init)(jax.random.key(1), images)["params"]

    def loss(native, params, images):
        rngs, rate = {"dropout": jax.random.key(4)}, jnp.array(0.5)
        outputs = computed_by_kernel(network, native).apply(
            {"params": params}, images, rate, states_only, rngs=rngs
        )
        return jnp.square(outputs - 1).mean(), outputs

    forms = {
        native: jax.jit(jax.value_and_grad(functools.partial(loss, native), (0, 1), has_aux=True))
        for native in (True, False)
    }
    assert ("lenet_jax_dense_forward" in forms[True].lower(params, images).as_text()) == (count > 1)
    assert_close(forms[True](params, images), forms[False](params, images))


@pytest.mark.parametrize(("count", "connectivity", "sharing"), STEPS)
@pytest.mark.parametrize("pooling", ["average", "max", "trainable_sum", "none"])
def test_a_step_of_a_network_is_that_of_products(count, connectivity, sharing, pooling):
    """The native stages of a network hand on feature maps in blocks, of which the last is not full."""
    images = jax.random.normal(jax.random.key(0), (count, 17, 17, 2))
    rngs = {"params": jax.random.key(1), "wiring": jax.random.key(2)}
    networks = {
        native: small_network(connectivity, sharing, native, pooling=pooling) for native in (False, True)
    }
    variables = jax.jit(networks[False].init)(rngs, images)
    constants = {name: value for name, value in variables.items() if name != "params"}

    def loss(network, params, images):
        outputs = network.apply({"params": params, **constants}, images)
        return jnp.square(outputs - 1).mean(), outputs

    found, expected = (
        jax.jit(jax.value_and_grad(functools.partial(loss, networks[native]), (0, 1), has_aux=True))(
            variables["params"], images
        )
        for native in (True, False)
    )
    assert_close(found, expected)


@pytest.mark.parametrize(
    ("connectivity", "sharing", "is_native"),
    [("local", "shared", True), ("local", "unshared", False), ("full", "unshared", False)],
)
def test_single_images_are_left_to_products_if_weights_are_not_shared(connectivity, sharing, is_native):
    network = small_network(connectivity, sharing, native=True)
    images = jnp.zeros((1, 17, 17, 1))
    variables = jax.eval_shape(network.init, jax.random.key(0), images)
    text = jax.jit(network.apply).lower(variables, images).as_text()
    assert ("lenet_jax_" in text) == is_native
    assert calls.lanes(1) == 1 and calls.lanes(calls.block() // 2) == calls.block()


def test_images_of_numpy_are_taken():
    network = small_network("local", "shared", native=True)
    images = np.ones((16, 17, 17, 1), np.float32)
    variables = network.init(jax.random.key(0), images)
    assert network.apply(variables, images).shape == (16, 10)


@pytest.fixture(name="call")
def a_call():
    """A layer that is called directly: operands of `calls.wired`, of which x comes first."""
    out, block = 3, calls.block()
    layer = calls.Layer(5, out, 0, 0, 0.0, True, False, "none", ())
    x = jax.random.normal(jax.random.key(0), (2, 5, 5, 3, block))
    kernel = jax.random.normal(jax.random.key(1), (9, 3, 4))
    reads = wiring.CONNECTIVITY["local"].reads("shared", 5, 3)
    return functools.partial(calls.wired, layer), (x, kernel, jnp.ones(4), jnp.asarray(reads))


def test_vmap_pmap_and_shard_map_compute_each_part_alone(call):
    compute, (x, *weights) = call
    many_x = jnp.stack([x, 2 * x, x - 1, 1 - x])
    expected = jnp.stack([compute(one, *weights) for one in many_x])

    def of_one(x):
        return compute(x, *weights)

    def of_part(part):
        return jax.vmap(of_one)(part)

    mesh = Mesh(np.array(jax.local_devices()[:4]), ("runs",))
    spec = PartitionSpec("runs")
    np.testing.assert_array_equal(jax.jit(jax.vmap(of_one))(many_x), expected)
    np.testing.assert_array_equal(jax.pmap(of_one)(many_x), expected)
    sharded = jax.shard_map(of_part, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    np.testing.assert_array_equal(jax.jit(sharded)(many_x), expected)


def test_rows_are_taken_by_their_index():
    x = jax.random.normal(jax.random.key(0), (50, 3, 5))
    index = jax.random.randint(jax.random.key(1), (37,), 0, 50)
    np.testing.assert_array_equal(jax.jit(calls.rows_at)(x, index), x[index])


@pytest.mark.parametrize("row", [-1, 50])
def test_a_row_that_does_not_exist_is_refused(row):
    with pytest.raises(jax.errors.JaxRuntimeError, match=f"there is no row {row} of 50"):
        jax.jit(calls.rows_at)(jnp.zeros((50, 3)), jnp.array([4, row])).block_until_ready()


@pytest.mark.parametrize("position", [-1, 25])
def test_a_position_that_does_not_exist_is_refused(call, position):
    compute, (x, kernel, bias, reads) = call
    with pytest.raises(jax.errors.JaxRuntimeError, match=f"a unit reads position {position} of 25"):
        jax.jit(compute)(x, kernel, bias, reads.at[4, 2].set(position)).block_until_ready()


def test_shapes_that_do_not_fit_are_refused(call):
    compute, (x, kernel, bias, reads) = call
    with pytest.raises(jax.errors.JaxRuntimeError, match="do not fit together"):
        jax.jit(compute)(x, kernel[:-1], bias, reads).block_until_ready()
    with pytest.raises(jax.errors.JaxRuntimeError, match="not in blocks"):
        jax.jit(compute)(x[..., :-1], kernel, bias, reads).block_until_ready()
    with pytest.raises(jax.errors.JaxRuntimeError, match="not in blocks"):
        jax.jit(compute)(x[:, 1:], kernel, bias, reads).block_until_ready()


@pytest.mark.parametrize("activation", calls.ACTIVATIONS)
def test_what_is_not_a_number_stays_so(call, activation):
    """Otherwise the loss of a run that diverges would be finite."""
    compute, (x, kernel, bias, reads) = call
    layer = dataclasses.replace(compute.args[0], activation=activation)
    for operands in ((x, jnp.nan * kernel, bias, reads), (x, kernel, jnp.nan * bias, reads)):
        y, pull = jax.vjp(functools.partial(calls.wired, layer), *operands)
        assert jnp.isnan(y).all()
        assert activation == "none" or jnp.isnan(pull(jnp.ones_like(y))[1]).all()


DIGEST = """
import hashlib, jax, jax.numpy as jnp
from lenet_jax.native import calls
from tests.native.test_calls import SPARSE, layer_of, output_and_gradients, variables_of
digest = hashlib.sha256()
arrays = [jax.random.normal(jax.random.key(seed), (150_001,)) for seed in range(3)]
for leaf in calls.momentum_step(*arrays, momentum=0.9, learning_rate=0.1, decays=0.01):
    digest.update(leaf.tobytes())
for count, maps, activation in ((70, 7, "tanh"), (16, 20, "none")):
    for connectivity, sharing in [*SPARSE, ("full", "unshared")]:
        layer = layer_of({"connectivity": connectivity, "sharing": sharing, "maps": maps, "native": True})
        if connectivity != "full":
            layer = layer.clone(activation=activation)
        x = jax.random.normal(jax.random.key(0), (count, 12, 12, 3))
        params, constants = variables_of(layer, x)
        for leaf in jax.tree.leaves(output_and_gradients(layer, constants, params, x)):
            digest.update(leaf.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow  # two processes
def test_bits_do_not_depend_on_the_number_of_threads():
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=PROJECT,
            env=os.environ | {"NPROC": threads, "PYTHONPATH": str(PROJECT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in ("1", "3")
    }
    assert len(digests) == 1
