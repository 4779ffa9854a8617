"""Feature maps in the layout that makes the products fast: images innermost, space cut into tiles."""

import dataclasses

import jax
import jax.numpy as jnp
from flax import struct
from jax.experimental.layout import Layout, with_layout_constraint

from lenet_jax import backend


@struct.dataclass
class FeatureMaps:
    """A batch of square feature maps.

    With images as the innermost dimension, every copy and product moves contiguous stretches of memory.
    Images are in blocks of L, or all in one. Space is cut into tiles of `side` x `side` positions, `along` of
    them in each direction: `tiles[b, r, s, c, i, j, l]` is row `i * side + r` and column `j * side + s` of
    map c of image `b * L + l`. A convolution computes all units of a tile in one product, and 2x2 pooling
    joins neighbours within a tile, so both work on the leading dimensions only.

    Attributes:
      tiles: (blocks, side, side, C, along, along, L).
      size: side of the maps. Where `along * side` is larger, the positions beyond `size` are arbitrary.
      count: number of images, N. The last block may have room for more, which is zero in the network's input.
    """

    tiles: jax.Array
    size: int = struct.field(pytree_node=False)
    count: int = struct.field(pytree_node=False)

    @classmethod
    def from_images(cls, images_NHWC: jax.Array) -> "FeatureMaps":
        """The maps of square images, in tiles of one position, in one block."""
        return cls.from_plain(_blocks(images_NHWC, len(images_NHWC))[0].transpose(2, 0, 1, 3))

    @classmethod
    def from_plain(cls, maps_CHWN: jax.Array) -> "FeatureMaps":
        """Uncut maps: tiles of one position, one block."""
        return cls(maps_CHWN[None, None, None], maps_CHWN.shape[1], maps_CHWN.shape[3])

    @classmethod
    def from_blocks(cls, maps_BHWCL: jax.Array, count: int) -> "FeatureMaps":
        """Maps of `count` images in blocks of L; a tile is as large as the maps."""
        return cls(maps_BHWCL[:, :, :, :, None, None], maps_BHWCL.shape[1], count)

    @property
    def side(self) -> int:
        """Positions along one side of a tile."""
        return self.tiles.shape[1]

    @property
    def channels(self) -> int:
        """The number of maps, C."""
        return self.tiles.shape[3]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of `images`: (N, size, size, C)."""
        return self.count, self.size, self.size, self.channels

    @property
    def plain(self) -> jax.Array:
        """(C, size, size, N), uncut."""
        joined_CHWBL = self._joined.transpose(1, 2, 3, 0, 4)
        return joined_CHWBL.reshape(*joined_CHWBL.shape[:3], -1)[..., : self.count]

    @property
    def images(self) -> jax.Array:
        """(N, size, size, C)."""
        joined_BLHWC = self._joined.transpose(0, 4, 2, 3, 1)
        return joined_BLHWC.reshape(-1, *joined_BLHWC.shape[2:])[: self.count]

    @property
    def _joined(self) -> jax.Array:
        """(blocks, C, size, size, L), uncut."""
        blocks, side, _, channels, along, _, lanes = self.tiles.shape
        joined = self.tiles.transpose(0, 3, 4, 1, 5, 2, 6)
        return joined.reshape(blocks, channels, along * side, along * side, lanes)[
            :, :, : self.size, : self.size
        ]

    @property
    def matrix(self) -> jax.Array:
        """The tiles as (blocks * side * side * C, along * along * L).

        For elementwise operations: a loop over two dimensions is faster than one over seven.
        """
        return self.tiles.reshape(self.tiles.shape[0] * self.side**2 * self.channels, -1)

    def with_matrix(self, matrix: jax.Array) -> "FeatureMaps":
        """The same maps with new values, given in the shape of `self.matrix`."""
        return dataclasses.replace(self, tiles=matrix.reshape(self.tiles.shape))

    def column(self, values_C: jax.Array) -> jax.Array:
        """One value per map as (blocks * side * side * C, 1): one per row of `matrix`."""
        return jnp.tile(values_C, self.tiles.shape[0] * self.side**2)[:, None]

    def blocks(self, lanes: int) -> jax.Array:
        """(blocks, size, size, C, lanes)."""
        if self.tiles.shape[-1] == lanes and self.side == self.size:
            return self.tiles[:, :, :, :, 0, 0]
        return _blocks(self.images, lanes)

    def padded(self, before: int, after: int, value: float) -> "FeatureMaps":
        """The maps, uncut, with `before` rows and columns of `value` before them and `after` after them."""
        width = ((0, 0), (before, after), (before, after), (0, 0))
        return self.from_plain(jnp.pad(self.plain, width, constant_values=value))

    def cut(self, side: int, along: int) -> jax.Array:
        """The first `along` tiles in each direction, of side `side`.

        Returns (blocks, side, side, C, along, along, L); tiles beyond the maps are zero.
        """
        tiles = self.tiles
        if side != self.side:
            joined = self._joined
            blocks, channels, size, _, lanes = joined.shape
            covering = -(-size // side)  # tiles that cover the maps, in each direction
            fill = covering * side - size
            filled = jnp.pad(joined, ((0, 0), (0, 0), (0, fill), (0, fill), (0, 0)))
            tiles = filled.reshape(blocks, channels, covering, side, covering, side, lanes).transpose(
                0, 3, 5, 1, 2, 4, 6
            )
        missing = max(0, along - tiles.shape[4])
        tiles = jnp.pad(tiles, (*4 * ((0, 0),), (0, missing), (0, missing), (0, 0)))
        return tiles[:, :, :, :, :along, :along]


def _blocks(images_NHWC: jax.Array, lanes: int) -> jax.Array:
    """(blocks, H, W, C, lanes), where the last block is filled up with zeros."""
    count, *shape = images_NHWC.shape
    blocks = -(-count // lanes)
    pixels = jnp.asarray(images_NHWC).reshape(count, -1)  # perhaps NumPy's
    pixels = jnp.pad(pixels, ((0, blocks * lanes - count), (0, 0))).reshape(blocks, lanes, -1)
    return materialised(pixels.transpose(0, 2, 1)).reshape(blocks, *shape, lanes)


def materialised(x: jax.Array) -> jax.Array:
    """`x`, written to memory once instead of being recomputed wherever it is read.

    XLA's CPU backend fuses a cheap operation into each of its readers, even a transposition that one of
    them reads four times; a layout constraint prevents this.
    """
    if not backend.is_cpu():
        return x
    return with_layout_constraint(x, Layout(tuple(range(x.ndim))))
