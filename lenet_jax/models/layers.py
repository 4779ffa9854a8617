"""Flax layers: a stage wired by any cell of the connectivity grid, pooling, activations, RBF units."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from lenet_jax.models import products, wiring
from lenet_jax.models.feature_maps import FeatureMaps, materialised
from lenet_jax.models.map_tables import Table

ACTIVATIONS = {
    "tanh": nn.tanh,
    "relu": nn.relu,
    "scaled_tanh": lambda a: 1.7159 * nn.tanh(2 / 3 * a),  # LeCun et al. 1998, eq. 6
}
# Bounds of uniform weights, of the fan-in F: what one unit reads, its bias not counted.
INITIALISATIONS = {
    # Sums have the variance of what they add; rounded as Flax's lecun_uniform is.
    "unit_variance": lambda fan_in: jnp.sqrt(3 * (1 / fan_in)),
    "fan_in": lambda fan_in: 2.4 / fan_in,  # LeCun et al. 1989 and 1998 (appendix A)
    "root_fan_in": lambda fan_in: 2.4 / jnp.sqrt(fan_in),  # how later work often reads them
}
POOLINGS = ("average", "max", "trainable_sum", "trainable_average", "none")


def fan_in_uniform(initialisation: str, fan_in: jax.typing.ArrayLike | None = None):
    """Uniform weights within a bound of INITIALISATIONS.

    Args:
      fan_in: of each weight, in a shape that broadcasts to the weights; None for weights
        (inputs, units), whose fan-in is their first dimension.
    """

    def initialise(key, shape, dtype=jnp.float32):
        bound = INITIALISATIONS[initialisation](jnp.asarray(shape[0] if fan_in is None else fan_in, dtype))
        return jax.random.uniform(key, shape, dtype, -1) * bound

    return initialise


class Activation(nn.Module):
    """A function of each value alone; a module, so that its calls are seen by name (`lenet_jax.curvature`).

    Attributes:
      name_of_function: one of ACTIVATIONS.
    """

    name_of_function: str

    @nn.compact
    def __call__(self, x: jax.Array | FeatureMaps) -> jax.Array | FeatureMaps:
        function = ACTIVATIONS[self.name_of_function]
        return x.with_matrix(function(x.matrix)) if isinstance(x, FeatureMaps) else function(x)


class Wired(nn.Module):
    """A layer of feature maps whose units read the positions that a wiring names.

    `local` + `shared` is the convolution, `full` + `unshared` the fully connected layer; the unit
    shapes are the same in all six. Weights lie in `params` as `kernel` and `bias`:

    =========  ============================================  ================
    sharing    kernel                                        bias
    =========  ============================================  ================
    shared     (taps, input maps, maps)                      (maps,)
    unshared   (taps, input maps, unit positions, maps)      (positions, maps)
    =========  ============================================  ================

    With a table of connections, a kernel has one dimension of pairs (input map, map) instead of two,
    in the table's order, behind the taps. With a bias for each unit, a shared kernel has the bias of an
    unshared one.

    The positions that `random` drew lie in the collection `wiring` as `reads`, (positions, taps)
    int32: they are part of a run's state, but are not trained.

    Attributes:
      maps: number of feature maps.
      kernel_size: side of the receptive field in pixels, which also sets the output's shape.
      connectivity: "local", "random" or "full".
      sharing: "shared" or "unshared".
      stride: from a receptive field to the next, in pixels; only for `local`.
      border: rows and columns put before and behind each input map; only for `local`.
      pad_value: the state of the units that the border stands for.
      table: the input maps that each map reads; None where each reads all. Only for `local`.
      unit_bias: whether units have a bias each where the kernel is shared.
      initialisation: one of INITIALISATIONS, for the kernel; biases start at 0.
    """

    maps: int
    kernel_size: int
    connectivity: str
    sharing: str
    stride: int = 1
    border: tuple[int, int] = (0, 0)
    pad_value: float = 0.0
    table: Table | None = None
    unit_bias: bool = False
    initialisation: str = "unit_variance"

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Maps C maps of size S to `maps` maps of size (S - K) // stride + 1, before any activation.

        S counts the border.
        """
        if any(self.border):
            x = x.bordered(*self.border, self.pad_value)
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
                return y.replace(tiles=y.tiles + biases.cut(y.side, y.tiles.shape[3]))
            return y.with_matrix(y.matrix + y.column(bias))
        if self.connectivity != "full":
            is_shared = self.sharing == "shared"
            y_OPN = products.gather(x, self._reads(size), kernel[:, :, None] if is_shared else kernel)
        elif self.sharing == "unshared":
            y_OPN = products.multiply_all(x, kernel)
        else:
            y_OPN = products.correlate_all(x, kernel, self.kernel_size)
        y_OPN += bias.T[..., None] if by_unit else bias[:, None, None]
        return FeatureMaps.from_plain(y_OPN.reshape(self.maps, out, out, -1))

    def _kernel(self, size: int, channels: int, positions: tuple[int, ...]) -> jax.Array:
        """The kernel, (taps, input maps, *positions, maps); with a table, zero where a map isn't read."""
        taps = wiring.taps(self.connectivity, size, self.kernel_size)
        if self.table is None:
            # Fan-in is what one unit reads, taps x channels, under every wiring.
            init = fan_in_uniform(self.initialisation, taps * channels)
            return self.param("kernel", init, (taps, channels, *positions, self.maps))
        maps_read = np.array([len(read) for read in self.table for _ in read])
        fan_in = taps * maps_read.reshape(1, -1, *(1 for _ in positions))
        init = fan_in_uniform(self.initialisation, fan_in)
        pairs = self.param("kernel", init, (taps, len(maps_read), *positions))
        dense = products.spread_pairs(pairs, self.table, channels)  # taps, input maps, maps, *positions
        return jnp.moveaxis(dense, 2, -1)

    def _reads(self, size: int) -> jax.Array:
        if self.connectivity == "local":
            return wiring.local_reads(size, self.kernel_size, self.stride)
        if self.connectivity != "random":
            raise NotImplementedError(f"Nothing says what units of connectivity {self.connectivity!r} read.")
        return self.variable(
            "wiring", "reads",
            lambda: wiring.random_reads(self.make_rng("wiring"), self.sharing, size, self.kernel_size),
        ).value  # fmt: skip


