"""Where units have their weights, and how alike the kernels of a map's units are.

The energy of a weight is its square, added up over input maps. A unit's own field is the one that the
convolution's unit at the same place of the map reads, k x k positions for `kernel_size` k. Chance keeps what
all units of a map have in common, such as the energy of digits, which is larger in the middle than at the
edge: by chance, a unit's own field has the share that it has of the energy of the map's other units.
"""

import abc
import dataclasses
import math
from collections.abc import Iterator
from typing import ClassVar, NamedTuple, TypeGuard

import numpy as np

from lenet_jax.models import wiring
from lenet_jax.models.networks import CNN, Stage
from lenet_jax.probes.images import Images
from lenet_jax.probes.probe import CHANCE, CHANGE, TRAINED, UNTRAINED, About, At, Probe, Value
from lenet_jax.runs.trained import TrainedRun

Layer = Stage | None  # a stage, or the first layer of an MLP


@dataclasses.dataclass(frozen=True)
class OfWeights(Probe):
    """Numbers of the weights of each layer that the probe reads, before and after training.

    The energy of weights at random, with which training starts, can hide what it adds to them. So the same
    numbers are given of the change, the weights after training minus those before.
    """

    absent: ClassVar[str]  # why a network has no such layer
    kinds: ClassVar[tuple[str, ...]] = (UNTRAINED, TRAINED, CHANGE)

    def lacks(self, run: TrainedRun) -> str:
        return "" if any(map(self.reads, _layers(run))) else self.absent

    def measure(self, run: TrainedRun, images: Images) -> list[Value]:
        before, after = run.untrained().kernels(), run.kernels()
        rng = np.random.default_rng(run.seed)
        # Of weights that are set to 0, the change is minus what they were before.
        kinds = [kind for kind in self.kinds if kind != CHANGE or not run.config.train.l1_threshold]
        values = []
        for name, layer in zip(after, _layers(run), strict=True):
            if not self.reads(layer):
                continue
            of_kinds = {
                UNTRAINED: before[name],
                TRAINED: after[name],
                CHANGE: after[name] - before[name],
            }
            for kind in kinds:
                values += [Value(kind, *found) for found in self.numbers(name, of_kinds[kind], layer)]
                if kind in CHANCE:
                    by_chance = self.chance(name, of_kinds[kind], layer, rng)
                    values += [Value(CHANCE[kind], *found) for found in by_chance]
        return values

    @abc.abstractmethod
    def reads(self, layer: Layer) -> bool:
        """Whether the probe has a number for a layer."""

    @abc.abstractmethod
    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        """What `Value.at` and `.value` are, for the kernels of a layer; see `TrainedRun.kernels`."""

    def chance(
        self, name: str, kernels_POHWC: np.ndarray, layer: Layer, rng: np.random.Generator
    ) -> Iterator[tuple[At, float]]:
        """What chance gives for such kernels, if it is known."""
        yield from ()


@dataclasses.dataclass(frozen=True)
class OwnField(OfWeights):
    """The share of a unit's energy inside its own field, for stages whose units read the whole input."""

    absent = "none of its stages reads the whole input"

    @property
    def name(self) -> str:
        return "own_field"

    @property
    def about(self) -> About:
        return _about(
            "Energy of weights inside a unit's own field",
            "Share of a unit's squared weights on the positions that the convolution's unit at its place "
            "reads, averaged over units, which count the same. By chance: the share that other units of the "
            "map have there, on average. The change is what training adds to the weights. If the next layer "
            "reads the whole input as well, units can change places, window of pooling by window, and the "
            "network computes the same: if they start free, no more than chance is to be expected.",
        )

    def reads(self, layer: Layer) -> bool:
        return layer is not None and layer.connectivity == "full"

    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        assert layer is not None
        yield from _found(name, own_share(kernels_POHWC, layer.kernel_size, layer.stride))

    def chance(
        self, name: str, kernels_POHWC: np.ndarray, layer: Layer, rng: np.random.Generator
    ) -> Iterator[tuple[At, float]]:
        assert layer is not None
        if layer.sharing == "shared":
            if layer.edges == "pad":  # parts of the kernel lie beyond the input, others for each unit
                return
            kernels_POHWC = slid(kernels_POHWC, layer.kernel_size, layer.stride)
        yield from _found(name, own_share_by_chance(kernels_POHWC, layer.kernel_size, layer.stride))


