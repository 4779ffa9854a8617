"""The connectivity grid: which input positions a unit reads, and whether units share weights.

A stage maps a square input of `size` x `size` positions to `out` x `out` units per feature map, with
`out = (size - kernel_size) // stride + 1`: the shape of a "valid" convolution, whatever the connectivity.
Padding counts as input. Positions are numbered row by row, and a unit reads all input maps at its
positions.

CONNECTIVITY has one entry per connectivity, and everything else takes what it needs from there. `local` and
`random` are *sparse*: a unit has as many taps as the kernel has pixels. `full` reads every position. Only
`local`, and `random` with a radius, depend on which positions are neighbours.
"""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

Positions = np.ndarray | jax.Array

SHARING = ("shared", "unshared")
EDGES = ("wrap", "pad")


def output_size(size: int, kernel_size: int, stride: int = 1) -> int:
    """Side of a stage's feature maps; at most 0 where the kernel does not fit."""
    return (size - kernel_size) // stride + 1


def reach(size: int, kernel_size: int, stride: int = 1) -> int:
    """How many rows and columns a stencil of the whole input reaches beyond it when it is slid."""
    return stride * (output_size(size, kernel_size, stride) - 1)


def window_side(size: int, radius: int) -> int:
    """Side of the window from which taps are drawn, in positions; a radius of 0 is the whole input."""
    return min(2 * radius + 1, size) if radius else size


