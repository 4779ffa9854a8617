"""Flax layers: a stage wired by any cell of the connectivity grid, and pooling."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax import products, wiring
from lenet_jax.feature_maps import FeatureMaps, materialised


def fan_in_uniform(in_axis=0, batch_axis=()) -> nn.initializers.Initializer:
    """Uniform weights of variance 1/F, F the fan-in: U(-sqrt(3/F), sqrt(3/F)).

    LeCun et al. 1998 (appendix A) draw uniformly, too, from U(-2.4/F, 2.4/F); dividing by the root
    keeps the variance of the weighted sums, as today, whatever F: it is 25 here, 1,024 there.
    """
    return nn.initializers.variance_scaling(
        1.0, "fan_in", "uniform", in_axis=in_axis, out_axis=-1, batch_axis=batch_axis
    )


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

    The positions that `random` drew lie in the collection `wiring` as `reads`, (positions, taps)
    int32: they are part of a run's state, but are not trained.

    Attributes:
      maps: number of feature maps.
      kernel_size: side of the receptive field in pixels, which also sets the output's shape.
      connectivity: "local", "random" or "full".
      sharing: "shared" or "unshared".
    """

    maps: int
    kernel_size: int
    connectivity: str
    sharing: str

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Maps C maps of size S to `maps` maps of size S-K+1, before any activation."""
        _, size, _, channels = x.shape
        out = wiring.output_size(size, self.kernel_size)
        per_unit = () if self.sharing == "shared" else (out * out,)
        taps = wiring.taps(self.connectivity, size, self.kernel_size)
        # Fan-in is what one unit reads, taps x channels, under every wiring.
        init = fan_in_uniform(in_axis=(0, 1), batch_axis=(2,) if per_unit else ())
        kernel = self.param("kernel", init, (taps, channels, *per_unit, self.maps))
        bias = self.param("bias", nn.initializers.zeros_init(), (*per_unit, self.maps))

        if (self.connectivity, self.sharing) == ("local", "shared"):
            y = products.convolve(x, kernel, self.kernel_size)
            return y.with_matrix(y.matrix + jnp.tile(bias, y.side * y.side)[:, None])
        if self.connectivity != "full":
            y_OPN = products.gather(x, self._reads(size), kernel if per_unit else kernel[:, :, None])
        elif per_unit:
            y_OPN = products.multiply_all(x, kernel)
        else:
            y_OPN = products.correlate_all(x, kernel, self.kernel_size)
        y_OPN += bias.T[..., None] if per_unit else bias[:, None, None]
        return FeatureMaps.from_plain(y_OPN.reshape(self.maps, out, out, -1))

    def _reads(self, size: int) -> jax.Array:
        if self.connectivity == "local":
            return wiring.local_reads(size, self.kernel_size)
        if self.connectivity != "random":
            raise NotImplementedError(f"Nothing says what units of connectivity {self.connectivity!r} read.")
        return self.variable(
            "wiring", "reads",
            lambda: wiring.random_reads(self.make_rng("wiring"), self.sharing, size, self.kernel_size),
        ).value  # fmt: skip


class Pool(nn.Module):
    """2x2 pooling with stride 2; an odd last row or column is left out.

    Called subsampling in LeCun et al. 1998, section II-B, where it has a trainable coefficient and
    bias a map; here, as today, it has no weights.

    Attributes:
      kind: "max" or "average".
    """

    kind: str

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Maps C maps of size S to C maps of size S // 2."""
        side = x.side if x.side % 2 == 0 else 2 * x.side
        tiles = x.cut(side, -(-x.size // side))
        pooled = _average_windows(tiles) if self.kind == "average" else _windows(jnp.maximum, tiles)
        return FeatureMaps(pooled, x.size // 2)


def _windows(join, tiles: jax.Array) -> jax.Array:
    """Joins the positions of each 2x2 window; (T, T, ...) becomes (T/2, T/2, ...)."""
    rows = join(tiles[0::2], tiles[1::2])
    return join(rows[:, 0::2], rows[:, 1::2])


@jax.custom_vjp
def _average_windows(tiles: jax.Array) -> jax.Array:
    """Means of the 2x2 windows.

    The gradient is written out, one array spread over the windows; JAX's, of slices, is a sum of padded
    arrays.
    """
    return _windows(jnp.add, tiles) / 4


def _average_windows_backward(_, gradient: jax.Array) -> tuple[jax.Array]:
    side, _, *rest = gradient.shape
    quarter = materialised(gradient / 4)[:, None, :, None]
    return (jnp.broadcast_to(quarter, (side, 2, side, 2, *rest)).reshape(2 * side, 2 * side, *rest),)


_average_windows.defvjp(lambda tiles: (_average_windows(tiles), None), _average_windows_backward)
