"""Flax layers apart from wired ones: dense, activations, pooling, RBF units; and initial weights."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.typing import Initializer
from jax.typing import ArrayLike, DTypeLike

from lenet_jax.models.feature_maps import FeatureMaps, materialised
from lenet_jax.models.products import PRECISION
from lenet_jax.native import calls

ACTIVATIONS = {
    "tanh": nn.tanh,
    "relu": nn.relu,
    "scaled_tanh": lambda a: 1.7159 * nn.tanh(2 / 3 * a),  # LeCun et al. 1998, eq. 6
}
MONOTONE = frozenset(("tanh", "relu", "scaled_tanh"))  # those of ACTIVATIONS that nowhere fall
# The bound of uniform weights, by the fan-in F: the number of inputs that one unit reads, without its bias.
INITIALISATIONS = {
    # A weighted sum has the variance of its inputs; rounded in the same order as Flax's lecun_uniform.
    "unit_variance": lambda fan_in: jnp.sqrt(3 * (1 / fan_in)),
    "fan_in": lambda fan_in: 2.4 / fan_in,  # LeCun et al. 1989 and 1998 (appendix A)
    "root_fan_in": lambda fan_in: 2.4 / jnp.sqrt(fan_in),  # a common reading in later work
}


@dataclasses.dataclass(frozen=True)
class Pooling:
    """What 2x2 pooling makes of the four values in a window.

    Attributes:
      join: of two values; applied to rows, then to columns.
      scale: factor of the result.
      is_trainable: whether each map has a trainable coefficient and bias.
    """

    join: Callable[[jax.Array, jax.Array], jax.Array]
    scale: float = 1.0
    is_trainable: bool = False

    @property
    def selects(self) -> bool:
        """Whether the result is one of the four values."""
        return self.join is jnp.maximum


POOLINGS: Mapping[str, Pooling | None] = {
    "average": Pooling(jnp.add, scale=1 / 4),
    "max": Pooling(jnp.maximum),
    "trainable_sum": Pooling(jnp.add, is_trainable=True),
    "trainable_average": Pooling(jnp.add, scale=1 / 4, is_trainable=True),
    "none": None,
}

Values = TypeVar("Values", jax.Array, FeatureMaps)


def fan_in_uniform(initialisation: str, fan_in: ArrayLike | None = None) -> Initializer:
    """An initializer: uniform weights within a bound of INITIALISATIONS.

    Args:
      fan_in: of each weight, in a shape that broadcasts to the weights; None for weights of shape
        (inputs, units), whose fan-in is their first dimension.
    """

    def initialise(key: jax.Array, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        bound = INITIALISATIONS[initialisation](jnp.asarray(shape[0] if fan_in is None else fan_in, dtype))
        return jax.random.uniform(key, shape, dtype, -1) * bound

    return initialise


class Dense(nn.Module):
    """A fully connected layer.

    Attributes:
      width: number of units, U.
      initialisation: one of INITIALISATIONS, for the weights.
      initial_bias: what all biases start at.
    """

    width: int
    initialisation: str = "unit_variance"
    initial_bias: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (N, inputs) to (N, U); the native kernel (blocks, inputs, L) to (blocks, U, L)."""
        shape = x.shape[1], self.width
        kernel_IU = self.param("kernel", fan_in_uniform(self.initialisation), shape)
        bias_U = self.param("bias", nn.initializers.constant(self.initial_bias), (self.width,))
        if x.ndim == 3:
            return calls.dense(x, kernel_IU, bias_U)
        return jnp.matmul(x, kernel_IU, precision=PRECISION) + bias_U


class Activation(nn.Module):
    """An elementwise function.

    It is a module so that `lenet_jax.training.curvature` can intercept its calls.

    Attributes:
      function_name: one of ACTIVATIONS.
    """

    function_name: str

    @nn.compact
    def __call__(self, x: Values) -> Values:
        function = ACTIVATIONS[self.function_name]
        # ty: ignore[invalid-explicit-return]  # it does not narrow a constrained type variable
        return x.with_matrix(function(x.matrix)) if isinstance(x, FeatureMaps) else function(x)