@dataclasses.dataclass(frozen=True)
class BestField(OfWeights):
    """The share of a unit's energy inside the window that has most of it, wherever that is.

    For stages whose units read the whole input, and for MLPs.

    Attributes:
      side: of the window, in positions.
    """

    side: int = 5

    absent = "none of its layers reads the whole input"

    @property
    def name(self) -> str:
        return "best_field"

    @property
    def about(self) -> About:
        return _about(
            f"Energy of weights inside the best window of {self.side}x{self.side}",
            f"Share of a unit's squared weights inside the window of {self.side}x{self.side} positions that "
            "has most of them, averaged over units, which count the same. By chance: the same after units "
            "were scaled to one energy and the weights of each position shuffled among those of a map, or of "
            "a layer without maps; a kernel that all units share has no such number. Any weights that are "
            "alike at neighbouring positions, such as a pattern as large as a digit, have more. The change "
            "is what training adds to the weights.",
        )

    def reads(self, layer: Layer) -> bool:
        return layer is None or layer.connectivity == "full"

    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        wraps = layer is not None and layer.sharing != "unshared" and layer.edges == "wrap"
        yield from _found(name, best_share(kernels_POHWC, self.side, wraps))

    def chance(
        self, name: str, kernels_POHWC: np.ndarray, layer: Layer, rng: np.random.Generator
    ) -> Iterator[tuple[At, float]]:
        if layer is None:  # an MLP's units are its maps
            kernels_POHWC = kernels_POHWC.swapaxes(0, 1)
        if len(kernels_POHWC) > 1:
            yield from self.numbers(name, shuffled(kernels_POHWC, rng), layer)


@dataclasses.dataclass(frozen=True)
class Similarity(OfWeights):
    """The correlation of kernels between the units of a map, for stages that do not share them.

    Units that are pooled together are not compared: with average pooling, their gradients are alike.

    Attributes:
      places: where weights are compared. "relative": at the same place relative to the units, which is 1 for
        shared kernels; where units read the whole input, places wrap round, as a shared kernel of the whole
        input does. "absolute": at the same place of the input, which is 1 if all units of a map compute the
        same; for units that read the whole input.
    """

    places: str = "relative"

    absent = "none of its stages has kernels to compare: they are shared, or read different places"

    @property
    def name(self) -> str:
        return "similarity" if self.places == "relative" else "similarity_in_place"

    @property
    def about(self) -> About:
        is_relative = self.places == "relative"
        where = "relative to the units" if is_relative else "of the input"
        alike = "Shared kernels" if is_relative else "Units that all compute the same"
        return About(
            page="weights",
            title=f"Correlation of kernels between units, at places {where}",
            unit="correlation",
            of="layer",
            notes=f"Correlation of the weights of two units of a map at the same places {where}, averaged "
            "over pairs of units and over maps: all pairs, and pairs of neighbours. Pairs that are pooled "
            f"together, whose gradients average pooling makes alike, are left out. {alike} would have 1, "
            "independent kernels 0. By chance, where units read the whole input: the same after units "
            "changed places, window of pooling by window; a pattern that units have in common at the same "
            "places of the input is nearly the same one place further on. The change is what training adds "
            "to the weights.",
            decimals=3,
            bounds=(-1.0, 1.0),
        )

    def reads(self, layer: Layer) -> bool:
        if layer is None or layer.sharing != "unshared":
            return False
        if self.places == "absolute":
            return layer.connectivity == "full"
        return not wiring.CONNECTIVITY[layer.connectivity].is_drawn

    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        assert layer is not None
        if self._rolls(layer):
            kernels_POHWC = relative(kernels_POHWC, layer.stride)
        found = correlations(kernels_POHWC, is_pooled=layer.pooling != "none")
        for pairs, value in found._asdict().items():
            yield from _found(f"{name}, {pairs.replace('_', ' ')}", value)

    def chance(
        self, name: str, kernels_POHWC: np.ndarray, layer: Layer, rng: np.random.Generator
    ) -> Iterator[tuple[At, float]]:
        if self._rolls(layer):
            moved = in_other_places(kernels_POHWC, 1 if layer.pooling == "none" else 2, rng)
            yield from self.numbers(name, moved, layer)

    def _rolls(self, layer: Layer) -> TypeGuard[Stage]:
        """Whether places relative to the units are found by rolling kernels of the whole input."""
        return layer is not None and layer.connectivity == "full" and self.places == "relative"


@dataclasses.dataclass(frozen=True)
class Nonzero(OfWeights):
    """The shares of weights that are not 0, and of units that have any, where training sets some to 0."""

    absent = "its training sets no weights to 0"
    kinds = (TRAINED,)

    @property
    def name(self) -> str:
        return "nonzero"

    @property
    def about(self) -> About:
        notes = "Share of weights that are not 0, and of units that have such weights. Other numbers leave "
        return _about("Weights that are not 0", f"{notes}units without them out.", "share (%)")

    def lacks(self, run: TrainedRun) -> str:
        return "" if run.config.train.l1_threshold else self.absent

    def reads(self, layer: Layer) -> bool:
        return True

    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        finite = np.isfinite(kernels_POHWC)  # a connection table leaves maps out
        is_used = finite & (kernels_POHWC != 0)
        yield f"{name}, weights", float(is_used.sum() / finite.sum())
        yield f"{name}, units", float(is_used.any((2, 3, 4)).mean())


