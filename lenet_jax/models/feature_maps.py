"""Feature maps in the layout that makes the products fast: images innermost, space cut into tiles."""

import jax
import jax.numpy as jnp
from flax import struct
from jax.experimental.layout import Layout, with_layout_constraint


@struct.dataclass
class FeatureMaps:
    """A batch of square feature maps.

    With images as the innermost dimension, every copy and product moves contiguous stretches of memory.
    Space is cut into tiles of `side` x `side` positions, `along` of them in each direction:
    `tiles[a, b, c, i, j, n]` is row `i * side + a` and column `j * side + b` of map c of image n. A
    convolution computes all units of a tile in one product, and 2x2 pooling joins neighbours within a
    tile, so both work on the leading dimensions only.

    Attributes:
      tiles: (side, side, C, along, along, N).
      size: side of the maps. Where `along * side` is larger, the positions beyond `size` are arbitrary.
    """

    tiles: jax.Array
    size: int = struct.field(pytree_node=False)

    @classmethod
    def from_images(cls, images_NHWC: jax.Array) -> "FeatureMaps":
        """The maps of square images, in tiles of one position."""
        count, size, _, channels = images_NHWC.shape
        pixels = materialised(jnp.asarray(images_NHWC).reshape(count, -1).T)  # perhaps NumPy's
        return cls.from_plain(pixels.reshape(size, size, channels, count).transpose(2, 0, 1, 3))

    @classmethod
    def from_plain(cls, maps_CHWN: jax.Array) -> "FeatureMaps":
        """Uncut maps: tiles of one position."""
        return cls(maps_CHWN[None, None], maps_CHWN.shape[1])

    @property
    def side(self) -> int:
        """Positions along one side of a tile."""
        return self.tiles.shape[0]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of `images`: (N, size, size, C)."""
        return self.tiles.shape[-1], self.size, self.size, self.tiles.shape[2]

    @property
    def plain(self) -> jax.Array:
        """(C, size, size, N), uncut."""
        side, _, channels, along, _, count = self.tiles.shape
        joined = self.tiles.transpose(2, 3, 0, 4, 1, 5).reshape(channels, along * side, along * side, count)
        return joined[:, : self.size, : self.size]

    @property
    def images(self) -> jax.Array:
        """(N, size, size, C)."""
        return self.plain.transpose(3, 1, 2, 0)

    @property
    def matrix(self) -> jax.Array:
        """The tiles as (side * side * C, along * along * N).

        For elementwise operations: a loop over two dimensions is faster than one over six.
        """
        side, _, channels, *_ = self.tiles.shape
        return self.tiles.reshape(side * side * channels, -1)

    def with_matrix(self, matrix: jax.Array) -> "FeatureMaps":
        """The same maps with new values, given in the shape of `self.matrix`."""
        return FeatureMaps(matrix.reshape(self.tiles.shape), self.size)

    def column(self, values_C: jax.Array) -> jax.Array:
        """One value per map as (side * side * C, 1): one per row of `matrix`."""
        return jnp.tile(values_C, self.side * self.side)[:, None]

    def padded(self, before: int, after: int, value: float) -> "FeatureMaps":
        """The maps, uncut, with `before` rows and columns of `value` before them and `after` after them."""
        width = ((0, 0), (before, after), (before, after), (0, 0))
        return self.from_plain(jnp.pad(self.plain, width, constant_values=value))

    def cut(self, side: int, along: int) -> jax.Array:
        """The first `along` tiles in each direction, of side `side`.

        Returns (side, side, C, along, along, N); tiles beyond the maps are zero.
        """
        tiles = self.tiles
        if side != self.side:
            plain = self.plain
            channels, size, _, count = plain.shape
            covering = -(-size // side)  # tiles that cover the maps, in each direction
            fill = covering * side - size
            filled = jnp.pad(plain, ((0, 0), (0, fill), (0, fill), (0, 0)))
            tiles = filled.reshape(channels, covering, side, covering, side, count).transpose(
                2, 4, 0, 1, 3, 5
            )
        missing = max(0, along - tiles.shape[3])
        tiles = jnp.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, missing), (0, missing), (0, 0)))
        return tiles[:, :, :, :along, :along]


def materialised(x: jax.Array) -> jax.Array:
    """`x`, written to memory once instead of being recomputed wherever it is read.

    XLA's CPU backend fuses a cheap operation into each of its readers, even a transposition that one of
    them reads four times; a layout constraint prevents this.
    """
    if jax.default_backend() != "cpu":
        return x
    return with_layout_constraint(x, Layout(tuple(range(x.ndim))))
