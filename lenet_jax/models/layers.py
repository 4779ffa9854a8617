"""Flax layers: a stage of any wiring, pooling, activations, RBF units."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.typing import Initializer
from jax.typing import ArrayLike, DTypeLike

from lenet_jax.models import products, wiring
from lenet_jax.models.feature_maps import FeatureMaps, materialised
from lenet_jax.models.map_tables import Table

ACTIVATIONS = {
    "tanh": nn.tanh,
    "relu": nn.relu,
    "scaled_tanh": lambda a: 1.7159 * nn.tanh(2 / 3 * a),  # LeCun et al. 1998, eq. 6
}
# The bound of uniform weights, by the fan-in F: the number of inputs that one unit reads, without its bias.
INITIALISATIONS = {
    # A weighted sum has the variance of its inputs; rounded in the same order as Flax's lecun_uniform.
    "unit_variance": lambda fan_in: jnp.sqrt(3 * (1 / fan_in)),
    "fan_in": lambda fan_in: 2.4 / fan_in,  # LeCun et al. 1989 and 1998 (appendix A)
    "root_fan_in": lambda fan_in: 2.4 / jnp.sqrt(fan_in),  # a common reading in later work
}
POOLINGS = ("average", "max", "trainable_sum", "trainable_average", "none")

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
        return x.with_matrix(function(x.matrix)) if isinstance(x, FeatureMaps) else function(x)


class Wired(nn.Module):
    """A layer of feature maps whose units read the positions that a wiring specifies.

    `local`, `shared` is the convolution, and `full`, `unshared` the fully connected layer; the output has the
    same shape under every wiring. The weights in `params` are `kernel` and `bias`:

    =========  ============  ======
    sharing    kernel        bias
    =========  ============  ======
    shared     (T, C, O)     (O,)
    unshared   (T, C, P, O)  (P, O)
    =========  ============  ======

    With a connection table, a kernel has one dimension Q instead of C and O, after T, in the table's order.
    With one bias per unit, a shared kernel has the bias of an unshared one.

    Positions that a wiring draws at random are in the collection `wiring` as `reads`, (P, T) int32: they are
    part of a run's state, but are not trained.

    Attributes:
      maps: number of feature maps.
      kernel_size: side of the receptive field in pixels, which also determines the output's shape.
      connectivity: a name in `lenet_jax.models.wiring.CONNECTIVITY`.
      sharing: "shared" or "unshared".
      stride: from one receptive field to the next, in pixels.
      padding: rows and columns added (before, after) each input map.
      pad_value: state of the units that the padding stands for.
      table: the input maps that each map reads; None if every map reads all of them.
      unit_bias: whether each unit has its own bias even if the kernel is shared.
      initialisation: one of INITIALISATIONS, for the kernel; biases start at 0.

    A connectivity that is not spatial has stride 1, no padding and no table.
    """

    maps: int
    kernel_size: int
    connectivity: str
    sharing: str
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    pad_value: float = 0.0
    table: Table | None = None
    unit_bias: bool = False
    initialisation: str = "unit_variance"

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Returns `maps` maps of side (size - kernel_size) // stride + 1, before any activation.

        `size` is the side of the input maps, padding included.
        """
        if any(self.padding):
            x = x.padded(*self.padding, self.pad_value)
        _, size, _, channels = x.shape
        out = wiring.output_size(size, self.kernel_size, self.stride)
        kernel = self._kernel(size, channels, () if self.sharing == "shared" else (out * out,))
        by_unit = self.unit_bias or self.sharing == "unshared"
        bias_shape = (out * out, self.maps) if by_unit else (self.maps,)
        bias = self.param("bias", nn.initializers.zeros_init(), bias_shape)

        if (self.connectivity, self.sharing) == ("local", "shared"):
            y = products.convolve(x, kernel, self.kernel_size, self.stride)
            if by_unit:
                biases = FeatureMaps.from_plain(bias.T.reshape(self.maps, out, out, 1))
                return FeatureMaps(y.tiles + biases.cut(y.side, y.tiles.shape[3]), out)
            return y.with_matrix(y.matrix + y.column(bias))
        if (self.connectivity, self.sharing) == ("full", "shared"):
            y_OPN = products.correlate_all(x, kernel, self.kernel_size)
        elif (self.connectivity, self.sharing) == ("full", "unshared"):
            y_OPN = products.multiply_all(x, kernel)
        else:
            kernel_TCPO = kernel[:, :, None] if self.sharing == "shared" else kernel
            y_OPN = products.gather(x, self._reads(size), kernel_TCPO)
        y_OPN += bias.T[..., None] if by_unit else bias[:, None, None]
        return FeatureMaps.from_plain(y_OPN.reshape(self.maps, out, out, -1))

    def _kernel(self, size: int, channels: int, positions: tuple[int, ...]) -> jax.Array:
        """The kernel, (T, C, *positions, O); with a table, zero where a map does not read an input map."""
        taps = wiring.CONNECTIVITY[self.connectivity].taps(size, self.kernel_size)
        if self.table is None:
            init = fan_in_uniform(self.initialisation, taps * channels)
            return self.param("kernel", init, (taps, channels, *positions, self.maps))
        maps_read = np.array([len(read) for read in self.table for _ in read])
        fan_in = taps * maps_read.reshape(1, -1, *(1 for _ in positions))
        init = fan_in_uniform(self.initialisation, fan_in)
        pairs = self.param("kernel", init, (taps, len(maps_read), *positions))
        dense = products.spread_pairs(pairs, self.table, channels)  # T, C, O, *positions
        return jnp.moveaxis(dense, 2, -1)

    def _reads(self, size: int) -> wiring.Positions:
        """(P, T) positions; where they are drawn, a variable, initialised by the key `wiring`."""
        connectivity = wiring.CONNECTIVITY[self.connectivity]
        fields = self.sharing, size, self.kernel_size, self.stride
        if not connectivity.is_drawn:
            return connectivity.reads(*fields)
        return self.variable(
            "wiring", "reads", lambda: connectivity.reads(*fields, key=self.make_rng("wiring"))
        ).value


