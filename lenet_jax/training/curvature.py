"""Diagonals of the Gauss-Newton matrix, for the stochastic diagonal Levenberg-Marquardt step.

`backpropagated` is LeCun et al. 1998, appendix C (after Becker and LeCun 1989): second derivatives are
backpropagated like first ones, but through squared weights and squared slopes, in one pass for a whole
batch. It neglects the off-diagonal terms between units of a layer and between connections that share a
weight. `exact` keeps them: it computes one Jacobian per image and takes as long as thousands of passes.
`backpropagated_sums` differs in trainable pooling, which the appendix does not mention: there, a coefficient
is the weight of one connection, to the sum of its window, and its curvature is up to 4 times (if the inputs
are equal) that of a weight that four connections share.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from lenet_jax.models.layers import Activation, Dense, Pool, pool_windows, scale_maps
from lenet_jax.models.networks import CNN, MLP, computed_by_kernel
from lenet_jax.models.products import PRECISION
from lenet_jax.models.wired_layer import Wired
from lenet_jax.training.hyperparameters import Hyperparameters
from lenet_jax.training.objective import Objective

CURVATURES = ("backpropagated", "backpropagated_sums", "exact")
CHUNK = 25  # images whose Jacobians are in memory at a time


def gauss_newton_diagonal(
    kind: str,
    model: nn.Module,
    objective: Objective,
    hyperparameters: Hyperparameters,
    params: optax.Params,
    wiring: Any,
    images_NHWC: jax.Array,
    labels_N: jax.Array,
) -> optax.Params:
    """Diagonal of J^T H J, averaged over the images: a pytree like `params`.

    J is the Jacobian of the states before the fixed output units (logits, or the inputs of RBF units) and
    H the Hessian of the loss, times its scale, with respect to these states.

    Args:
      kind: one of CURVATURES.

    Raises NotImplementedError if the model has a layer with parameters that `backpropagated` does not know.
    """

    if isinstance(model, (CNN, MLP)):
        model = computed_by_kernel(model, False)  # which may compute several layers in a call

    def states(params: optax.Params, images: jax.Array) -> Any:
        variables: dict[str, Any] = {"params": params, "wiring": wiring}
        return model.apply(variables, images, states_only=True)

    def loss(state: jax.Array, label: jax.Array) -> jax.Array:
        [of_image] = objective.losses(model.outputs(state[None]), label[None], hyperparameters)
        return hyperparameters.loss_scale * of_image

    if kind == "exact":
        return _exact(states, loss, params, images_NHWC, labels_N)
    states_NU = states(params, images_NHWC)
    hessians_NUU = jax.vmap(jax.hessian(loss))(states_NU, labels_N)
    with nn.intercept_methods(functools.partial(_square_backward, kind == "backpropagated_sums")):
        _, pull = jax.vjp(lambda params: states(params, images_NHWC), params)
    [total] = pull(jnp.diagonal(hessians_NUU, axis1=1, axis2=2))
    return jax.tree.map(lambda leaf: leaf / len(labels_N), total)


def _exact(
    states: Callable, loss: Callable, params: optax.Params, images_NHWC: jax.Array, labels_N: jax.Array
) -> optax.Params:
    def diagonal_of_image(image_HWC: jax.Array, label: jax.Array) -> optax.Params:
        def state_of(params: optax.Params) -> jax.Array:
            return states(params, image_HWC[None])[0]

        jacobian = jax.jacrev(state_of)(params)  # leaves (U, ...)
        hessian_UU = jax.hessian(loss)(state_of(params), label)
        return jax.tree.map(
            lambda leaf: (jnp.tensordot(hessian_UU, leaf, 1, precision=PRECISION) * leaf).sum(0),
            jacobian,
        )

    diagonals = jax.lax.map(lambda pair: diagonal_of_image(*pair), (images_NHWC, labels_N), batch_size=CHUNK)
    return jax.tree.map(lambda leaf: leaf.mean(0), diagonals)


def _square_backward(sums: bool, call: Callable, args: tuple, kwargs: dict[str, Any], context: Any) -> Any:
    """Interceptor of Flax methods: makes a layer's backward pass transform second derivatives.

    `sums`: whether coefficients of pooling weight the sums of windows, which are then a layer of their own.
    """
    layer = context.module
    if context.method_name != "__call__" or not layer.path:  # without a path: a clone, called below
        return call(*args, **kwargs)
    params = layer.variables.get("params", {})
    if not isinstance(layer, (Activation, Dense, Wired, Pool)):
        if any(isinstance(param, jax.Array) for param in params.values()):
            raise NotImplementedError(f"Curvature cannot be backpropagated through {type(layer).__name__}.")
        return call(*args, **kwargs)
    [x] = args
    constants = {name: values for name, values in layer.variables.items() if name != "params"}

    def function(params: Any, x: Any, **fields: Any) -> Any:
        return layer.clone(parent=None, **fields).apply({"params": params, **constants}, x)

    if isinstance(layer, Activation):
        return _through_slopes(functools.partial(function, params), x)
    if isinstance(layer, Pool) and layer.pooling.selects:
        return call(*args, **kwargs)  # the largest input has a weight of 1
    if isinstance(layer, Pool) and layer.pooling.is_trainable and sums:

        def windows(_: Any, x: Any) -> Any:
            return pool_windows(layer.pooling, x)

        def scaled(params: Any, x: Any) -> Any:
            return scale_maps(x, **params)

        of_windows = _through_squares(windows, _with_squared_scale(windows, layer.pooling.scale), {}, x)
        return _through_squares(scaled, scaled, params, of_windows)
    squared: Callable = function
    if isinstance(layer, Wired):
        squared = functools.partial(function, pad_value=layer.pad_value**2)
    elif isinstance(layer, Pool):
        squared = _with_squared_scale(function, layer.pooling.scale)
    return _through_squares(function, squared, params, x)


def _with_squared_scale(function: Callable, scale: float) -> Callable:
    """A pooling layer, whose inputs have the fixed weight `scale` (1/4 in an average), with it squared."""
    if scale == 1:
        return function
    return lambda params, x: function(params, jax.tree.map(lambda leaf: leaf * scale, x))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _through_slopes(function: Callable, x: Any) -> Any:
    return function(x)


def _through_slopes_backward(function: Callable, x: Any, curvature: Any) -> tuple[Any]:
    _, pull = jax.vjp(function, x)
    [slopes] = pull(jax.tree.map(jnp.ones_like, curvature))
    return (jax.tree.map(lambda slope, h: slope**2 * h, slopes, curvature),)


_through_slopes.defvjp(lambda function, x: (function(x), x), _through_slopes_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _through_squares(function: Callable, squared: Callable, params: Any, x: Any) -> Any:
    """A layer, linear in weights and inputs; `squared` is the same layer for squared weights and inputs."""
    return function(params, x)


def _through_squares_backward(
    function: Callable, squared: Callable, residuals: tuple[Any, Any], curvature: Any
) -> tuple[Any, Any]:
    _, pull = jax.vjp(squared, *jax.tree.map(jnp.square, residuals))
    return pull(curvature)


_through_squares.defvjp(
    lambda function, squared, *operands: (function(*operands), operands), _through_squares_backward
)
