"""The diagonal of the Gauss-Newton matrix: backpropagated against exact, exact against its definition."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from lenet_jax.models.networks import CNN, MLP, Stage
from lenet_jax.training.curvature import gauss_newton_diagonal
from lenet_jax.training.objective import Objective
from tests.helpers.hyperparameters import one_run
from tests.helpers.keys import key

SIZE = 8
NUMBERS = one_run(rbf_j=3.0)
CODES = tuple(tuple((-1) ** (i * j // 3) for j in range(6)) for i in range(10))
OBJECTIVES = {
    "logits": Objective("cross_entropy"),
    "activated": Objective("squared_error"),
    "rbf": Objective("rbf_competitive"),
}


def classifier(output, hidden=()):
    hidden = (*hidden, 6) if output == "rbf" else hidden
    return MLP(hidden, "scaled_tanh", output=output, codes=CODES)


def start(model, count=3, seed=0):
    rng = np.random.default_rng(seed)
    images = jnp.array(rng.standard_normal((count, SIZE, SIZE, 1)), jnp.float32)
    params = jax.jit(model.init)(key(seed), images)["params"]
    params = jax.tree.map(
        lambda leaf: leaf + jnp.array(0.1 * rng.standard_normal(leaf.shape), jnp.float32), params
    )
    return params, images, jnp.arange(count)


def diagonal(kind, model, params, images, labels):
    output = getattr(model, "classifier", model).output
    compiled = jax.jit(gauss_newton_diagonal, static_argnums=(0, 1, 2))
    return compiled(kind, model, OBJECTIVES[output], NUMBERS, params, {}, images, labels)


def assert_close(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6), one, other)


@pytest.mark.parametrize("output", OBJECTIVES)
def test_exact_is_the_diagonal_of_the_jacobians_product(output):
    """Against the whole matrix, built image by image and entry by entry in numpy."""
    model = CNN((Stage(2, 3, stride=2, padding=(1, 0), pad_value=-1.0, unit_bias=True),), classifier(output))
    params, images, labels = start(model)
    flat, unflatten = jax.flatten_util.ravel_pytree(params)
    expected = np.zeros(len(flat))

    def states(flat, image):
        return model.apply({"params": unflatten(flat)}, image[None], states_only=True)[0]

    def loss(state, label):
        return OBJECTIVES[output].losses(model.outputs(state[None]), label[None], NUMBERS)[0]

    @jax.jit
    def jacobian_and_hessian(flat, image, label):
        state = states(flat, image)
        return jax.jacrev(states)(flat, image), jax.jacfwd(jax.grad(loss))(state, label)

    for image, label in zip(images, labels, strict=True):
        matrices = jacobian_and_hessian(flat, image, label)
        jacobian, hessian = (np.asarray(matrix, np.float64) for matrix in matrices)
        assert np.linalg.eigvalsh(hessian).min() > -1e-5
        expected += np.diag(jacobian.T @ hessian @ jacobian) / len(labels)
    assert_close(diagonal("exact", model, params, images, labels), unflatten(jnp.array(expected)))


def test_backpropagated_is_exact_with_one_hidden_layer_whose_weights_are_not_shared():
    params, images, labels = start(model := classifier("activated", (5,)))
    assert_close(*(diagonal(kind, model, params, images, labels) for kind in ("backpropagated", "exact")))


STAGES = {
    "convolution": Stage(3, 3, pooling="none"),
    "stride, border, unit biases": Stage(
        3, 5, stride=2, padding=(2, 1), pad_value=-0.7, unit_bias=True, pooling="none"
    ),
    "odd border": Stage(2, 3, stride=2, padding=(0, 1), pad_value=-1.0, pooling="none"),
}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_backpropagated_sums_over_the_connections_that_share_a_weight(stage):
    """LeCun et al. 1998, eq. 24: the exact diagonal of the network whose weights aren't shared, summed."""
    model = CNN((stage,), classifier("activated"))
    untied = CNN((dataclasses.replace(stage, sharing="unshared"),), classifier("activated"))
    params, images, labels = start(model)
    shapes = jax.eval_shape(untied.init, key(0), images)["params"]["stage_1"]
    units = shapes["bias"].shape[0]
    kernel, bias = params["stage_1"]["kernel"], params["stage_1"]["bias"]
    spread = {
        "kernel": jnp.repeat(kernel[:, :, None], units, 2),
        "bias": bias if stage.unit_bias else jnp.repeat(bias[None], units, 0),
    }
    exact = diagonal("exact", untied, params | {"stage_1": spread}, images, labels)
    expected = {
        "kernel": exact["stage_1"]["kernel"].sum(2),
        "bias": exact["stage_1"]["bias"] if stage.unit_bias else exact["stage_1"]["bias"].sum(0),
    }
    found = diagonal("backpropagated", model, params, images, labels)
    assert_close(found, {"stage_1": expected, "classifier": exact["classifier"]})


