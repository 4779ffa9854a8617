"""The connectivity grid: which input positions a unit reads, and whether units share weights.

A stage maps a square input of `size` x `size` positions to `out` x `out` units a feature map, with
`out = (size - kernel_size) // stride + 1` (a "valid" convolution's shape, whatever the wiring; a border
counts as input). Positions are numbered row by row. A table `reads` of shape (units, taps) says which
input position each tap of each unit reads; all input channels are read there. `local` and `random` are
*sparse*: as many taps as the kernel has pixels. `full` reads every position, and `local` is the only one
that knows what is near.
"""

import jax
import jax.numpy as jnp
import numpy as np

CONNECTIVITY = ("local", "random", "full")
SHARING = ("shared", "unshared")


def output_size(size: int, kernel_size: int, stride: int = 1) -> int:
    """Side of a stage's feature maps; at most 0 where the kernel does not fit."""
    return (size - kernel_size) // stride + 1


def taps(connectivity: str, size: int, kernel_size: int) -> int:
    """How many input positions one unit reads."""
    return size * size if connectivity == "full" else kernel_size * kernel_size


def stencil_reads(offsets: jax.Array, size: int, kernel_size: int, stride: int = 1) -> jax.Array:
    """Slides one stencil over the image, wrapping round at its border.

    Args:
      offsets: (taps,) positions that the unit at row 0, column 0 reads.

    Returns:
      (units, taps) int32: the unit at (row, column) reads each offset moved by `stride` x (row, column).
    """
    out = output_size(size, kernel_size, stride)
    rows, columns = stride * np.array(np.divmod(np.arange(out * out, dtype=np.int32)[:, None], out))
    return (offsets // size + rows) % size * size + (offsets % size + columns) % size


def local_reads(size: int, kernel_size: int, stride: int = 1) -> np.ndarray:
    """(units, taps) int32 table of `local`: each unit's kernel_size x kernel_size neighbourhood."""
    rows, columns = np.divmod(np.arange(kernel_size**2, dtype=np.int32), kernel_size)
    return stencil_reads(rows * size + columns, size, kernel_size, stride)


def random_reads(key: jax.Array, sharing: str, size: int, kernel_size: int) -> jax.Array:
    """(units, taps) int32 table of `random`: distinct positions, drawn without regard to distance.

    `shared` draws one stencil and slides it; `unshared` draws anew for each unit position.
    """
    rows = 1 if sharing == "shared" else output_size(size, kernel_size) ** 2
    positions = jnp.tile(jnp.arange(size * size, dtype=jnp.int32), (rows, 1))
    drawn = jax.random.permutation(key, positions, axis=1, independent=True)[:, : kernel_size**2]
    return stencil_reads(drawn[0], size, kernel_size) if sharing == "shared" else drawn