class Pool(nn.Module):
    """2x2 pooling with stride 2; an odd last row or column is dropped.

    LeCun et al. 1998 call it subsampling and give each map a trainable coefficient and bias. In section
    II-B the four inputs are added, in section II-A averaged; the two differ by a factor of 4 in the
    coefficient.

    Attributes:
      kind: one of POOLINGS that pools.
      initialisation: one of INITIALISATIONS, for the coefficient, with a fan-in of 4; the bias starts at 0.
      initial_coefficient: what all coefficients start at instead; 0: they are drawn.
    """

    kind: str
    initialisation: str = "unit_variance"
    initial_coefficient: float = 0.0

    @property
    def pooling(self) -> Pooling:
        pooling = POOLINGS[self.kind]
        assert pooling is not None, f"{self.kind} does not pool"
        return pooling

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Pools maps of side `size` to maps of side size // 2."""
        pooled = pool_windows(self.pooling, x)
        if not self.pooling.is_trainable:
            return pooled
        maps = x.channels
        drawn = fan_in_uniform(self.initialisation, 4)
        start = nn.initializers.constant(self.initial_coefficient) if self.initial_coefficient else drawn
        coefficient = self.param("coefficient", start, (maps,))
        bias = self.param("bias", nn.initializers.zeros_init(), (maps,))
        return scale_maps(pooled, coefficient, bias)


def pool_windows(pooling: Pooling, x: FeatureMaps) -> FeatureMaps:
    """What `Pool` computes without trainable coefficients and biases."""
    half, side = x.size // 2, x.side
    if side % 2 == 1:
        side = side + 1 if side == x.size else 2 * side
    tiles = x.cut(side, -(-x.size // side))
    windows = _window_sums(tiles) if pooling.join is jnp.add else _windows(pooling.join, tiles)
    if side >= x.size:  # one tile, whose last row may be dropped
        windows = windows[:, :half, :half]
    pooled = FeatureMaps(windows, half, x.count)
    return pooled if pooling.scale == 1 else pooled.with_matrix(pooled.matrix * pooling.scale)


def scale_maps(x: FeatureMaps, coefficient: jax.Array, bias: jax.Array) -> FeatureMaps:
    """Each map times its coefficient, plus its bias; both (maps,)."""
    return x.with_matrix(x.column(coefficient) * x.matrix + x.column(bias))


Codes = tuple[tuple[int, ...], ...]


class RBF(nn.Module):
    """The "Gaussian connections" of LeCun et al. 1998: Euclidean radial basis function units (eq. 7).

    They are not trained. The class with the smallest output is the prediction.

    Attributes:
      codes: the point of each class, U numbers +1 or -1.
    """

    codes: Codes

    @nn.compact
    def __call__(self, states_NU: jax.Array) -> jax.Array:
        """Maps states (N, U) to squared distances (N, classes)."""
        return squared_distances(states_NU, self.codes)


def squared_distances(states_NU: jax.Array, codes: Codes) -> jax.Array:
    """(N, classes): how far each state is from the code of each class, squared."""
    return jnp.square(states_NU[:, None] - jnp.array(codes, states_NU.dtype)).sum(-1)


def _windows(join: Callable[[jax.Array, jax.Array], jax.Array], tiles: jax.Array) -> jax.Array:
    """Joins the positions of each 2x2 window: (B, side, side, ...) becomes (B, side / 2, side / 2, ...)."""
    rows = join(tiles[:, 0::2], tiles[:, 1::2])
    return join(rows[:, :, 0::2], rows[:, :, 1::2])


@jax.custom_vjp
def _window_sums(tiles: jax.Array) -> jax.Array:
    """Sums of the 2x2 windows.

    The gradient is written out as one array spread over the windows; the one that JAX derives from slices is
    a sum of padded arrays.
    """
    return _windows(jnp.add, tiles)


def _window_sums_backward(residuals: None, gradient: jax.Array) -> tuple[jax.Array]:
    blocks, side, _, *rest = gradient.shape
    spread = materialised(gradient)[:, :, None, :, None]
    windows = jnp.broadcast_to(spread, (blocks, side, 2, side, 2, *rest))
    return (windows.reshape(blocks, 2 * side, 2 * side, *rest),)


_window_sums.defvjp(lambda tiles: (_window_sums(tiles), None), _window_sums_backward)
