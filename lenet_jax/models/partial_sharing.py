"""Weight sharing between one kernel for all units of a map and one for each.

- `blocks`: a map is cut into square blocks of units, and the units of a block share a kernel and a bias.
- `low_rank`: each unit's kernel is a weighted mean of a few kernels that all units share, as in Elsayed et
  al. 2020, "Revisiting Spatial Invariance with Low-Rank Local Connectivity". Its weights are the softmax of
  a number for the unit's row plus one for its column, which start at 0: all units then start with the same
  kernel. Its bias is one of the map, plus one of its row and one of its column, which maps share. While R
  kernels are mixed equally, each has 1 / R of the gradient of their mean, so that a learning rate moves the
  mean R times less than it would one shared kernel.

Both are spread over the units before the layer is computed. Units read the slid stencil, as in a layer that
shares one kernel.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lenet_jax.models.products import PRECISION

PARTIAL_SHARING = ("blocks", "low_rank")
MIXES = ("mix_rows", "mix_columns")  # names of the weights by which units mix kernels


def blocks_along(out: int, block: int) -> int:
    """How many blocks of block x block units there are in each direction; the last may be cut off."""
    return -(-out // block)


def of_blocks(values: jax.Array, out: int, block: int) -> jax.Array:
    """(..., B, O), for each of the B = blocks_along**2 blocks -> (..., P, O), for each of the units."""
    *leading, _, maps = values.shape
    along = blocks_along(out, block)
    # Broadcasting, whose gradient is a sum; that of an index would be a scatter.
    values = values.reshape(*leading, along, 1, along, 1, maps)
    values = jnp.broadcast_to(values, (*leading, along, block, along, block, maps))
    values = values.reshape(*leading, along * block, along * block, maps)[..., :out, :out, :]
    return values.reshape(*leading, out * out, maps)


def mixed(kernel_TCRO: jax.Array, rows_HR: jax.Array, columns_WR: jax.Array) -> jax.Array:
    """(T, C, P, O): the mean of R kernels by each unit's weights, from those of its row and its column."""
    weights_HWR = jax.nn.softmax(rows_HR[:, None] + columns_WR, -1)
    weights_PR = weights_HWR.reshape(-1, weights_HWR.shape[-1])
    return jnp.einsum("tcro,pr->tcpo", kernel_TCRO, weights_PR, precision=PRECISION)


def of_units(kernel_TCKO: jax.Array, out: int, block: int = 0, mix: Sequence[jax.Array] = ()) -> jax.Array:
    """(T, C, P, O): the kernel of each unit, from the K of a map that its units share in part.

    Args:
      block: side of the blocks that share a kernel; 0 for one block of all units, which have rank 1.
      mix: the weights by which units mix the kernels, those of rows and of columns; () for blocks.
    """
    return mixed(kernel_TCKO, *mix) if mix else of_blocks(kernel_TCKO, out, block or out)


def at_positions(kernel_TCPO: jax.Array, size: int, stride: int) -> jax.Array:
    """Kernels as large as the input, (T, C, P, O), from the taps of slid stencils to the positions read.

    The unit at (row, column) reads position (y, x) through the tap at (y - stride row, x - stride column),
    modulo the size of the input.
    """
    taps, channels, units, maps = kernel_TCPO.shape
    out = math.isqrt(units)
    at = (np.arange(size) - stride * np.arange(out)[:, None]) % size  # which tap reads a position
    is_tap_HXJ = (at[..., None] == np.arange(size)).astype(np.float32)
    # One term of each sum is not 0, so that the products are exact; their transposes are products as well.
    kernel = kernel_TCPO.reshape(size, size, channels, out, out, maps)
    kernel = jnp.einsum("pyj,jlcpqo->ylcpqo", is_tap_HXJ, kernel, precision=PRECISION)
    kernel = jnp.einsum("qxl,ylcpqo->yxcpqo", is_tap_HXJ, kernel, precision=PRECISION)
    return kernel.reshape(taps, channels, units, maps)