class Pool(nn.Module):
    """2x2 pooling with stride 2; an odd last row or column is left out.

    Called subsampling in LeCun et al. 1998, section II-B, where each map has a trainable coefficient
    and bias. There the four inputs are added, in section II-A averaged: two readings, which differ by
    a factor of 4 in the coefficient.

    Attributes:
      kind: "max", "average", "trainable_sum" or "trainable_average".
      initialisation: of the coefficient, whose units read 4 inputs.
    """

    kind: str
    initialisation: str = "unit_variance"

    @property
    def is_trainable(self) -> bool:
        return self.kind.startswith("trainable_")

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Maps C maps of size S to C maps of size S // 2."""
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

    They are not trained. The smallest output is the answer.

    Attributes:
      codes: the +1 and -1 that each class stands at, a tuple of J numbers a class.
    """

    codes: tuple[tuple[int, ...], ...]

    @nn.compact
    def __call__(self, x_NJ: jax.Array) -> jax.Array:
        """Maps states (N, J) to squared distances (N, classes)."""
        return jnp.square(x_NJ[:, None] - jnp.array(self.codes, x_NJ.dtype)).sum(-1)


def _windows(join, tiles: jax.Array) -> jax.Array:
    """Joins the positions of each 2x2 window; (T, T, ...) becomes (T/2, T/2, ...)."""
    rows = join(tiles[0::2], tiles[1::2])
    return join(rows[:, 0::2], rows[:, 1::2])


@jax.custom_vjp
def _window_sums(tiles: jax.Array) -> jax.Array:
    """Sums of the 2x2 windows.

    The gradient is written out, one array spread over the windows; JAX's, of slices, is a sum of padded
    arrays.
    """
    return _windows(jnp.add, tiles)


def _window_sums_backward(_, gradient: jax.Array) -> tuple[jax.Array]:
    side, _, *rest = gradient.shape
    spread = materialised(gradient)[:, None, :, None]
    return (jnp.broadcast_to(spread, (side, 2, side, 2, *rest)).reshape(2 * side, 2 * side, *rest),)


_window_sums.defvjp(lambda tiles: (_window_sums(tiles), None), _window_sums_backward)