def _about(title: str, notes: str, unit: str = "share of the energy (%)") -> About:
    return About("weights", title, unit, "layer", notes, scale=100.0, decimals=1)


def _found(at: At, value: float | None) -> Iterator[tuple[At, float]]:
    if value is not None:
        yield at, value


def own_share(kernels_POHWC: np.ndarray, side: int, stride: int) -> float | None:
    """The mean share, in [0, 1], of units' energy inside the side x side window that starts at each unit.

    Units without energy are left out; None if none has any.
    """
    energy_POHW = _energy(kernels_POHWC)
    return _mean_ratio(_inside(energy_POHW, side, stride), energy_POHW.sum((2, 3)))


def own_share_by_chance(kernels_POHWC: np.ndarray, side: int, stride: int) -> float | None:
    """The mean share of their energy that the other units of a map have inside a unit's window.

    None if no map has two units with energy.
    """
    energy_POHW = _energy(kernels_POHWC)
    total_PO = energy_POHW.sum((2, 3))
    is_live_PO = total_PO > 0
    share_POHW = energy_POHW / np.where(is_live_PO, total_PO, 1)[..., None, None]
    others_POHW = share_POHW.sum(0) - share_POHW
    count_PO = is_live_PO * np.maximum(is_live_PO.sum(0) - 1, 0)
    return _mean_ratio(_inside(others_POHW, side, stride), count_PO)


def best_share(kernels_POHWC: np.ndarray, side: int, wraps: bool) -> float | None:
    """The mean share, in [0, 1], of units' energy inside the side x side window that has most of it.

    Units without energy are left out; None if none has any.

    Args:
      side: a window is at most as large as the input.
      wraps: whether windows reach over the edges to the other side.
    """
    energy_POHW = _energy(kernels_POHWC)
    total_PO = energy_POHW.sum((2, 3))
    side = min(side, energy_POHW.shape[2])
    if wraps:
        energy_POHW = np.pad(energy_POHW, ((0, 0), (0, 0), (0, side - 1), (0, side - 1)), mode="wrap")
    for axis in (2, 3):
        energy_POHW = np.lib.stride_tricks.sliding_window_view(energy_POHW, side, axis).sum(-1)
    return _mean_ratio(energy_POHW.max((2, 3)), total_PO)


