"""Every wiring as matrix products.

Each function computes the output of `lenet_jax.models.wired_layer.Wired` before the bias: `convolve` returns
`FeatureMaps`, the others (O, P, N). `gather` computes any wiring from its table of reads; the other functions
are faster for the one wiring that each names. docs/performance.md has the measurements behind these forms.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lenet_jax import backend
from lenet_jax.models import wiring
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.map_tables import Table

# Of every product in this package: float32. By default GPUs and TPUs round the factors to fewer bits. The
# gradients that JAX derives have the precision of the product that they come from.
PRECISION = lax.Precision.HIGHEST


def tile_side(maps: int, images: int, out: int) -> int:
    """Side of the tiles in which `convolve` computes: where the rows of its product fill the machine.

    A tile of side x side units of all maps is one column of a product with side * side * maps rows. More
    rows use the machine better but multiply more zeros, which cost more where there is a single image.
    """
    rows = 128 if images >= 16 else 32
    side = 1
    while 4 * side * side * maps <= rows and -out % (2 * side) <= side:  # at most half a tile beyond the maps
        side *= 2
    return side


def convolve(x: FeatureMaps, kernel_TCO: jax.Array, kernel_size: int, stride: int = 1) -> FeatureMaps:
    """`local`, `shared`: one banded matrix times the neighbourhoods of all tiles.

    A tile of side x side units reads a square patch whose side is (side - 1) * stride + kernel_size
    positions. Several tiles of the input, each of side * stride positions, cover the patch.
    """
    _, channels, maps = kernel_TCO.shape
    count, size, _, _ = x.shape
    out = wiring.output_size(size, kernel_size, stride)
    side = tile_side(maps, count, out)
    side_read = side * stride
    tiles_read = -(-(side_read - stride + kernel_size) // side_read)  # in one direction
    along = -(-out // side)
    [tiles] = x.cut(side_read, along + tiles_read - 1)
    tiles = tiles.reshape(side_read * side_read * channels, *tiles.shape[3:])
    offsets = range(tiles_read)
    patches = jnp.concatenate([tiles[:, i : i + along, j : j + along] for i in offsets for j in offsets])
    band = _band(kernel_TCO.reshape(kernel_size, kernel_size, channels, maps), side, stride, tiles_read)
    y = jnp.matmul(band, patches.reshape(band.shape[1], along * along * count), precision=PRECISION)
    return FeatureMaps(y.reshape(1, side, side, maps, along, along, count), out, count)


def _band(kernel_HWCO: jax.Array, side: int, stride: int, tiles_read: int) -> jax.Array:
    """The kernel once for each unit of a tile: (units x O, positions of the tiles that they read x C)."""
    _, _, channels, maps = kernel_HWCO.shape
    side_read = side * stride
    width = side_read * tiles_read
    band = _shifted_copies(kernel_HWCO, side, stride, width)  # unit's row, row read, W, C, O
    # Unit's column, column read, unit's row, row read, C, O.
    band = _shifted_copies(band.transpose(2, 0, 1, 3, 4), side, stride, width)
    band = band.reshape(side, tiles_read, side_read, side, tiles_read, side_read, channels, maps)
    return band.transpose(3, 0, 7, 4, 1, 5, 2, 6).reshape(side * side * maps, -1)


def _shifted_copies(x: jax.Array, copies: int, step: int, width: int) -> jax.Array:
    """Copies of x in zeros, (copies, width, ...), each `step` further along `width` than the one before.

    Rows of length width + step, read as rows of length width, move by `step` from one to the next. This
    needs only padding and reshaping, whose gradient is a sum of slices; the gradient of writing to a
    matrix's diagonals would be a scatter.
    """
    padded = jnp.pad(x, ((0, width + step - x.shape[0]), *((0, 0),) * (x.ndim - 1)))
    repeated = jnp.broadcast_to(padded, (copies, *padded.shape)).reshape(-1, *x.shape[1:])
    return repeated[: copies * width].reshape(copies, width, *x.shape[1:])


def spread_pairs(kernel_TQ: jax.Array, table: Table, channels: int) -> jax.Array:
    """(T, Q, ...) kernels of a table's pairs -> (T, C, O, ...), zero where a map doesn't read an input map.

    Forward and backward are gathers with constant indices; the gradient that JAX derives is a scatter.
    """
    pairs = [channel * len(table) + number for number, read in enumerate(table) for channel in read]
    position_of = np.full(channels * len(table), len(pairs))  # the zero stands after the pairs
    position_of[pairs] = np.arange(len(pairs))

    @jax.custom_vjp
    def spread(kernel_TQ: jax.Array) -> jax.Array:
        with_zero = jnp.pad(kernel_TQ, ((0, 0), (0, 1), *((0, 0),) * (kernel_TQ.ndim - 2)))
        return with_zero.at[:, position_of].get(mode="promise_in_bounds")

    spread.defvjp(
        lambda kernel: (spread(kernel), None),
        lambda _, gradient: (gradient.at[:, np.array(pairs)].get(mode="promise_in_bounds"),),
    )
    dense = spread(kernel_TQ)
    return dense.reshape(dense.shape[0], channels, len(table), *dense.shape[2:])


def gather(x: FeatureMaps, reads_PT: wiring.Positions, kernel_TCPO: jax.Array) -> jax.Array:
    """Any wiring: gathers what each unit reads, then computes one product per unit position.

    A shared kernel comes as (T, C, 1, O). It is also spread over the unit positions: one long, thin product
    of a single kernel with everything that is read takes longer than many small products.
    """
    count, size, _, channels = x.shape
    units, taps = reads_PT.shape
    x_XCN = x.plain.transpose(1, 2, 0, 3).reshape(size * size, channels, count)
    read_PTCN = (_take if backend.is_cpu() else _read)(x_XCN, reads_PT)
    kernel_TCPO = jnp.broadcast_to(kernel_TCPO, (taps, channels, units, kernel_TCPO.shape[-1]))
    y_PON = _unit_products(
        kernel_TCPO.reshape(taps * channels, units, -1), read_PTCN.reshape(units, taps * channels, count)
    )
    return y_PON.transpose(1, 0, 2)


def _take(x_XCN: jax.Array, reads_PT: wiring.Positions) -> jax.Array:
    """What units read at their positions: (P, T, C, N)."""
    return x_XCN.at[reads_PT].get(mode="promise_in_bounds")


@jax.custom_vjp
def _read(x_XCN: jax.Array, reads_PT: wiring.Positions) -> jax.Array:
    """`_take`, whose gradient is a product with zeros and ones.

    The gradient that JAX derives is a scatter. A GPU that is to sum in the same order each time computes it
    one index after the other.

    There are X P T zeros and ones, which grow with the fourth power of an image's side; where reads are
    drawn, each run has its own. In LeNet-5's stage 3, with 25 taps, they take 2 MB for images of 32x32, 61 MB
    for 64x64 and 1,293 MB for 128x128, which `lenet_jax.training.memory` counts. A table of the units that
    read each position, to gather the gradient from, would be smaller for constant reads alone: where they are
    drawn, any number of units, up to P, may read a position.
    """
    return _take(x_XCN, reads_PT)


def _read_backward(
    residuals: tuple[int, wiring.Positions], gradient_PTCN: jax.Array
) -> tuple[jax.Array, None]:
    size, reads_PT = residuals
    is_read_XPT = (jnp.arange(size)[:, None, None] == reads_PT).astype(gradient_PTCN.dtype)
    return jnp.einsum("xpt,ptcn->xcn", is_read_XPT, gradient_PTCN, precision=PRECISION), None


_read.defvjp(lambda x, reads: (_take(x, reads), (len(x), reads)), _read_backward)


@jax.custom_vjp
def _unit_products(kernel_IPO: jax.Array, read_PIN: jax.Array) -> jax.Array:
    """One small product per unit position: (P, O, N).

    The gradients are written out to choose the order of operands: XLA's CPU backend computes the same
    products up to three times faster with the larger operand first.
    """
    return jnp.einsum("poi,pin->pon", kernel_IPO.transpose(1, 2, 0), read_PIN, precision=PRECISION)


def _unit_products_backward(
    residuals: tuple[jax.Array, jax.Array], gradient_PON: jax.Array
) -> tuple[jax.Array, jax.Array]:
    kernel_IPO, read_PIN = residuals
    kernel_gradient_PIO = lax.dot_general(
        read_PIN, gradient_PON, (((2,), (2,)), ((0,), (0,))), precision=PRECISION
    )
    read_gradient_PIN = jnp.einsum(
        "pio,pon->pin", kernel_IPO.transpose(1, 0, 2), gradient_PON, precision=PRECISION
    )
    return kernel_gradient_PIO.transpose(1, 0, 2), read_gradient_PIN


_unit_products.defvjp(lambda *operands: (_unit_products(*operands), operands), _unit_products_backward)


def multiply_all(x: FeatureMaps, kernel_TCPO: jax.Array) -> jax.Array:
    """`full`, `unshared`: the fully connected layer."""
    count, size, _, channels = x.shape
    _, _, units, maps = kernel_TCPO.shape
    x_IN = x.plain.transpose(1, 2, 0, 3).reshape(size * size * channels, count)
    kernel_UI = kernel_TCPO.reshape(size * size * channels, units * maps).T
    y = jnp.matmul(kernel_UI, x_IN, precision=PRECISION)
    return y.reshape(units, maps, count).transpose(1, 0, 2)


def spread_taps(kernel_TCO: jax.Array, size: int, side: int) -> jax.Array:
    """A kernel of (size, size) taps as one of (side, side), where those beyond are 0."""
    _, channels, maps = kernel_TCO.shape
    square = kernel_TCO.reshape(size, size, channels, maps)
    beyond = (0, side - size)
    return jnp.pad(square, (beyond, beyond, (0, 0), (0, 0))).reshape(side * side, channels, maps)


def correlate_all(x: FeatureMaps, kernel_TCO: jax.Array, out: int, stride: int = 1) -> jax.Array:
    """`full`, `shared`: a kernel as large as the input, which slides over it and wraps round.

    y[p] = sum_t kernel[t] x[stride p + t], for `out` rows and columns of p, with indices modulo the size of
    the input, is a product in Fourier space. The transforms are products with matrices of cosines and sines,
    along columns, then along rows.

    In the subscripts below, a and b are the real and imaginary parts of complex numbers, u and v the
    frequencies along rows and columns, r and s rows and columns, i input maps, o output maps, n images,
    and m images or output maps.
    """
    count, size, _, channels = x.shape
    forward_c, forward_r, inverse_r, inverse_c = _fourier_matrices(size, out, stride)
    einsum = functools.partial(jnp.einsum, precision=PRECISION)

    def transform(maps: jax.Array) -> jax.Array:
        columns = einsum("avs,irsm->iravm", forward_c, maps)
        return einsum("ubra,iravm->iubvm", forward_r, columns)

    x_f = transform(x.plain)
    kernel_f = transform(kernel_TCO.reshape(size, size, channels, -1).transpose(2, 0, 1, 3))
    real, imaginary = kernel_f[:, :, 0], kernel_f[:, :, 1]
    # Multiplication by the conjugate of the kernel's spectrum, as 2x2 real matrices.
    conjugate = jnp.stack([jnp.stack([real, imaginary]), jnp.stack([-imaginary, real])])
    y_f = einsum("baiuvo,iuavn->uvobn", conjugate, x_f)
    columns = einsum("raub,uvobn->oravn", inverse_r, y_f)
    return einsum("avs,oravn->orsn", inverse_c, columns).reshape(-1, out * out, count)


def _fourier_matrices(
    size: int, out: int, stride: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Discrete Fourier transforms of real (size, size) images, and back to every `stride`-th row and column.

    Along columns, the first half = size // 2 + 1 frequencies suffice; the others are their conjugates.

    Returns:
      The transforms along columns (2, half, size) and along rows (size, 2, size, 2), and the inverses, for
      `out` of these rows and columns, along rows (out, 2, size, 2) and along columns (2, half, out).
    """
    angles = 2 * np.pi * np.outer(np.arange(size), np.arange(size)) / size
    cos, sin = np.cos(angles), np.sin(angles)
    half = size // 2 + 1
    # A frequency also counts for its conjugate, unless it is its own conjugate.
    weight = np.where(np.arange(half) * 2 % size == 0, 1, 2)[:, None] / size**2
    forward_c = np.stack([cos, -sin])[:, :half]
    forward_r = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], 1)
    inverse_r = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)[::stride][:out]
    inverse_c = forward_c[:, :, ::stride][:, :, :out] * weight
    return (
        forward_c.astype(np.float32),
        forward_r.astype(np.float32),
        inverse_r.astype(np.float32),
        inverse_c.astype(np.float32),
    )
