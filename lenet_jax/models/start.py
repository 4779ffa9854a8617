"""How the weights of units that do not share them start, and the constraint that they then satisfy.

A layer whose units have weights of their own can compute what a layer with one shared kernel computes: its
weights W, (T, C, P, O), are then a linear function of that kernel K, (J, C, O), written W = E K. A weight is
K[j, c, o] if the shared layer's unit at the same position reads the same input position through tap j, and 0
if it does not read that position. Two shared layers can be imitated:

- `tied`: the shared layer of the same connectivity. `full` slides a kernel as large as the input, which wraps
  round, so that no weight is 0.
- `convolution`: the convolution. In a `full` layer, a unit's weights are K inside its local field and 0
  outside, the embedding of d'Ascoli et al. 2019, "Finding the Needle in the Haystack with Convolutions".

The kernel is drawn as the shared layer draws it from the same seed, so that both start as the same function.

Training under the constraint W = E K replaces the gradient G of the weights by E E' G, where E' is the
transpose of E: E' G is the gradient that K would have in the shared layer, the sum over all weights tied to
it. All optimizers of this project treat each weight by itself and leave a weight at 0 that has no gradient,
so that W remains E K, with the K to which they would train the shared layer. (The curvature by which
Levenberg-Marquardt divides passes through the same map.)
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import Initializer
from jax.typing import DTypeLike

from lenet_jax.models import wiring
from lenet_jax.models.products import PRECISION

STARTS = ("free", "tied", "convolution")
SHARED_GRADIENTS = ("sum", "mean")

Embedding = Callable[[jax.Array], jax.Array]  # E, linear


def is_possible(start: str, connectivity: str) -> bool:
    """Whether unshared units of a connectivity can start as one of STARTS."""
    entry = wiring.CONNECTIVITY[connectivity]
    if start == "free" or connectivity == "full":
        return True
    reads_slid_stencil = entry.unshared_reads is None and not entry.is_drawn
    return reads_slid_stencil and (start == "tied" or connectivity == "local")


def imitated(start: str, connectivity: str) -> str:
    """The connectivity whose kernel is drawn."""
    return "local" if start == "convolution" else connectivity


def embed(kernel_JCO: jax.Array, connectivity: str, size: int, out: int, stride: int) -> jax.Array:
    """(T, C, P, O): E K, for a layer of out x out units that reads maps of side `size`."""
    if connectivity != "full":  # tap by tap, as each unit reads the slid stencil
        taps, channels, maps = kernel_JCO.shape
        return jnp.broadcast_to(kernel_JCO[:, :, None], (taps, channels, out * out, maps))
    side = math.isqrt(len(kernel_JCO))
    # is_at[x, p, j]: whether row (or column) j of the kernel is at x for units in row (or column) p. One term
    # of each sum is not 0, so that the products are exact; their transposes are products as well.
    at_PJ = stride * np.arange(out)[:, None] + np.arange(side)
    is_at_XPJ = (np.arange(size)[:, None, None] == at_PJ % size).astype(np.float32)
    square = kernel_JCO.reshape(side, side, *kernel_JCO.shape[1:])
    by_row = jnp.einsum("xpj,jlco->xplco", is_at_XPJ, square, precision=PRECISION)
    weights = jnp.einsum("yql,xplco->xycpqo", is_at_XPJ, by_row, precision=PRECISION)
    return weights.reshape(size * size, -1, out * out, kernel_JCO.shape[-1])


def embedded(draw: Initializer, taps: int, embedding: Embedding) -> Initializer:
    """An initialiser of (T, C, P, O) weights: E K, where `draw` draws K with J = `taps`."""

    def initialise(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        _, channels, _, maps = shape
        return embedding(draw(key, (taps, channels, maps), dtype))

    return initialise


def constrain(weights: jax.Array, embedding: Embedding, shape: tuple[int, ...]) -> jax.Array:
    """`weights`, whose gradient G becomes E E' G, where E is the embedding of arrays of `shape`."""
    transpose = jax.linear_transpose(embedding, jax.ShapeDtypeStruct(shape, weights.dtype))
    return with_gradient(weights, lambda gradient: embedding(*transpose(gradient)))


def with_gradient(x: jax.Array, change: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """`x`, whose gradient is what `change` makes of it."""

    @jax.custom_vjp
    def identity(x: jax.Array) -> jax.Array:
        return x

    identity.defvjp(lambda x: (x, None), lambda _, gradient: (change(gradient),))
    return identity(x)