def shuffled(kernels_POHWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The kernels with the weights of each position, those of all input maps, shuffled among a map's units.

    So weights of a position remain as large as they are on average, and those of a unit come apart. Units are
    first divided by the root of their energy; those without energy are left out, and stay so.
    """
    moved_POHWC = np.zeros_like(kernels_POHWC)
    total_PO = _energy(kernels_POHWC).sum((2, 3))
    for number, total_P in enumerate(total_PO.T):
        is_live_P = total_P > 0
        scaled_PHWC = kernels_POHWC[is_live_P, number] / np.sqrt(total_P[is_live_P])[:, None, None, None]
        order_PHW = np.broadcast_to(np.arange(len(scaled_PHWC))[:, None, None], scaled_PHWC.shape[:-1])
        order_PHW = rng.permuted(order_PHW, axis=0)
        moved_POHWC[is_live_P, number] = np.take_along_axis(scaled_PHWC, order_PHW[..., None], axis=0)
    return moved_POHWC


def slid(kernels_POHWC: np.ndarray, side: int, stride: int) -> np.ndarray:
    """The kernels of all units of a map that share one as large as the input, which wraps round."""
    [kernels_OHWC] = kernels_POHWC
    out = wiring.output_size(kernels_OHWC.shape[1], side, stride)
    return np.stack([
        np.roll(kernels_OHWC, (stride * row, stride * column), axis=(1, 2))
        for row, column in np.ndindex(out, out)
    ])  # fmt: skip


def in_other_places(kernels_POHWC: np.ndarray, window: int, rng: np.random.Generator) -> np.ndarray:
    """The kernels after the units of each map changed places, window by window of window x window units.

    Units of rows and columns that fill no window keep their places.
    """
    out = math.isqrt(len(kernels_POHWC))
    moved = kernels_POHWC.reshape(out, out, *kernels_POHWC.shape[1:]).copy()
    across = out // window
    whole = slice(0, across * window)
    for number in range(moved.shape[2]):
        of_map = moved[whole, whole, number]
        parts = of_map.reshape(across, window, across, window, *of_map.shape[2:]).swapaxes(1, 2)
        order = rng.permutation(across**2)
        parts = parts.reshape(across**2, *parts.shape[2:])[order].reshape(parts.shape)
        moved[whole, whole, number] = parts.swapaxes(1, 2).reshape(of_map.shape)
    return moved.reshape(kernels_POHWC.shape)


def relative(kernels_POHWC: np.ndarray, stride: int) -> np.ndarray:
    """Kernels as large as the input with each unit's own place first, wrapping round."""
    out = math.isqrt(len(kernels_POHWC))
    return np.stack([
        np.roll(kernels, (-stride * (unit // out), -stride * (unit % out)), axis=(1, 2))
        for unit, kernels in enumerate(kernels_POHWC)
    ])  # fmt: skip


class Correlations(NamedTuple):
    """Mean correlations of kernels over all pairs of a map's units, and of neighbours; None without pairs."""

    all_pairs: float | None
    neighbours: float | None


def correlations(kernels_POHWC: np.ndarray, is_pooled: bool = False) -> Correlations:
    """The mean correlations over maps that have such pairs; kernels whose weights are all equal have none.

    Args:
      is_pooled: whether windows of 2x2 units are pooled; then pairs within a window are left out, and units
        of an odd last row and column, which pooling does not read.
    """
    units, maps = kernels_POHWC.shape[:2]
    out = math.isqrt(units)
    read = out - out % 2 if is_pooled else out
    of_all, of_neighbours = [], []
    for number in range(maps):
        kernels_PK = kernels_POHWC[:, number].reshape(units, -1).astype(np.float64)
        kernels_PK = kernels_PK[:, np.isfinite(kernels_PK).all(0)]  # a connection table leaves maps out
        kernels_PK = kernels_PK - kernels_PK.mean(1, keepdims=True)
        norms_P1 = np.linalg.norm(kernels_PK, axis=1, keepdims=True)
        kernels_PK = np.divide(kernels_PK, norms_P1, where=norms_P1 > 0, out=np.zeros_like(kernels_PK))
        # With a 1 for each kernel that has a direction, the same sums count pairs.
        grid, counts = kernels_PK.reshape(out, out, -1), (norms_P1 > 0).reshape(out, out, 1).astype(float)
        sums = np.array([_sums_over_pairs(its[:read, :read], is_pooled) for its in (grid, counts)])
        for found, (total, count) in zip((of_all, of_neighbours), sums.T, strict=True):
            if count:
                found.append(total / count)
    return Correlations(*(float(np.mean(found)) if found else None for found in (of_all, of_neighbours)))


def _sums_over_pairs(grid: np.ndarray, is_pooled: bool) -> tuple[float, float]:
    """The sums of products over all pairs of vectors (out, out, K), each counted twice, and of neighbours."""
    pairs = np.square(grid.sum((0, 1))).sum() - np.square(grid).sum()
    right, down = (grid[:, 1:] * grid[:, :-1]).sum(-1), (grid[1:] * grid[:-1]).sum(-1)
    if is_pooled:
        half = len(grid) // 2
        windows = grid.reshape(half, 2, half, 2, -1)
        pairs -= np.square(windows.sum((1, 3))).sum() - np.square(windows).sum()
        right, down = right[:, 1::2], down[1::2]
    return pairs, right.sum() + down.sum()


def _mean_ratio(parts: np.ndarray, wholes: np.ndarray) -> float | None:
    """The mean of parts / wholes, without wholes of 0; None if all are."""
    has_any = wholes > 0
    return float((parts[has_any] / wholes[has_any]).mean()) if has_any.any() else None


def _inside(energy_POHW: np.ndarray, side: int, stride: int) -> np.ndarray:
    """(P, O): each unit's energy inside the side x side window that starts at the unit."""
    out = math.isqrt(len(energy_POHW))
    starts = [np.multiply(stride, divmod(unit, out)) for unit in range(out**2)]
    return np.stack([
        energy_OHW[:, row : row + side, column : column + side].sum((1, 2))
        for energy_OHW, (row, column) in zip(energy_POHW, starts, strict=True)
    ])  # fmt: skip


def _energy(kernels_POHWC: np.ndarray) -> np.ndarray:
    """(P, O, H, W): squared weights, added up over input maps."""
    return np.square(kernels_POHWC.astype(np.float64)).sum(-1)


def _layers(run: TrainedRun) -> list[Layer]:
    """The layers that `TrainedRun.kernels` has."""
    return list(run.model.stages) if isinstance(run.model, CNN) else [None]
