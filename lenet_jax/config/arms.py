"""The arms of a sweep: what each one changes, what it is compared with, and what a paper measured."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lenet_jax.errors import UserError

NAME = re.compile(r"[\w.+-]{1,80}")
READINGS = ("", "test_selected_", "last_")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper's test error of one network.

    Attributes:
      error_percent: as the paper rounds it.
      images: how many test images it had.
      errors: how many of them it counts as wrong; None where it gives the percentage alone.
    """

    error_percent: float
    images: int
    errors: int | None = None


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm of a sweep.

    Attributes:
      name: of letters, digits and `_ . + -`; it names rows.
      overrides: the fields in which the arm departs from the sweep's config, {"model.sharing": "unshared"}.
      label: what the arm is, in words.
      baselines: name of a contrast -> the arm that this one is compared with there, paired by seed.
      paper: what a paper measured.
      reading: which of this arm's test scores is compared with the paper's: "", of the epoch that
        config.train.select_epoch selects; "test_selected_", the best of all epochs on the test images;
        "last_", the last epoch.
      candidates: for `experiments.tune`: name -> overrides, of which validation accuracy selects one.
      tuned_with: for `experiments.tune`: arms of the same name here share one candidate, the best for the
        mean of their validation accuracies; "" selects one for this arm alone.
    """

    name: str
    overrides: Mapping[str, Any]
    label: str = ""
    baselines: Mapping[str, str] = _NOTHING
    paper: Paper | None = None
    reading: str = ""
    candidates: Mapping[str, Mapping[str, Any]] = _NOTHING
    tuned_with: str = ""
