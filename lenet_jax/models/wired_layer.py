"""The layer of feature maps that is wired by any cell of the connectivity grid."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.typing import Initializer
from jax.typing import ArrayLike

from lenet_jax.models import products, wiring
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import fan_in_uniform
from lenet_jax.models.map_tables import Table
from lenet_jax.models.partial_sharing import (
    MIXES,
    PARTIAL_SHARING,
    at_positions,
    blocks_along,
    of_blocks,
    of_units,
)
from lenet_jax.models.start import Embedding, constrain, embed, embedded, imitated, with_gradient
from lenet_jax.native import calls


class Wired(nn.Module):
    """A layer of feature maps whose units read the positions that a wiring specifies.

    `local`, `shared` is the convolution, and `full`, `unshared` the fully connected layer; the output has the
    same shape under every wiring. The weights in `params` are `kernel` and `bias`:

    =========  ============  ======
    sharing    kernel        bias
    =========  ============  ======
    shared     (T, C, O)     (O,)
    unshared   (T, C, P, O)  (P, O)
    blocks     (T, C, B, O)  (B, O)
    low_rank   (T, C, R, O)  (O,)
    =========  ============  ======

    B is the number of blocks, and R the rank; `low_rank` also has `bias_rows` and `bias_columns`, (out,), and
    for R > 1 `mix_rows` and `mix_columns`, (out, R). See `lenet_jax.models.partial_sharing`.

    With a connection table, a kernel has one dimension Q instead of C and O, after T, in the table's order.
    With one bias per unit, every kernel has the bias of an unshared one.

    Positions that a wiring draws at random are in the collection `wiring` as `reads`, (P, T) int32: they are
    part of a run's state, but are not trained.

    Attributes:
      maps: number of feature maps.
      kernel_size: side of the receptive field in pixels, which also determines the output's shape.
      connectivity: a name in `lenet_jax.models.wiring.CONNECTIVITY`.
      sharing: one of `lenet_jax.models.wiring.SHARING` or `PARTIAL_SHARING`.
      stride: from one receptive field to the next, in pixels.
      padding: rows and columns added (before, after) each input map.
      pad_value: state of the units that the padding stands for.
      edges: one of `lenet_jax.models.wiring.EDGES`: what a stencil that is not local reads where it is slid
        beyond the edge, the other side of the input or padding.
      radius: how far random taps are from the centre of a unit's local receptive field, at most, in rows and
        in columns; 0 for anywhere.
      block: side in units of the blocks whose units share a kernel, only for "blocks".
      rank: number of kernels that are mixed, only for "low_rank".
      table: the input maps that each map reads; None if every map reads all of them.
      unit_bias: whether each unit has its own bias even if the kernel is shared.
      initialisation: one of INITIALISATIONS, for the kernel; biases start at 0.
      start: one of `lenet_jax.models.start.STARTS`; any but "free" is for unshared weights without a table.
      constrained: whether training keeps the constraint that weights satisfy with their start. It changes
        gradients alone.
      shared_gradient: whether what all units of a map share, a kernel or a bias, gets the "sum" of its units'
        gradients or their "mean".
      native: whether the native kernel computes the layer if it is faster; see `lenet_jax.native.form`.
      activation: one of `lenet_jax.native.calls.ACTIVATIONS`; with any but "none", the native kernel also
        applies it and averages 2x2 windows, which saves passes over memory.

    A connectivity that is not spatial has no padding and no table, and only one with `nearby_reads` has a
    radius. Partly shared weights are for `edges` of "wrap", or a connectivity whose stencil stays inside.
    """

    maps: int
    kernel_size: int
    connectivity: str
    sharing: str
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    pad_value: float = 0.0
    edges: str = "wrap"
    radius: int = 0
    block: int = 0
    rank: int = 0
    table: Table | None = None
    unit_bias: bool = False
    initialisation: str = "unit_variance"
    start: str = "free"
    constrained: bool = False
    shared_gradient: str = "sum"
    native: bool = False
    activation: str = "none"

    @nn.compact
    def __call__(self, x: FeatureMaps) -> FeatureMaps:
        """Returns `maps` maps of side (size - kernel_size) // stride + 1, before any activation.

        `size` is the side of the input maps, padding included. With an `activation`, their averages.
        """
        size = x.size + sum(self.padding)
        out = wiring.output_size(size, self.kernel_size, self.stride)
        padding = self.padding_of(x.size)
        kernel = self._kernel(size, x.channels, self._kernels_per_map(out))
        biases = () if self.sharing == "low_rank" else self._kernels_per_map(out)
        if self.unit_bias:
            biases = (out * out,)
        bias = self.param("bias", nn.initializers.zeros_init(), (*biases, self.maps))
        kernel, bias = self._with_gradients(kernel, bias, size, out)
        if self.sharing in PARTIAL_SHARING:
            kernel, bias = self._of_units(kernel, bias, size, out)
        by_unit = bias.ndim == 2

        native_form = native_form_of(self.connectivity, self.sharing, x.count) if self.native else None
        if native_form == "wired":
            layer = calls.Layer(
                x.size, out, *padding, self.pad_value, self.sharing == "shared", by_unit,
                self.activation, self._pairs,
            )  # fmt: skip
            maps = calls.wired(layer, x.blocks(calls.lanes(x.count)), kernel, bias, self._reads(size))
            return FeatureMaps.from_blocks(maps, x.count)
        assert self.activation == "none"
        if native_form == "dense":
            blocks_BIL = x.blocks(calls.block()).reshape(-1, size**2 * x.channels, calls.block())
            y_BUL = calls.dense(blocks_BIL, kernel.reshape(blocks_BIL.shape[1], -1), bias.reshape(-1))
            return FeatureMaps.from_blocks(y_BUL.reshape(-1, out, out, self.maps, calls.block()), x.count)
        if any(padding):
            x = x.padded(*padding, self.pad_value)
        if self.table is not None:
            kernel = products.spread_pairs(kernel, self.table, x.channels)  # T, C, O, perhaps P
            kernel = jnp.moveaxis(kernel, 2, -1)
        if (self.connectivity, self.sharing) == ("local", "shared"):
            y = products.convolve(x, kernel, self.kernel_size, self.stride)
            if by_unit:
                biases = FeatureMaps.from_plain(bias.T.reshape(self.maps, out, out, 1))
                return dataclasses.replace(y, tiles=y.tiles + biases.cut(y.side, y.tiles.shape[4]))
            return y.with_matrix(y.matrix + y.column(bias))
        if (self.connectivity, self.sharing) == ("full", "shared"):
            y_OPN = products.correlate_all(x, products.spread_taps(kernel, size, x.size), out, self.stride)
        elif self.connectivity == "full":
            y_OPN = products.multiply_all(x, kernel)
        else:
            kernel_TCPO = kernel[:, :, None] if self.sharing == "shared" else kernel
            y_OPN = products.gather(x, self._reads(size), kernel_TCPO)
        y_OPN += bias.T[..., None] if by_unit else bias[:, None, None]
        return FeatureMaps.from_plain(y_OPN.reshape(self.maps, out, out, -1))

    def padding_of(self, size: int) -> tuple[int, int]:
        """Rows and columns before and after input maps of side `size`, those beyond the edges included."""
        connectivity = wiring.CONNECTIVITY[self.connectivity]
        if not connectivity.has_padded_edges(self.sharing, self.edges):
            return self.padding
        return 0, wiring.reach(size, self.kernel_size, self.stride)

    def _kernels_per_map(self, out: int) -> tuple[int, ...]:
        """How many kernels a map has, as dimensions of its weights; () for one."""
        match self.sharing:
            case "shared":
                return ()
            case "blocks":
                return (blocks_along(out, self.block) ** 2,)
            case "low_rank":
                return (self.rank,)
        return (out * out,)

    def _of_units(
        self, kernel: jax.Array, bias: jax.Array, size: int, out: int
    ) -> tuple[jax.Array, jax.Array]:
        """The weights of each unit, as in an unshared layer, from those that units share in part."""
        if self.table is not None:
            kernel = kernel[..., None]  # T, Q, K, 1
        zeros, mixes = nn.initializers.zeros_init(), MIXES if self.rank > 1 else ()
        kernel = of_units(
            kernel, out, self.block, [self.param(name, zeros, (out, self.rank)) for name in mixes]
        )
        if self.sharing == "blocks" and not self.unit_bias:
            bias = of_blocks(bias, out, self.block)
        elif not self.unit_bias:
            rows, columns = (self.param(f"bias_{along}", zeros, (out,)) for along in ("rows", "columns"))
            bias = bias + (rows[:, None] + columns).reshape(-1, 1)
        if self.table is not None:
            kernel = kernel[..., 0]
        if self.connectivity == "full":
            kernel = at_positions(kernel, size, self.stride)
        return kernel, bias

    def _kernel(self, size: int, channels: int, positions: tuple[int, ...]) -> jax.Array:
        """The kernel, (T, C, *positions, O), or with a table (T, Q, *positions)."""
        taps = wiring.CONNECTIVITY[self.connectivity].taps(size, self.kernel_size)
        if self.table is None:
            shape = (taps, channels, *positions, self.maps)
            if self.start == "free":
                return self.param("kernel", self._initialised(taps * channels), shape)
            taps_drawn = self._taps_drawn(size)
            init = fan_in_uniform(self.initialisation, taps_drawn * channels)
            return self.param("kernel", embedded(init, taps_drawn, self._embedding(size)), shape)
        maps_read = np.array([len(read) for read in self.table for _ in read])
        fan_in = taps * maps_read.reshape(1, -1, *(1 for _ in positions))
        return self.param("kernel", self._initialised(fan_in), (taps, len(maps_read), *positions))

    def _initialised(self, fan_in: ArrayLike) -> Initializer:
        """How kernels are drawn; those of a mean more widely, so that units start as in other layers."""
        draw = fan_in_uniform(self.initialisation, fan_in)
        if self.sharing != "low_rank":
            return draw
        return lambda *args: math.sqrt(self.rank) * draw(*args)

    def _taps_drawn(self, size: int) -> int:
        """J, the taps of the shared kernel with which unshared units start."""
        connectivity = imitated(self.start, self.connectivity)
        return wiring.CONNECTIVITY[connectivity].taps(size, self.kernel_size)

    def _embedding(self, size: int) -> Embedding:
        """From that kernel, (J, C, O), to the weights of all units, (T, C, P, O)."""
        out = wiring.output_size(size, self.kernel_size, self.stride)
        return lambda kernel_JCO: embed(kernel_JCO, self.connectivity, size, out, self.stride)

    def _with_gradients(
        self, kernel: jax.Array, bias: jax.Array, size: int, out: int
    ) -> tuple[jax.Array, jax.Array]:
        """The weights, whose gradients follow the fields `constrained` and `shared_gradient`."""
        units = out * out
        if self.constrained and self.start != "free":
            _, channels, _, maps = kernel.shape
            shape = (self._taps_drawn(size), channels, maps)
            kernel = constrain(kernel, self._embedding(size), shape)
            if not self.unit_bias:
                bias = constrain(bias, lambda bias_O: jnp.tile(bias_O, (units, 1)), (maps,))
        if self.shared_gradient == "mean" and self.sharing == "shared":
            kernel = with_gradient(kernel, lambda gradient: gradient / units)
            if not self.unit_bias:
                bias = with_gradient(bias, lambda gradient: gradient / units)
        return kernel, bias

    @property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        """(input map, map) of each pair of the table, in its order; () without a table."""
        return tuple((channel, number) for number, read in enumerate(self.table or ()) for channel in read)

    def _reads(self, size: int) -> wiring.Positions:
        """(P, T) positions; where they are drawn, a variable, initialised by the key `wiring`."""
        connectivity = wiring.CONNECTIVITY[self.connectivity]
        fields = self.sharing, size, self.kernel_size, self.stride, self.edges, self.radius
        if not connectivity.is_drawn:
            return connectivity.reads(*fields)
        return self.variable(
            "wiring", "reads", lambda: connectivity.reads(*fields, key=self.make_rng("wiring"))
        ).value


def native_form_of(connectivity: str, sharing: str, images: int) -> str | None:
    """Which native kernel computes a layer of so many images, "wired" or "dense", or None for products.

    Where each unit has weights of its own, reading them takes most of a small batch's time, and products are
    faster.
    """
    if sharing != "shared" and calls.lanes(images) == 1:
        return None
    if wiring.CONNECTIVITY[connectivity].is_sparse:
        return "wired"
    return "dense" if sharing != "shared" else None


def reads_of(layer: Wired, variables: Mapping[str, Any], size: int) -> wiring.Positions:
    """(P, T) positions that the units of `layer` read in input maps of side `size`, `padding` included.

    `variables` are the layer's: they hold the positions if these were drawn at random.
    """
    connectivity = wiring.CONNECTIVITY[layer.connectivity]
    if connectivity.is_drawn:
        return variables["wiring"]["reads"]
    return connectivity.reads(layer.sharing, size, layer.kernel_size, layer.stride, layer.edges, layer.radius)
