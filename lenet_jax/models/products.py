"""Every cell of the connectivity grid as matrix products.

Each function computes what `lenet_jax.layers.Wired` defines, before the bias: `convolve` to
`FeatureMaps`, the others to (maps, unit positions, N). What is fastest was measured; docs/performance.md
tells how. Array names say their dimensions: T taps, C input maps, P unit positions, O maps, N images,
and I = T x C, what a unit reads.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lenet_jax.models import wiring
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.map_tables import Table


def tile_side(maps: int, images: int, out: int) -> int:
    """Side of the tiles in which `convolve` computes: where the rows of its product fill the machine.

    A tile of D x D units of all maps is one column of a product with D * D * maps rows. More rows
    use the machine better, but multiply more zeros; for a single image the zeros cost more.
    """
    rows = 128 if images >= 16 else 32
    side = 1
    while 4 * side * side * maps <= rows and -out % (2 * side) <= side:  # at most half a tile beyond
        side *= 2
    return side


def convolve(x: FeatureMaps, kernel_TCO: jax.Array, kernel_size: int, stride: int = 1) -> FeatureMaps:
    """`local`, `shared`: one banded matrix times the neighbourhoods of all tiles.

    A tile of D x D units reads a patch of (D*s-s+K) x (D*s-s+K) positions, s the stride, which some more
    tiles of D*s x D*s positions cover.
    """
    _, channels, maps = kernel_TCO.shape
    count, size, _, _ = x.shape
    out = wiring.output_size(size, kernel_size, stride)
    side = tile_side(maps, count, out)
    side_read = side * stride
    tiles_read = -(-(side_read - stride + kernel_size) // side_read)  # along one side
    along = -(-out // side)
    tiles = x.cut(side_read, along + tiles_read - 1)
    tiles = tiles.reshape(side_read * side_read * channels, *tiles.shape[3:])
    offsets = range(tiles_read)
    patches = jnp.concatenate([tiles[:, i : i + along, j : j + along] for i in offsets for j in offsets])
    band = _band(kernel_TCO.reshape(kernel_size, kernel_size, channels, maps), side, stride, tiles_read)
    y = band @ patches.reshape(band.shape[1], along * along * count)
    return FeatureMaps(y.reshape(side, side, maps, along, along, count), out)


def _band(kernel_KKCO: jax.Array, side: int, stride: int, tiles_read: int) -> jax.Array:
    """(units of a tile x maps, positions of the tiles it reads x input maps): the kernel for each unit."""
    _, _, channels, maps = kernel_KKCO.shape
    side_read = side * stride
    width = side_read * tiles_read
    rows = _shifted_copies(kernel_KKCO, side, stride, width)  # unit's row, row read, K, C, O
    # Unit's column, column read, unit's row, row read, C, O.
    both = _shifted_copies(rows.transpose(2, 0, 1, 3, 4), side, stride, width)
    both = both.reshape(side, tiles_read, side_read, side, tiles_read, side_read, channels, maps)
    return both.transpose(3, 0, 7, 4, 1, 5, 2, 6).reshape(side * side * maps, -1)


def _shifted_copies(x: jax.Array, copies: int, step: int, width: int) -> jax.Array:
    """(copies, width, ...): x along the second dimension, moved by `step` from copy to copy, else zeros.

    Rows of width + step, read as rows of width, move by `step` each: padding and reshaping, whose
    gradient is a sum of slices, where writing to a matrix's diagonals would have a scatter.
    """
    padded = jnp.pad(x, ((0, width + step - x.shape[0]), *((0, 0),) * (x.ndim - 1)))
    repeated = jnp.broadcast_to(padded, (copies, *padded.shape)).reshape(-1, *x.shape[1:])
    return repeated[: copies * width].reshape(copies, width, *x.shape[1:])


def spread_pairs(kernel_TQ: jax.Array, table: Table, channels: int) -> jax.Array:
    """(T, Q, ...) kernels of a table's Q pairs -> (T, C, O, ...), zero where a map doesn't read an input map.

    Both ways are gathers of what is known beforehand; the gradient of the first would be a scatter.
    """
    pairs = [channel * len(table) + number for number, read in enumerate(table) for channel in read]
    position_of = np.full(channels * len(table), len(pairs))  # behind the pairs is the zero
    position_of[pairs] = np.arange(len(pairs))

    @jax.custom_vjp
    def spread(kernel):
        with_zero = jnp.pad(kernel, ((0, 0), (0, 1), *((0, 0),) * (kernel.ndim - 2)))
        return with_zero.at[:, position_of].get(mode="promise_in_bounds")

    spread.defvjp(
        lambda kernel: (spread(kernel), None),
        lambda _, gradient: (gradient.at[:, np.array(pairs)].get(mode="promise_in_bounds"),),
    )
    dense = spread(kernel_TQ)
    return dense.reshape(dense.shape[0], channels, len(table), *dense.shape[2:])


def gather(x: FeatureMaps, reads_PT: jax.Array, kernel_TCPO: jax.Array) -> jax.Array:
    """A sparse wiring: gathers what each unit reads, then one product for each unit position.

    A shared kernel comes as (T, C, 1, maps). It is spread over the positions, too: the long, thin
    product of one kernel with all that is read takes longer than many small ones.
    """
    count, size, _, channels = x.shape
    units, taps = reads_PT.shape
    positions = x.plain.transpose(1, 2, 0, 3).reshape(size * size, channels, count)
    read = positions.at[reads_PT].get(mode="promise_in_bounds")  # P, T, C, N
    kernel = jnp.broadcast_to(kernel_TCPO, (taps, channels, units, kernel_TCPO.shape[-1]))
    y_PON = _unit_products(
        kernel.reshape(taps * channels, units, -1), read.reshape(units, taps * channels, count)
    )
    return y_PON.transpose(1, 0, 2)


@jax.custom_vjp
def _unit_products(kernel_IPO: jax.Array, read_PIN: jax.Array) -> jax.Array:
    """(P, O, N): a small product for each unit position.

    Its gradients are written out to choose the order of operands: XLA's CPU backend computes the
    same products up to three times faster with the larger operand first.
    """
    return jnp.einsum("poi,pin->pon", kernel_IPO.transpose(1, 2, 0), read_PIN)


def _unit_products_backward(residuals, gradient_PON):
    kernel_IPO, read_PIN = residuals
    kernel_gradient = lax.dot_general(read_PIN, gradient_PON, (((2,), (2,)), ((0,), (0,))))  # P, I, O
    read_gradient = jnp.einsum("pio,pon->pin", kernel_IPO.transpose(1, 0, 2), gradient_PON)
    return kernel_gradient.transpose(1, 0, 2), read_gradient


_unit_products.defvjp(lambda *operands: (_unit_products(*operands), operands), _unit_products_backward)


def multiply_all(x: FeatureMaps, kernel_TCPO: jax.Array) -> jax.Array:
    """`full`, `unshared`: the fully connected layer."""
    count, size, _, channels = x.shape
    _, _, units, maps = kernel_TCPO.shape
    positions = x.plain.transpose(1, 2, 0, 3).reshape(size * size * channels, count)
    y = kernel_TCPO.reshape(size * size * channels, units * maps).T @ positions
    return y.reshape(units, maps, count).transpose(1, 0, 2)


def correlate_all(x: FeatureMaps, kernel_TCO: jax.Array, kernel_size: int) -> jax.Array:
    """`full`, `shared`: a kernel as large as the input, slid with wrap-around.

    y[p] = sum_t kernel[t] x[p + t], indices taken modulo the image, is a product in Fourier space; the
    transforms are products with matrices of cosines and sines, along columns, then along rows.
    Complex numbers are pairs of real ones, in a dimension of 2.
    """
    count, size, _, channels = x.shape
    out = size - kernel_size + 1
    forward_c, forward_r, inverse_r, inverse_c = _fourier_matrices(size, out)

    def transform(maps_CRSM):
        half = jnp.einsum("avs,crsm->cravm", forward_c, maps_CRSM)
        return jnp.einsum("ubra,cravm->cubvm", forward_r, half)

    x_f = transform(x.plain)
    kernel_f = transform(kernel_TCO.reshape(size, size, channels, -1).transpose(2, 0, 1, 3))
    real, imaginary = kernel_f[:, :, 0], kernel_f[:, :, 1]
    # Multiplication by the conjugate of the kernel's spectrum, as 2x2 real matrices.
    conjugate = jnp.stack([jnp.stack([real, imaginary]), jnp.stack([-imaginary, real])])
    y_f = jnp.einsum("bacuvo,cuavn->uvobn", conjugate, x_f)
    half = jnp.einsum("raub,uvobn->oravn", inverse_r, y_f)
    return jnp.einsum("avs,oravn->orsn", inverse_c, half).reshape(-1, out * out, count)


def _fourier_matrices(size: int, out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Discrete Fourier transforms of real (size, size) images, and back to the first `out` rows and columns.

    V = size // 2 + 1 frequencies along columns say all, as the others are their conjugates.

    Returns:
      Along columns (2, V, size), along rows (size, 2, size, 2), and their inverses: along rows
      (out, 2, size, 2), along columns (2, V, out).
    """
    angles = 2 * np.pi * np.outer(np.arange(size), np.arange(size)) / size
    cos, sin = np.cos(angles), np.sin(angles)
    half = size // 2 + 1
    # A frequency stands for its conjugate, too, unless it is its own.
    weight = np.where(np.arange(half) * 2 % size == 0, 1, 2)[:, None] / size**2
    matrices = (
        np.stack([cos, -sin])[:, :half],
        np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], 1),
        np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)[:out],
        np.stack([cos, -sin])[:, :half, :out] * weight,
    )
    return tuple(matrix.astype(np.float32) for matrix in matrices)
