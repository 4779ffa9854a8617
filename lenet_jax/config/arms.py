"""The arms of a sweep: what each one changes, what it is compared with, and what a paper measured."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.analysis.summaries import READINGS
from lenet_jax.config.fields import SWEEP_FIELDS
from lenet_jax.config.identity import to_json
from lenet_jax.errors import UserError

ATTRIBUTES = {  # what they must be
    "overrides": "a dict of fields, such as {'model.sharing': 'unshared'}",
    "baselines": "a dict from the names of contrasts to arms",
    "paper": "a lenet_jax.Paper or None",
}
NAME = re.compile(r"[\w.+-]{1,80}")


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper's test error of one network.

    Attributes:
      error_percent: as rounded in the paper.
      images: number of test images.
      errors: number of misclassified test images; None if the paper gives only the percentage.
    """

    error_percent: float
    images: int
    errors: int | None = None


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm of a sweep.

    Attributes:
      name: at most 80 letters, digits and `_ . + -`; it labels the arm's rows.
      overrides: the fields of the sweep's config that the arm changes, {"model.sharing": "unshared"}.
      label: what the arm is, in words.
      baselines: name of a contrast -> the arm that this one is compared with there, paired by seed.
      paper: the test error that a paper reports.
      reading: which of this arm's test scores is compared with the paper's: "", that of the epoch that
        config.train.select_epoch selects; "test_selected_", the best of all epochs on the test images;
        "last_", the last epoch.
      candidates: for `experiments.tune`: name -> overrides, of which validation accuracy selects one.
      tuned_with: for `experiments.tune`: arms with the same value share one candidate, the one with the best
        mean of their validation accuracies; "" selects a candidate for this arm alone.
    """

    name: str
    overrides: Mapping[str, Any]
    label: str = ""
    baselines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    paper: Paper | None = None
    reading: str = ""
    candidates: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    tuned_with: str = ""

    def to_record(self) -> dict[str, Any]:
        """The arm as JSON types, without the attributes that only tuning reads."""
        return {
            "name": self.name,
            "overrides": to_json(self.overrides),
            "label": self.label,
            "baselines": dict(self.baselines),
            "paper": dataclasses.asdict(self.paper) if self.paper else None,
            "reading": self.reading,
        }


def check_arms(arms: object) -> list[Arm]:
    """The arms that a config file's get_arms returned. Raises UserError if they do not form a sweep."""
    if not isinstance(arms, Sequence) or not all(isinstance(arm, Arm) for arm in arms):
        raise UserError("get_arms(config) must return a list of lenet_jax.Arm.")
    if not arms:
        raise UserError("get_arms(config) of this --config returns no arms: return at least one.")
    names = [arm.name for arm in arms]
    if odd := [name for name in names if not (isinstance(name, str) and NAME.fullmatch(name))]:
        raise UserError(
            f"get_arms(config) names {odd}, but arms name rows and files: use at most 80 letters, digits and "
            "_.+-"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"get_arms(config) names {', '.join(twice)} twice: give each arm its own name.")
    for arm in arms:
        _check_arm(arm, names)
    return list(arms)


def _check_arm(arm: Arm, names: list[str]) -> None:
    for attribute, kind in (("overrides", Mapping), ("baselines", Mapping), ("paper", Paper | None)):
        if not isinstance(getattr(arm, attribute), kind):
            raise UserError(
                f"Arm {arm.name} has {attribute}={getattr(arm, attribute)!r}: give {ATTRIBUTES[attribute]}."
            )
    for contrast, baseline in arm.baselines.items():
        if baseline == arm.name:
            raise UserError(f"Arm {arm.name} is compared with itself in {contrast!r}: name another baseline.")
        if baseline not in names:
            raise UserError(
                f"Arm {arm.name} is compared with {baseline} in {contrast!r}, which get_arms(config) doesn't "
                "return: fix one of the two."
            )
    if chosen := [field for field in SWEEP_FIELDS if field in arm.overrides]:
        raise UserError(
            f"Arm {arm.name} sets {chosen[0]}, which is a field of the whole sweep: set config.{chosen[0]}."
        )
    if "seed" in arm.overrides:
        raise UserError(
            f"Arm {arm.name} sets seed, which numbers its repetitions: remove it, and set config.seed to "
            "choose the first seed."
        )
    if arm.reading not in READINGS:
        known = ", ".join(map(repr, READINGS))
        raise UserError(f"Arm {arm.name} has reading={arm.reading!r}: choose one of {known}.")
    if arm.paper:
        if not 0 <= arm.paper.error_percent <= 100:
            raise UserError(
                f"Arm {arm.name}: paper.error_percent={arm.paper.error_percent} must be in [0, 100]."
            )
        if arm.paper.images < 1 or not 0 <= (arm.paper.errors or 0) <= arm.paper.images:
            raise UserError(
                f"Arm {arm.name}: paper.errors={arm.paper.errors} must be at most "
                f"paper.images={arm.paper.images}, which must be at least 1."
            )


def select_arms(names: str, arms: Sequence[Arm]) -> list[Arm]:
    """The arms that `config.arms` names, comma-separated; all by default, in the order of `arms`.

    Raises UserError for unknown names.
    """
    known = [arm.name for arm in arms]
    selected = [name.strip() for name in names.split(",") if name.strip()] or known
    if unknown := [name for name in selected if name not in known]:
        raise UserError(f"config.arms names {', '.join(unknown)}: choose from {', '.join(known)}.")
    return [arm for arm in arms if arm.name in selected]
