"""Where units have their weights, and how alike the kernels of a map's units are.

The energy of a weight is its square, added up over input maps. A unit's own field is the one that the
convolution's unit at the same place of the map reads, k x k positions for `kernel_size` k. A unit that reads
the whole input and whose weights do not depend on the position has k^2 / size^2 of its energy there, which is
what chance gives.
"""

import abc
import dataclasses
import math
from collections.abc import Iterator
from typing import ClassVar

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

    def lacks(self, run: TrainedRun) -> str:
        return "" if any(map(self.reads, _layers(run))) else self.absent

    def measure(self, run: TrainedRun, images: Images) -> list[Value]:
        before, after = run.untrained().kernels(), run.kernels()
        values = []
        for name, layer in zip(after, _layers(run), strict=True):
            if self.reads(layer):
                of_weights = {
                    UNTRAINED: before[name],
                    TRAINED: after[name],
                    CHANGE: after[name] - before[name],
                }
                for weights, kernels_POHWC in of_weights.items():
                    numbers = self.numbers(name, kernels_POHWC, layer)
                    values += [Value(weights, at, value) for at, value in numbers]
                chance = self.chance(name, after[name], layer)
                values += [Value(CHANCE, at, value) for at, value in chance]
        return values

    @abc.abstractmethod
    def reads(self, layer: Layer) -> bool:
        """Whether the probe has a number for a layer."""

    @abc.abstractmethod
    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        """What `Value.at` and `.value` are, for the kernels of a layer; see `TrainedRun.kernels`."""

    def chance(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
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
            "reads, averaged over units. Chance: the share of these positions. The change is what training "
            "adds to the weights.",
        )

    def reads(self, layer: Layer) -> bool:
        return layer is not None and layer.connectivity == "full"

    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        assert layer is not None
        yield name, own_share(kernels_POHWC, layer.kernel_size, layer.stride)

    def chance(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        assert layer is not None
        _, _, height, width, _ = kernels_POHWC.shape
        yield name, layer.kernel_size**2 / (height * width)


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
            "has most of them, averaged over units. Chance: the same for each trained unit's weights at "
            "shuffled positions, as few weights other than 0 are in a window more easily. The change is what "
            "training adds to the weights.",
        )

    def reads(self, layer: Layer) -> bool:
        return layer is None or layer.connectivity == "full"

    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        is_slid = layer is not None and layer.sharing != "unshared"
        yield name, best_share(kernels_POHWC, self.side, wraps=is_slid)

    def chance(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        yield from self.numbers(name, shuffled(kernels_POHWC, np.random.default_rng(0)), layer)


@dataclasses.dataclass(frozen=True)
class Similarity(OfWeights):
    """The correlation of kernels between the positions of a map, for stages that need not share them.

    A weight is compared with those at the same place relative to the units; where units read the whole
    input, places wrap round, as a shared kernel of the whole input does.
    """

    absent = "it has no stage without shared kernels whose units read alike"

    @property
    def name(self) -> str:
        return "similarity"

    @property
    def about(self) -> About:
        return About(
            page="weights",
            title="Correlation of kernels between positions",
            unit="correlation",
            of="layer",
            notes="Correlation of the weights of two units of a map at the same places relative to the "
            "units, averaged over pairs of units and over maps: all pairs, and pairs of neighbours. Shared "
            "kernels would have 1, independent ones 0. The change is what training adds to the weights.",
            decimals=3,
            bounds=(-1.0, 1.0),
        )

    def reads(self, layer: Layer) -> bool:
        is_drawn = layer is not None and wiring.CONNECTIVITY[layer.connectivity].is_drawn
        return layer is not None and layer.sharing != "shared" and not is_drawn

    def numbers(self, name: str, kernels_POHWC: np.ndarray, layer: Layer) -> Iterator[tuple[At, float]]:
        assert layer is not None
        if layer.connectivity == "full":
            kernels_POHWC = relative(kernels_POHWC, layer.stride)
        if len(kernels_POHWC) == 1:  # a single unit, which has no pairs
            return
        of_all, of_neighbours = correlations(kernels_POHWC)
        yield f"{name}, all pairs", of_all
        yield f"{name}, neighbours", of_neighbours


def _about(title: str, notes: str) -> About:
    return About("weights", title, "share of the energy (%)", "layer", notes, scale=100.0, decimals=1)


def own_share(kernels_POHWC: np.ndarray, side: int, stride: int) -> float:
    """The mean share, in [0, 1], of units' energy inside the side x side window that starts at each unit.

    Units without energy are left out; 0 if none has any.
    """
    energy_POHW = _energy(kernels_POHWC)
    out = math.isqrt(len(energy_POHW))
    inside_PO = [
        energy_OHW[:, row : row + side, column : column + side].sum((1, 2))
        for energy_OHW, (row, column) in zip(
            energy_POHW, (np.multiply(stride, divmod(unit, out)) for unit in range(out**2)), strict=True
        )
    ]
    return _mean_ratio(np.stack(inside_PO), energy_POHW.sum((2, 3)))


def best_share(kernels_POHWC: np.ndarray, side: int, wraps: bool) -> float:
    """The mean share, in [0, 1], of units' energy inside the side x side window that has most of it.

    Units without energy are left out; 0 if none has any.

    Args:
      wraps: whether windows reach over the edges to the other side.
    """
    energy_POHW = _energy(kernels_POHWC)
    total_PO = energy_POHW.sum((2, 3))
    if wraps:
        energy_POHW = np.pad(energy_POHW, ((0, 0), (0, 0), (0, side - 1), (0, side - 1)), mode="wrap")
    for axis in (2, 3):
        energy_POHW = np.lib.stride_tricks.sliding_window_view(energy_POHW, side, axis).sum(-1)
    return _mean_ratio(energy_POHW.max((2, 3)), total_PO)


def shuffled(kernels_POHWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The kernels with the positions of each unit in an order of its own, alike for all input maps."""
    units, maps, height, width, channels = kernels_POHWC.shape
    order_PON = rng.permuted(
        np.broadcast_to(np.arange(height * width), (units, maps, height * width)), axis=2
    )
    weights_PONC = kernels_POHWC.reshape(units, maps, -1, channels)
    return np.take_along_axis(weights_PONC, order_PON[..., None], axis=2).reshape(kernels_POHWC.shape)


def relative(kernels_POHWC: np.ndarray, stride: int) -> np.ndarray:
    """Kernels as large as the input with each unit's own place first, wrapping round."""
    out = math.isqrt(len(kernels_POHWC))
    return np.stack([
        np.roll(kernels, (-stride * (unit // out), -stride * (unit % out)), axis=(1, 2))
        for unit, kernels in enumerate(kernels_POHWC)
    ])  # fmt: skip


def correlations(kernels_POHWC: np.ndarray) -> tuple[float, float]:
    """The mean correlation of kernels over all pairs of a map's P > 1 units, and over pairs of neighbours.

    It is 0 for kernels whose weights are all equal.
    """
    units, maps = kernels_POHWC.shape[:2]
    out = math.isqrt(units)
    of_all, of_neighbours = [], []
    for number in range(maps):
        kernels_PK = kernels_POHWC[:, number].reshape(units, -1).astype(np.float64)
        kernels_PK = kernels_PK[:, np.isfinite(kernels_PK).all(0)]  # a connection table leaves maps out
        kernels_PK = kernels_PK - kernels_PK.mean(1, keepdims=True)
        norms_P1 = np.linalg.norm(kernels_PK, axis=1, keepdims=True)
        kernels_PK = np.divide(kernels_PK, norms_P1, where=norms_P1 > 0, out=np.zeros_like(kernels_PK))
        # The sum over pairs, each counted twice: the square of the sum without the squares.
        pairs = np.square(kernels_PK.sum(0)).sum() - np.square(kernels_PK).sum()
        of_all.append(pairs / (units * (units - 1)))
        grid = kernels_PK.reshape(out, out, -1)
        right, down = (grid[:, 1:] * grid[:, :-1]).sum(-1), (grid[1:] * grid[:-1]).sum(-1)
        of_neighbours.append((right.mean() + down.mean()) / 2)
    return float(np.mean(of_all)), float(np.mean(of_neighbours))


def _mean_ratio(parts: np.ndarray, wholes: np.ndarray) -> float:
    """The mean of parts / wholes, without wholes of 0; 0 if all are."""
    has_any = wholes > 0
    return float((parts[has_any] / wholes[has_any]).mean()) if has_any.any() else 0.0


def _energy(kernels_POHWC: np.ndarray) -> np.ndarray:
    """(P, O, H, W): squared weights, added up over input maps."""
    return np.square(kernels_POHWC.astype(np.float64)).sum(-1)


def _layers(run: TrainedRun) -> list[Layer]:
    """The layers that `TrainedRun.kernels` has."""
    return list(run.model.stages) if isinstance(run.model, CNN) else [None]
