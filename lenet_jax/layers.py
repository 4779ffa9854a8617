"""Flax layers: a stage wired by any cell of the connectivity grid, and pooling."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from lenet_jax import wiring


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
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        """Maps (N, S, S, C) to (N, S-K+1, S-K+1, maps), before any activation."""
        count, size, _, channels = x_NHWC.shape
        out = wiring.output_size(size, self.kernel_size)
        per_unit = () if self.sharing == "shared" else (out * out,)
        taps = wiring.taps(self.connectivity, size, self.kernel_size)
        # Fan-in is what one unit reads, taps x channels, under every wiring.
        init = fan_in_uniform(in_axis=(0, 1), batch_axis=(2,) if per_unit else ())
        kernel = self.param("kernel", init, (taps, channels, *per_unit, self.maps))
        bias = self.param("bias", nn.initializers.zeros_init(), (*per_unit, self.maps))

        if self.connectivity == "full" and self.sharing == "shared":
            y_NPO = circular_correlation(x_NHWC, kernel, out)
        elif self.connectivity == "full":
            y_NPO = jnp.einsum("nic,icpo->npo", x_NHWC.reshape(count, size * size, channels), kernel)
        else:
            y_NPO = gather_and_multiply(x_NHWC, self._reads(size), kernel)
        return (y_NPO + bias).reshape(count, out, out, self.maps)

    def _reads(self, size: int) -> jax.Array:
        if self.connectivity == "local":
            return wiring.local_reads(size, self.kernel_size)
        if self.connectivity != "random":
            raise NotImplementedError(f"Nothing says what units of connectivity {self.connectivity!r} read.")
        return self.variable(
            "wiring", "reads",
            lambda: wiring.random_reads(self.make_rng("wiring"), self.sharing, size, self.kernel_size),
        ).value  # fmt: skip


def gather_and_multiply(x_NHWC: jax.Array, reads_PT: jax.Array, kernel: jax.Array) -> jax.Array:
    """A sparse wiring: gathers what each unit reads, then one matrix product.

    Returns (N, P, maps) for a kernel (T, C, maps), shared, or (T, C, P, maps), unshared.
    """
    count, height, width, channels = x_NHWC.shape
    x_NIC = x_NHWC.reshape(count, height * width, channels)
    units, taps = reads_PT.shape
    if kernel.ndim == 3:
        patches = x_NIC[:, reads_PT].reshape(count, units, taps * channels)
        return patches @ kernel.reshape(taps * channels, -1)
    # One product a unit position: with the images as the innermost dimension the gather, its
    # gradient (a scatter) and the products all move whole runs of memory.
    patches = x_NIC.transpose(1, 2, 0)[reads_PT].reshape(units, taps * channels, count)
    return jnp.einsum("pin,ipo->npo", patches, kernel.reshape(taps * channels, units, -1))


def circular_correlation(x_NHWC: jax.Array, kernel_TCO: jax.Array, out: int) -> jax.Array:
    """`full` + `shared`: a kernel as large as the input, slid with wrap-around.

    y[p] = sum_t kernel[t] x[p + t], indices taken modulo the image, is a product in Fourier space.
    Returns (N, out * out, maps): the first `out` rows and columns, where a unit exists.
    """
    count, size, _, channels = x_NHWC.shape
    kernel_HWCO = kernel_TCO.reshape(size, size, channels, -1)
    x_f = jnp.fft.rfft2(x_NHWC, axes=(1, 2))
    kernel_f = jnp.fft.rfft2(kernel_HWCO, axes=(0, 1))
    y_f = jnp.einsum("nhwc,hwco->nhwo", x_f, kernel_f.conj())
    y_NHWO = jnp.fft.irfft2(y_f, s=(size, size), axes=(1, 2))
    return y_NHWO[:, :out, :out].reshape(count, out * out, -1)


class Pool(nn.Module):
    """2x2 pooling with stride 2; an odd last row or column is left out.

    Called subsampling in LeCun et al. 1998, section II-B, where it has a trainable coefficient and
    bias a map; here, as today, it has no weights.

    Attributes:
      kind: "max" or "average".
    """

    kind: str

    @nn.compact
    def __call__(self, x_NHWC: jax.Array) -> jax.Array:
        """Maps (N, S, S, C) to (N, S // 2, S // 2, C)."""
        count, height, width, channels = x_NHWC.shape
        rows, columns = height // 2, width // 2
        # A reshape instead of a reduce-window: its gradient is a broadcast, not a scatter.
        windows = x_NHWC[:, : rows * 2, : columns * 2].reshape(count, rows, 2, columns, 2, channels)
        return windows.max((2, 4)) if self.kind == "max" else windows.mean((2, 4))
