"""Diagonals of the Gauss-Newton matrix, for the stochastic diagonal Levenberg-Marquardt step.

`backpropagated` is LeCun et al. 1998, appendix C (after Becker and LeCun 1989): second derivatives go
backward as first ones do, but through squared weights and squared slopes, one pass for a whole batch.
It drops what lies off the diagonal between the units of a layer and between the connections that
share a weight. `exact` keeps all of it, a Jacobian an image, and takes as long as thousands of passes.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax.models.layers import Activation, Pool, Wired
from lenet_jax.training.objective import Objective

CURVATURES = ("backpropagated", "exact")
CHUNK = 25  # images whose Jacobians are held at a time


def gauss_newton_diagonal(
    kind: str, model: nn.Module, objective: Objective, params, wiring, images_NHWC, labels_N
):
    """Mean over the images of the diagonal of J^T H J, a pytree as `params`.

    J is the Jacobian of the states before the fixed output units (logits, or what RBF units read) and
    H the Hessian of the loss in these states.

    Args:
      kind: one of CURVATURES.
    """

    def states(params, images):
        return model.apply({"params": params, "wiring": wiring}, images, states_only=True)

    def loss(state, label):
        return objective.losses(model.outputs(state[None]), label[None])[0]

    if kind == "exact":
        return _exact(states, loss, params, images_NHWC, labels_N)
    states_NJ = states(params, images_NHWC)
    hessians_NJJ = jax.vmap(jax.hessian(loss))(states_NJ, labels_N)
    with nn.intercept_methods(_square_backward):
        _, pull = jax.vjp(lambda params: states(params, images_NHWC), params)
    [total] = pull(jnp.diagonal(hessians_NJJ, axis1=1, axis2=2))
    return jax.tree.map(lambda leaf: leaf / len(labels_N), total)


def _exact(states: Callable, loss: Callable, params, images_NHWC, labels_N):
    def of_one(image_HWC, label):
        def state_of(params):
            return states(params, image_HWC[None])[0]

        jacobian = jax.jacrev(state_of)(params)  # leaves (J, ...)
        hessian_JJ = jax.hessian(loss)(state_of(params), label)
        return jax.tree.map(
            lambda leaf: (jnp.tensordot(hessian_JJ, leaf, 1) * leaf).sum(0),
            jacobian,
        )

    each = jax.lax.map(lambda one: of_one(*one), (images_NHWC, labels_N), batch_size=CHUNK)
    return jax.tree.map(lambda leaf: leaf.mean(0), each)


def _square_backward(call, args, kwargs, context):
    """Lets second derivatives pass backward through a layer, where first ones would."""
    layer = context.module
    if context.method_name != "__call__" or not layer.path:  # without a path: a copy, called from below
        return call(*args, **kwargs)
    params = layer.variables.get("params", {})
    if not isinstance(layer, (Activation, nn.Dense, Wired, Pool)):
        if any(isinstance(its, jax.Array) for its in params.values()):
            raise NotImplementedError(f"Nothing says how curvature passes through {type(layer).__name__}.")
        return call(*args, **kwargs)
    [x] = args
    others = {name: its for name, its in layer.variables.items() if name != "params"}

    def function(params, x, **fields):
        return layer.clone(parent=None, **fields).apply({"params": params, **others}, x)

    if isinstance(layer, Activation):
        return _through_slopes(functools.partial(function, params), x)
    if isinstance(layer, Pool) and layer.kind == "max":
        return call(*args, **kwargs)  # passes one input on: a weight of 1
    squared = function
    if isinstance(layer, Wired):
        squared = functools.partial(function, pad_value=layer.pad_value**2)
    elif isinstance(layer, Pool) and layer.kind.endswith("average"):

        def squared(params, x):  # its inputs have a fixed weight of 1/4, too, by which it multiplies but once
            return function(params, jax.tree.map(lambda its: its / 4, x))

    return _through_squares(function, squared, params, x)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _through_slopes(function, x):
    return function(x)


def _through_slopes_backward(function, x, curvature):
    _, pull = jax.vjp(function, x)
    [slopes] = pull(jax.tree.map(jnp.ones_like, curvature))
    return (jax.tree.map(lambda slope, its: slope**2 * its, slopes, curvature),)


_through_slopes.defvjp(lambda function, x: (function(x), x), _through_slopes_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _through_squares(function, squared, params, x):
    """A layer, linear in its weights and in what it reads; `squared` is it for the squares of both."""
    return function(params, x)


def _through_squares_backward(function, squared, residuals, curvature):
    _, pull = jax.vjp(squared, *jax.tree.map(jnp.square, residuals))
    return pull(curvature)


_through_squares.defvjp(
    lambda function, squared, *operands: (function(*operands), operands), _through_squares_backward
)
