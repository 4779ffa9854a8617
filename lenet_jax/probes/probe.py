"""What a probe is, and the numbers that it gives."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lenet_jax.config.identity import to_json
from lenet_jax.probes.images import Images
from lenet_jax.runs.trained import TrainedRun

# The weights that a number is of: after training, before, and what training adds to them.
TRAINED, UNTRAINED, CHANGE = "trained", "untrained", "change"
# The same -> what chance gives for them.
CHANCE = {weights: f"{weights}, by chance" for weights in (TRAINED, CHANGE)}

At = str | float


class Value(NamedTuple):
    """One number of a network.

    Attributes:
      weights: TRAINED, UNTRAINED, CHANGE or one of the values of CHANCE.
      at: for which setting, such as a number of pixels or the name of a layer.
      value: times `About.scale`, it is in `About.unit`: errors are fractions.
      is_wrong: (N,) bool, which of the test images are answered wrongly, if `value` is their share and all
        runs have the same test images; else None.
    """

    weights: str
    at: At
    value: float
    is_wrong: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class About:
    """How a probe's numbers are shown.

    Attributes:
      page: which probes share a file of tables and a figure.
      title: what is measured, in words.
      unit: of values, for axes and headings.
      of: what `Value.at` is, for axes and headings.
      notes: how it is measured, a few sentences for the table.
      scale: from values to `unit`.
      decimals: of values in tables, in `unit`.
      bounds: least and largest value.
      is_logarithmic: whether values are drawn on a logarithmic axis.
    """

    page: str
    title: str
    unit: str
    of: str
    notes: str
    scale: float = 1.0
    decimals: int = 2
    bounds: tuple[float, float] = (0.0, 1.0)
    is_logarithmic: bool = False


@dataclasses.dataclass(frozen=True)
class Probe(abc.ABC):
    """A measurement of a network. A subclass's fields are its settings, which are recorded."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Of its records and rows; two probes of a config file have different ones."""

    @property
    @abc.abstractmethod
    def about(self) -> About: ...

    @abc.abstractmethod
    def lacks(self, run: TrainedRun) -> str:
        """Why the probe cannot measure a run of this config, as a clause; "" if it can."""

    @abc.abstractmethod
    def measure(self, run: TrainedRun, images: Images) -> Sequence[Value]:
        """The numbers of a run that lacks nothing. Raises UserError if its network or images are missing."""

    @property
    def settings(self) -> dict[str, Any]:
        """The fields as JSON returns them."""
        return to_json(dataclasses.asdict(self))