def unit_places(out: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """(units, 1) int32 each: the row and the column of the input at which each unit's kernel starts."""
    rows, columns = stride * np.array(np.divmod(np.arange(out * out, dtype=np.int32)[:, None], out))
    return rows, columns


def slide(stencil: Positions, size: int, kernel_size: int, stride: int = 1, edges: str = "wrap") -> Positions:
    """Slides one stencil over the input.

    Args:
      stencil: (taps,) positions that the unit at row 0, column 0 reads.
      edges: one of EDGES: whether what lies beyond an edge is the other side of the input, or padding of as
        many rows and columns as `reach`, which then counts in the numbers of positions.

    Returns:
      (units, taps) int32: the unit at (row, column) reads the stencil moved by `stride` x (row, column).
    """
    rows, columns = unit_places(output_size(size, kernel_size, stride), stride)
    rows, columns = stencil // size + rows, stencil % size + columns
    if edges == "wrap":
        return rows % size * size + columns % size
    return rows * (size + reach(size, kernel_size, stride)) + columns


@dataclasses.dataclass(frozen=True)
class Connectivity:
    """Which input positions the units of a stage read.

    Attributes:
      stencil: (size, kernel_size) -> (taps,) int32, the distinct positions that the unit at row 0, column 0
        reads. Units that share weights read this stencil, slid to where they are.
      unshared_reads: (units, size, kernel_size) -> (units, taps) int32, the distinct positions that each unit
        reads where weights are not shared; None if these units read the slid stencil as well.
      nearby_reads: (size, kernel_size, radius, out, stride) -> (out**2, taps) int32, the distinct positions
        that each of the first out x out units reads with a radius; None if a stage has no radius.
      is_drawn: whether positions are drawn at random. The functions then take a random key as an additional
        first argument, and the positions that they draw are part of a run's state.
      is_spatial: whether a stage may have padding or a map table.
      is_sparse: whether a unit has as many taps as the kernel has pixels.
    """

    stencil: Callable[..., Positions]
    unshared_reads: Callable[..., Positions] | None = None
    nearby_reads: Callable[..., Positions] | None = None
    is_drawn: bool = False
    is_spatial: bool = False
    is_sparse: bool = True

    def has_padded_edges(self, sharing: str, edges: str) -> bool:
        """Whether units read padding beyond the edges, to which a stencil is slid."""
        is_slid = sharing != "unshared" or self.unshared_reads is None
        return edges == "pad" and is_slid and not self.is_spatial

    def reads(
        self,
        sharing: str,
        size: int,
        kernel_size: int,
        stride: int = 1,
        edges: str = "wrap",
        radius: int = 0,
        key: jax.Array | None = None,
    ) -> Positions:
        """(units, taps) int32: the input position that each tap of each unit reads.

        Args:
          sharing: one of SHARING, or of PARTIAL_SHARING, which reads what "shared" reads.
          edges: as in `slide`, where `has_padded_edges`; a local stencil stays within the input. A
            shared stencil with a radius needs "wrap".
          radius: how far taps are from the centre of the unit's local receptive field, at most, in rows and
            in columns, wrapping round; 0 for no limit. Only where there are `nearby_reads`.
          key: where positions are drawn.
        """
        drawn_by = (key,) if self.is_drawn else ()
        out = output_size(size, kernel_size, stride)
        if radius:
            assert self.nearby_reads is not None and not self.has_padded_edges(sharing, edges)
            if sharing == "unshared":
                return self.nearby_reads(*drawn_by, size, kernel_size, radius, out, stride)
            stencil = self.nearby_reads(*drawn_by, size, kernel_size, radius, 1, stride)[0]
            return slide(stencil, size, kernel_size, stride)
        if sharing == "unshared" and self.unshared_reads is not None:
            return self.unshared_reads(*drawn_by, out**2, size, kernel_size)
        edges = edges if self.has_padded_edges(sharing, edges) else "wrap"
        return slide(self.stencil(*drawn_by, size, kernel_size), size, kernel_size, stride, edges)

    def taps(self, size: int, kernel_size: int) -> int:
        """How many input positions one unit reads."""
        if not self.is_drawn:
            return len(self.stencil(size, kernel_size))
        return len(jax.eval_shape(lambda key: self.stencil(key, size, kernel_size), jax.random.key(0)))

    def fits(self, size: int, kernel_size: int) -> bool:
        """Whether the input is large enough for a stencil whose taps do not meet when they wrap round."""
        return self.is_drawn or len(np.unique(self.stencil(size, kernel_size))) == self.taps(
            size, kernel_size
        )


def local_stencil(size: int, kernel_size: int) -> np.ndarray:
    """(kernel_size**2,): the neighbourhood."""
    rows, columns = np.divmod(np.arange(kernel_size**2, dtype=np.int32), kernel_size)
    return rows * size + columns


def random_reads(key: jax.Array, units: int, size: int, kernel_size: int) -> jax.Array:
    """(units, kernel_size**2): positions drawn without regard to distance, for each unit anew."""
    positions = jnp.tile(jnp.arange(size * size, dtype=jnp.int32), (units, 1))
    return jax.random.permutation(key, positions, axis=1, independent=True)[:, : kernel_size**2]


def random_nearby_reads(
    key: jax.Array, size: int, kernel_size: int, radius: int, out: int, stride: int
) -> jax.Array:
    """(out**2, kernel_size**2): positions drawn from a window around each unit's local receptive field.

    The window has `window_side` rows and columns and wraps round at the edges. Its centre is the field's:
    `kernel_size // 2` rows and columns from where the field starts.
    """
    side, before = window_side(size, radius), (kernel_size // 2 - radius) % size
    taps = random_reads(key, out**2, side, kernel_size)
    rows, columns = unit_places(out, stride)
    rows, columns = (taps // side + rows + before) % size, (taps % side + columns + before) % size
    return rows * size + columns


def full_reads(units: int, size: int, kernel_size: int) -> np.ndarray:
    """(units, size**2): every position, in the same order for each unit."""
    return np.tile(np.arange(size * size, dtype=np.int32), (units, 1))


CONNECTIVITY: Mapping[str, Connectivity] = {
    "local": Connectivity(local_stencil, is_spatial=True),
    "random": Connectivity(
        lambda key, size, kernel_size: random_reads(key, 1, size, kernel_size)[0],
        random_reads,
        random_nearby_reads,
        is_drawn=True,
    ),
    # A shared kernel as large as the input slides over it.
    "full": Connectivity(
        lambda size, kernel_size: full_reads(1, size, kernel_size)[0], full_reads, is_sparse=False
    ),
}