def reads_of(layer: Wired, variables: Mapping[str, Any], size: int) -> wiring.Positions:
    """(P, T) positions that the units of `layer` read in input maps of side `size`, padding included.

    `variables` are the layer's: they hold the positions if these were drawn at random.
    """
    connectivity = wiring.CONNECTIVITY[layer.connectivity]
    if connectivity.is_drawn:
        return variables["wiring"]["reads"]
    return connectivity.reads(layer.sharing, size, layer.kernel_size, layer.stride)


class Pool(nn.Module):
    """2x2 pooling with stride 2; an odd last row or column is dropped.

    LeCun et al. 1998 call it subsampling and give each map a trainable coefficient and bias. In section
    II-B the four inputs are added, in section II-A averaged; the two differ by a factor of 4 in the
    coefficient.

    Attributes:
      kind: "max", "average", "trainable_sum" or "trainable_average".
      initialisation: one of INITIALISATIONS, for the coefficient, with a fan-in of 4; the bias starts at 0.
    """

    kind: str
    initialisation: str = "unit_variance"

    @property
    def is_trainable(self) -> bool:
        return self.kind.startswith("trainable_")

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Returns as many maps, of side size // 2."""
        side = x.side if x.side % 2 == 0 else 2 * x.side
        tiles = x.cut(side, -(-x.size // side))
        if self.kind == "max":
            return FeatureMaps(_windows(jnp.maximum, tiles), x.size // 2)
        sums = FeatureMaps(_window_sums(tiles), x.size // 2)
        if self.kind.endswith("average"):
            sums = sums.with_matrix(sums.matrix / 4)
        if not self.is_trainable:
            return sums
        maps = x.shape[-1]
        coefficient = self.param("coefficient", fan_in_uniform(self.initialisation, 4), (maps,))
        bias = self.param("bias", nn.initializers.zeros_init(), (maps,))
        return sums.with_matrix(sums.column(coefficient) * sums.matrix + sums.column(bias))


class RBF(nn.Module):
    """The "Gaussian connections" of LeCun et al. 1998: Euclidean radial basis function units (eq. 7).

    They are not trained. The class with the smallest output is the prediction.

    Attributes:
      codes: the point of each class, J numbers +1 or -1.
    """

    codes: tuple[tuple[int, ...], ...]

    @nn.compact
    def __call__(self, x_NJ: jax.Array) -> jax.Array:
        """The squared distances (N, classes) of states (N, J) from the codes."""
        return jnp.square(x_NJ[:, None] - jnp.array(self.codes, x_NJ.dtype)).sum(-1)


def _windows(join: Callable[[jax.Array, jax.Array], jax.Array], tiles: jax.Array) -> jax.Array:
    """Joins the positions of each 2x2 window: (side, side, ...) becomes (side / 2, side / 2, ...)."""
    rows = join(tiles[0::2], tiles[1::2])
    return join(rows[:, 0::2], rows[:, 1::2])


@jax.custom_vjp
def _window_sums(tiles: jax.Array) -> jax.Array:
    """Sums of the 2x2 windows.

    The gradient is written out as one array spread over the windows; the one that JAX derives from slices is
    a sum of padded arrays.
    """
    return _windows(jnp.add, tiles)


def _window_sums_backward(residuals: None, gradient: jax.Array) -> tuple[jax.Array]:
    side, _, *rest = gradient.shape
    spread = materialised(gradient)[:, None, :, None]
    return (jnp.broadcast_to(spread, (side, 2, side, 2, *rest)).reshape(2 * side, 2 * side, *rest),)


_window_sums.defvjp(lambda tiles: (_window_sums(tiles), None), _window_sums_backward)