@pytest.mark.parametrize("kind", ["backpropagated", "backpropagated_sums"])
@pytest.mark.parametrize("pooling", ["trainable_sum", "trainable_average", "average"])
def test_backpropagated_through_subsampling_unit_by_unit(pooling, kind):
    """In numpy: each of a unit's four connections has the weight u and its own squared input.

    Or the coefficient is the weight of one connection, whose input is the sum.
    """
    model = CNN((Stage(2, 3, pooling=pooling),), classifier("activated"))
    params, images, labels = start(model, count=1)
    found = diagonal(kind, model, params, images, labels)

    f = lambda a: 1.7159 * np.tanh(2 / 3 * np.asarray(a, np.float64))  # noqa: E731
    slope = lambda a: 1.7159 * 2 / 3 * (1 - np.tanh(2 / 3 * np.asarray(a, np.float64)) ** 2)  # noqa: E731
    kernel, bias = (np.asarray(params["stage_1"][name], np.float64) for name in ("kernel", "bias"))
    image = np.asarray(images[0, :, :, 0], np.float64)
    a = np.zeros((6, 6, 2))
    for row, column in np.ndindex(6, 6):
        a[row, column] = image[row : row + 3, column : column + 3].ravel() @ kernel[:, 0] + bias
    x = f(a)
    windows = x.reshape(3, 2, 3, 2, 2).transpose(0, 2, 4, 1, 3).reshape(3, 3, 2, 4)
    fixed = 1.0 if pooling == "trainable_sum" else 0.25
    trainable = pooling != "average"
    u = fixed * (np.asarray(params["pool_2"]["coefficient"], np.float64) if trainable else np.ones(2))
    s = windows.sum(-1) * u + (np.asarray(params["pool_2"]["bias"]) if trainable else 0.0)
    z = f(s) if trainable else s
    dense = np.asarray(params["classifier"]["output"]["kernel"], np.float64)
    o = z.ravel() @ dense + np.asarray(params["classifier"]["output"]["bias"])
    h_o = slope(o) ** 2 * 2 / 10
    h_z = (dense**2 @ h_o).reshape(3, 3, 2)
    h_s = h_z * slope(s) ** 2 if trainable else h_z
    expected = {"classifier": {"output": {"bias": h_o, "kernel": np.outer(z.ravel() ** 2, h_o)}}}
    if trainable:
        of_connections = ((fixed * windows) ** 2 * h_s[..., None]).sum((0, 1, 3))
        of_sums = ((fixed * windows.sum(-1)) ** 2 * h_s).sum((0, 1))
        assert (of_sums <= 4 * of_connections).all() and not np.allclose(of_sums, of_connections, rtol=0.05)
        coefficient = of_sums if kind == "backpropagated_sums" else of_connections
        expected["pool_2"] = {"coefficient": coefficient, "bias": h_s.sum((0, 1))}
    h_a = np.repeat(np.repeat(h_s * u**2, 2, 0), 2, 1) * slope(a) ** 2
    of_kernel = np.zeros((9, 1, 2))
    for row, column in np.ndindex(6, 6):
        patch = image[row : row + 3, column : column + 3].ravel() ** 2
        of_kernel[:, 0] += np.outer(patch, h_a[row, column])
    expected["stage_1"] = {"kernel": of_kernel, "bias": h_a.sum((0, 1))}
    assert_close(found, expected)


def test_the_curvature_of_a_scaled_loss_is_scaled():
    params, images, labels = start(model := classifier("activated", (5,)))
    arguments = "backpropagated", model, OBJECTIVES["activated"]
    plain, scaled = (
        gauss_newton_diagonal(*arguments, one_run(loss_scale=scale), params, {}, images, labels)
        for scale in (1.0, 5.0)
    )
    assert_close(jax.tree.map(lambda h: 5 * h, plain), scaled)


def test_the_curvature_of_eq_9_is_never_negative():
    params, images, labels = start(model := classifier("rbf", (5,)), count=8)
    for leaf in jax.tree.leaves(diagonal("backpropagated", model, params, images, labels)):
        assert (leaf >= 0).all() and (leaf > 0).any()


def test_a_layer_of_an_unknown_kind_is_refused():
    class Scale(nn.Module):
        @nn.compact
        def __call__(self, x):
            return x * self.param("scale", nn.initializers.ones, (10,))

    class Scaled(nn.Module):
        output = "logits"

        @nn.compact
        def __call__(self, x, dropout_rate=None, states_only=False):
            return Scale()(x.reshape(len(x), -1)[:, :10])

        def outputs(self, states):
            return states

    params, images, labels = start(model := Scaled())
    with pytest.raises(NotImplementedError, match="Scale"):
        diagonal("backpropagated", model, params, images, labels)
