"""Whole networks against the definitions of their layers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.models.layers import ACTIVATIONS
from lenet_jax.models.networks import CNN, MLP, Stage
from lenet_jax.models.wired_layer import reads_of
from lenet_jax.models.wiring import CONNECTIVITY
from tests.helpers.dense import dense_layer
from tests.helpers.keys import key
from tests.helpers.networks import cnn


def definition(model, variables, x_NHWC):
    """The logits by the definitions: masked dense layers, and pooling windows cut out of the images."""
    activate, params = ACTIVATIONS[model.classifier.activation], variables["params"]
    for number, stage in enumerate(model.stages):
        name, (count, size, _, _) = f"stage_{2 * number + 1}", x_NHWC.shape
        reads = reads_of(stage, {"wiring": variables.get("wiring", {}).get(name)}, size)
        y = activate(dense_layer(x_NHWC, reads, params[name]["kernel"], params[name]["bias"]))
        out = size - stage.kernel_size + 1
        half = out // 2
        y = y.reshape(count, out, out, -1)[:, : 2 * half, : 2 * half]
        windows = y.reshape(count, half, 2, half, 2, -1)
        x_NHWC = windows.max((2, 4)) if stage.pooling == "max" else windows.mean((2, 4))
    x = x_NHWC.reshape(len(x_NHWC), -1)
    *hidden, output = sorted(params["classifier"])
    for name in hidden:
        x = activate(x @ params["classifier"][name]["kernel"] + params["classifier"][name]["bias"])
    return x @ params["classifier"][output]["kernel"] + params["classifier"][output]["bias"]


# (images, side, kernel side, maps, connectivity, sharing, pooling, activation): tiles of several sizes, maps
# that they don't divide, and stages of which one cuts tiles anew.
NETWORKS = [
    (16, 32, 5, (6, 16), "local,local", "shared,shared", "average", "tanh"),
    (17, 29, 4, (2, 3, 5), "local,local,local", "shared,shared,shared", "max", "relu"),
    (16, 23, 3, (6, 9), "local,random", "shared,unshared", "max", "tanh"),
    (3, 21, 2, (5, 2, 4), "random,local,full", "shared,shared,shared", "average", "relu"),
    (1, 19, 3, (3, 4), "full,local", "unshared,shared", "average", "tanh"),
    (18, 15, 3, (3, 7), "local,local", "unshared,shared", "max", "relu"),
]


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("native", [False, True])
def test_activations_that_fall_somewhere_or_that_the_native_kernel_lacks_are_applied_before_pooling(
    pooling, native, monkeypatch
):
    monkeypatch.setitem(ACTIVATIONS, "sine", jnp.sin)
    model = cnn(("local",), ("shared",), (3,), 3, (7,), pooling, "sine").clone(native=native)
    x_NHWC = 3 * jax.random.normal(key(0), (16, 12, 12, 1))
    variables = model.init(key(1), x_NHWC)
    np.testing.assert_allclose(
        model.apply(variables, x_NHWC), definition(model, variables, x_NHWC), atol=2e-5, rtol=1e-5
    )


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: f"{network[4]}-{network[1]}")
def test_whole_networks_and_their_gradients_follow_the_definitions(network):
    count, size, kernel_size, maps, connectivity, sharing, pooling, activation = network
    model = cnn(
        tuple(connectivity.split(",")),
        tuple(sharing.split(",")),
        maps,
        kernel_size,
        (7,),
        pooling,
        activation,
    )
    rng = np.random.default_rng(0)
    x_NHWC = rng.standard_normal((count, size, size, 1)).astype(np.float32)
    variables = jax.jit(model.init)({"params": key(1), "wiring": key(2)}, x_NHWC)
    constants = {name: value for name, value in variables.items() if name != "params"}
    weights = rng.standard_normal((count, 10)).astype(np.float32)

    def value_and_gradients(function):
        def weighted(params, x_NHWC):
            return (function({"params": params, **constants}, x_NHWC) * weights).sum()

        return jax.jit(jax.value_and_grad(weighted, (0, 1)))(variables["params"], x_NHWC)

    found = value_and_gradients(model.apply)
    expected = value_and_gradients(functools.partial(definition, model))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4), found, expected)


def test_only_the_biases_of_output_units_start_elsewhere():
    params = jax.jit(MLP((7,), "tanh", output_bias=-1.0).init)(key(0), np.zeros((1, 8)))["params"]
    assert (params["dense_1"]["bias"] == 0).all() and (params["output"]["bias"] == -1).all()


def test_the_sign_of_a_pooling_coefficient_is_that_of_the_next_kernels():
    """The activation is odd and initial weights are symmetric, so that only its size can matter."""
    stages = (
        Stage(2, 3, pooling="trainable_sum", initial_coefficient=0.6),
        Stage(3, 2, pooling="trainable_sum"),
    )
    model = CNN(stages, MLP((), "scaled_tanh", output="activated"))
    x_NHWC = np.random.default_rng(0).standard_normal((3, 10, 10, 1), np.float32)
    params = jax.jit(model.init)(key(0), x_NHWC)["params"]
    np.testing.assert_allclose(params["pool_2"]["coefficient"], 0.6)
    drawn = params["pool_4"]["coefficient"]
    assert (drawn != drawn[0]).any() and (abs(drawn) <= np.sqrt(3 / 4)).all()
    flipped = params | {
        "pool_2": {**params["pool_2"], "coefficient": -params["pool_2"]["coefficient"]},
        "stage_3": {**params["stage_3"], "kernel": -params["stage_3"]["kernel"]},
    }
    one, other = (model.apply({"params": its}, x_NHWC) for its in (params, flipped))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("connectivity", CONNECTIVITY)
def test_networks_take_numpy_arrays_outside_jit(connectivity):
    """As in a notebook: without `jax.jit`, from images and parameters that are NumPy's."""
    model = cnn((connectivity,), ("shared",), (2,), 3, ())
    x_NHWC = np.random.default_rng(0).standard_normal((2, 8, 8, 1), np.float32)
    variables = jax.tree.map(np.asarray, jax.jit(model.init)({"params": key(0), "wiring": key(1)}, x_NHWC))
    expected = jax.jit(model.apply)(variables, x_NHWC)
    np.testing.assert_allclose(model.apply(variables, x_NHWC), expected, rtol=1e-5, atol=1e-6)
