"""Feature maps as compiled products want them: images innermost, in tiles."""

import jax
import jax.numpy as jnp
from flax import struct
from jax.experimental.layout import Layout, with_layout_constraint


@struct.dataclass
class FeatureMaps:
    """A batch of square feature maps.

    With the images as the innermost dimension every copy and product moves contiguous stretches of
    memory. Space is cut into tiles of D x D positions: `tiles[a, b, c, i, j, n]` is row i * D + a and
    column j * D + b of map c of image n. A convolution computes all units of a tile in one product,
    and 2x2 pooling joins neighbours within a tile, so both work on the leading dimensions alone.

    Attributes:
      tiles: (D, D, C, A, A, N).
      size: side S of the maps. Where A * D is larger, the positions beyond S mean nothing.
    """

    tiles: jax.Array
    size: int = struct.field(pytree_node=False)

    @classmethod
    def from_images(cls, images_NHWC: jax.Array) -> "FeatureMaps":
        """The maps of square images, in tiles of one position."""
        count, size, _, channels = images_NHWC.shape
        rows = materialised(images_NHWC.reshape(count, -1).T)
        return cls.from_plain(rows.reshape(size, size, channels, count).transpose(2, 0, 1, 3))

    @classmethod
    def from_plain(cls, maps_CSSN: jax.Array) -> "FeatureMaps":
        """Maps that are not cut: tiles of one position."""
        return cls(maps_CSSN[None, None], maps_CSSN.shape[1])

    @property
    def side(self) -> int:
        """D, positions along a tile."""
        return self.tiles.shape[0]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, S, S, C), as `images` gives them."""
        return self.tiles.shape[-1], self.size, self.size, self.tiles.shape[2]

    @property
    def plain(self) -> jax.Array:
        """(C, S, S, N), uncut."""
        side, _, channels, along, _, count = self.tiles.shape
        joined = self.tiles.transpose(2, 3, 0, 4, 1, 5).reshape(channels, along * side, along * side, count)
        return joined[:, : self.size, : self.size]

    @property
    def images(self) -> jax.Array:
        """(N, S, S, C)."""
        return self.plain.transpose(3, 1, 2, 0)

    @property
    def matrix(self) -> jax.Array:
        """The tiles as (D * D * C, A * A * N): for what is done element by element, as loops over two
        dimensions are quicker than over six."""
        side, _, channels, *_ = self.tiles.shape
        return self.tiles.reshape(side * side * channels, -1)

    def with_matrix(self, matrix: jax.Array) -> "FeatureMaps":
        """The same maps with other values, in the shape of `matrix`."""
        return self.replace(tiles=matrix.reshape(self.tiles.shape))

    def column(self, numbers_C: jax.Array) -> jax.Array:
        """One number a map, (C,), as (D * D * C, 1): one a row of `matrix`."""
        return jnp.tile(numbers_C, self.side * self.side)[:, None]

    def bordered(self, before: int, behind: int, value: float) -> "FeatureMaps":
        """The maps with so many rows and columns of `value` before and behind them, uncut."""
        width = ((0, 0), (before, behind), (before, behind), (0, 0))
        return self.from_plain(jnp.pad(self.plain, width, constant_values=value))

    def cut(self, side: int, along: int) -> jax.Array:
        """Cut anew into tiles of `side`, the first `along` of them each way.

        Returns (side, side, C, along, along, N); tiles added beyond the maps are zero.
        """
        tiles = self.tiles
        if side != self.side:
            plain = self.plain
            channels, size, _, count = plain.shape
            number = -(-size // side)
            fill = number * side - size
            padded = jnp.pad(plain, ((0, 0), (0, fill), (0, fill), (0, 0)))
            tiles = padded.reshape(channels, number, side, number, side, count).transpose(2, 4, 0, 1, 3, 5)
        more = max(0, along - tiles.shape[3])
        tiles = jnp.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, more), (0, more), (0, 0)))
        return tiles[:, :, :, :along, :along]


def materialised(x: jax.Array) -> jax.Array:
    """`x`, written to memory once instead of computed anew wherever it is read.

    XLA's CPU backend fuses a cheap operation into each of its readers, even a transposition that
    one of them reads four times; a layout constraint stops it there.
    """
    if jax.default_backend() != "cpu":
        return x
    return with_layout_constraint(x, Layout(tuple(range(x.ndim))))
