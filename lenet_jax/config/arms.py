"""The arms of a sweep: what each one changes, what it is compared with, and what a paper measured."""

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.analysis.summaries import READINGS
from lenet_jax.config.fields import FIELDS, SWEEP_FIELDS
from lenet_jax.config.identity import to_json
from lenet_jax.config.value_types import shown, type_fault
from lenet_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Paper:
    """What a paper reports of one network.

    Attributes:
      error_percent: its test error, as rounded in the paper.
      images: number of test images.
      errors: number of misclassified test images; None if the paper gives only the percentage.
      train_error_percent: its error on the training images; None if the paper does not give it.
      train_loss: its loss on the training images, in the unit of ours; None if the paper does not give it.
      test_loss: the same on the test images.
    """

    error_percent: float
    images: int
    errors: int | None = None
    train_error_percent: float | None = None
    train_loss: float | None = None
    test_loss: float | None = None


ATTRIBUTES: Mapping[str, tuple[Any, str]] = {  # their types, and how a message names these
    "overrides": (Mapping, "a dict of fields, such as {'model.sharing': 'unshared'}"),
    "label": (str, "text"),
    "baselines": (Mapping, "a dict from the names of contrasts to arms"),
    "paper": (Paper | None, "a lenet_jax.Paper or None"),
    "reading": (str, "text"),
    "candidates": (Mapping, "a dict from names to overrides"),
    "first": (Sequence, "a list of names of candidates"),
    "tuned_with": (str, "text"),
    "fit": (int | float, "a training accuracy in [0, 1], or 0"),
    "group": (str, "text"),
    "factors": (Mapping, "a dict from the names of two factors to the arm's levels, or {}"),
}
NAME = re.compile(r"\w[\w.+-]{,79}")
NAME_BYTES = 200  # in UTF-8; names of files have at most 255, with the seed and an ending


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm of a sweep.

    Attributes:
      name: at most 80 letters, digits and `_ . + -`, the first a letter, a digit or `_`; it labels the arm's
        rows and files.
      overrides: the fields of the sweep's config that the arm changes, {"model.sharing": "unshared"}.
      label: what the arm is, in words.
      baselines: name of a contrast -> the arm that this one is compared with there, paired by seed.
      paper: the test error that a paper reports.
      reading: which of this arm's test scores is compared with the paper's: "", that of the epoch that
        config.train.select_epoch selects; "test_selected_", the best of all epochs on the test images;
        "last_", the last epoch.
      candidates: for `experiments.tune`: name -> overrides, of which validation accuracy selects one, or
        training accuracy if `fit` is set.
      first: for `experiments.tune`: names of consecutive candidates that are trained first; others are only
        trained while the best so far has a neighbour, in the order of `candidates`, that was not. (): all are
        trained.
      tuned_with: for `experiments.tune`: arms with the same value share one candidate, the one with the best
        mean of their validation accuracies; "" selects a candidate for this arm alone.
      fit: for `experiments.tune`: a training accuracy in [0, 1]: the first candidate whose mean training
        accuracy reaches it is selected, or the last if none does, and those after it are not trained; 0: the
        candidate with the best validation accuracy.
      group: with which other arms it is comparable, in words, such as "max pooling". Effects are computed for
        the four corners of each group, whatever else they differ in; those of arms without a group must be
        equal in everything but their wiring.
      factors: the arm's level of each of two factors, in words, such as {"kernel": "5x5", "units that share
        a kernel": "all units"}; arms with the same two are shown as a plane, with a level of
        the first in each row.
    """

    name: str
    overrides: Mapping[str, Any]
    label: str = ""
    baselines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    paper: Paper | None = None
    reading: str = ""
    candidates: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    first: Sequence[str] = ()
    tuned_with: str = ""
    fit: float = 0.0
    group: str = ""
    factors: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """The arm as JSON types, without the attributes that only tuning reads."""
        return {
            "name": self.name,
            "overrides": to_json(self.overrides),
            "label": self.label,
            "baselines": dict(self.baselines),
            "paper": dataclasses.asdict(self.paper) if self.paper else None,
            "reading": self.reading,
            "group": self.group,
            "factors": [list(pair) for pair in self.factors.items()],  # in their order
        }


@dataclasses.dataclass(frozen=True)
class PlannedContrast:
    """A contrast of a sweep that is planned before test scores are known; see `lenet_jax.analysis.planned`.

    Attributes:
      name: what it isolates, in words.
      weights: arm -> its weight in a sum of test accuracies that is positive if errors are saved. They add up
        to 0: {"local_shared": 1, "full_shared": -1}.
      margin: in errors per hundred; a difference of less is called equivalent, if a test says so. 0: no such
        test.
      seeds: how many seeds are planned; before they are recorded there is no verdict. 0: any number.
    """

    name: str
    weights: Mapping[str, float]
    margin: float = 0.0
    seeds: int = 0

    def to_record(self) -> dict[str, Any]:
        """The contrast as JSON types."""
        return {
            "name": self.name,
            "weights": dict(self.weights),
            "margin": self.margin,
            "seeds": self.seeds,
        }


def check_arms(arms: object) -> list[Arm]:
    """The arms that a config file's get_arms returned. Raises UserError if they do not form a sweep."""
    if not isinstance(arms, Sequence) or not all(isinstance(arm, Arm) for arm in arms):
        raise UserError("get_arms(config) must return a list of lenet_jax.Arm.")
    if not arms:
        raise UserError("get_arms(config) of this --config returns no arms: return at least one.")
    if odd := [arm.name for arm in arms if not _is_name(arm.name)]:
        raise UserError(
            f"get_arms(config) names {shown(odd)}, but arms name rows and files: use at most 80 letters, "
            f"digits and _.+- ({NAME_BYTES} bytes), the first a letter, a digit or _."
        )
    names: dict[str, str] = {}
    for arm in arms:
        if other := names.get(arm.name.casefold()):
            twice = f"{other} twice" if other == arm.name else f"both {other} and {arm.name}"
            raise UserError(
                f"get_arms(config) names {twice}: give each arm its own name, in upper and lower case."
            )
        names[arm.name.casefold()] = arm.name
    _check_planes(arms)
    for arm in arms:
        try:
            _check_arm(arm, list(names.values()))
        except UserError as error:
            raise UserError(f"Arm {arm.name} {error}") from error
    return list(map(_plain, arms))


def check_planned(planned: object, arms: Sequence[Arm]) -> list[PlannedContrast]:
    """The contrasts that a config file's get_planned_contrasts returned.

    Raises UserError unless they are contrasts of these arms, each with its own name.
    """
    whose = "get_planned_contrasts(config)"
    if not isinstance(planned, Sequence) or not all(isinstance(one, PlannedContrast) for one in planned):
        raise UserError(f"{whose} must return a list of lenet_jax.PlannedContrast.")
    known = {arm.name for arm in arms}
    for contrast in planned:
        name, weights = contrast.name, contrast.weights
        if not (isinstance(name, str) and name.strip() and name.isprintable()):
            raise UserError(f"{whose} names a contrast {shown(name)}: give one line of printable text.")
        if [one.name for one in planned].count(name) > 1:
            raise UserError(f"{whose} names {name!r} twice: give each contrast its own name.")
        if not (_is_number(contrast.seeds, int) and contrast.seeds >= 0):
            raise UserError(
                f"Planned contrast {name!r} has seeds={shown(contrast.seeds)}, which must be a number of "
                "seeds, or 0."
            )
        is_sum = isinstance(weights, Mapping) and all(
            _is_number(weight, (int, float)) for weight in weights.values()
        )
        if not (is_sum and any(weights.values()) and math.isclose(sum(weights.values()), 0, abs_tol=1e-9)):
            raise UserError(
                f"Planned contrast {name!r} has weights={shown(weights)}: give arms numbers that add up to "
                "0, not all of them 0."
            )
        if unknown := [str(arm) for arm in weights if arm not in known]:
            raise UserError(
                f"Planned contrast {name!r} has the arm {unknown[0]}, which get_arms(config) doesn't return: "
                "fix one of the two."
            )
        if not (_is_number(contrast.margin, (int, float)) and 0 <= contrast.margin <= 100):
            raise UserError(
                f"Planned contrast {name!r} has margin={shown(contrast.margin)}, which must be a number of "
                "errors per hundred, or 0."
            )
    return [PlannedContrast(one.name, dict(one.weights), float(one.margin), one.seeds) for one in planned]


def _check_planes(arms: Sequence[Arm]) -> None:
    """Raises UserError if two arms have the same place in a plane, or name its factors in another order."""
    found: dict[tuple, str] = {}
    orders: dict[frozenset, list] = {}
    for arm in arms:
        if not isinstance(arm.factors, Mapping) or not arm.factors:
            continue  # what else is wrong is found later
        order = list(map(str, arm.factors))
        if orders.setdefault(frozenset(order), order) != order:
            raise UserError(
                f"Arm {arm.name} names its factors in another order than other arms: {shown(order)}."
            )
        place = tuple(map(str, arm.factors.items()))
        if other := found.get(place):
            raise UserError(f"Arms {other} and {arm.name} have the same factors: give each its own levels.")
        found[place] = arm.name


def _plain(arm: Arm) -> Arm:
    """The arm of exactly this class, with plain dicts, which other processes can be sent."""
    return Arm(
        name=arm.name,
        overrides=dict(arm.overrides),
        label=arm.label,
        baselines=dict(arm.baselines),
        paper=arm.paper and Paper(**dataclasses.asdict(arm.paper)),
        reading=arm.reading,
        candidates={name: dict(overrides) for name, overrides in arm.candidates.items()},
        first=tuple(arm.first),
        tuned_with=arm.tuned_with,
        fit=float(arm.fit),
        group=arm.group,
        factors=dict(arm.factors),
    )


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(NAME.fullmatch(name)) and len(name.encode()) <= NAME_BYTES


def _check_arm(arm: Arm, names: Sequence[str]) -> None:
    """Raises UserError with the rest of a sentence that begins with the arm's name."""
    for attribute, (kind, words) in ATTRIBUTES.items():
        if not isinstance(value := getattr(arm, attribute), kind):
            raise UserError(f"has {attribute}={shown(value)}: give {words}.")
    for attribute in ("label", "tuned_with", "group"):
        if not (text := getattr(arm, attribute)).isprintable():
            raise UserError(f"has {attribute}={shown(text)}: tables need one line of printable text.")
    words = [*arm.factors, *arm.factors.values()]
    if len(arm.factors) not in (0, 2) or not all(
        isinstance(w, str) and w.strip() and w.isprintable() for w in words
    ):
        raise UserError(f"has factors={shown(dict(arm.factors))}: give {ATTRIBUTES['factors'][1]}.")
    if not (_is_number(arm.fit, (int, float)) and 0 <= arm.fit <= 1):
        raise UserError(f"has fit={shown(arm.fit)}: give {ATTRIBUTES['fit'][1]}.")
    if arm.fit and arm.tuned_with:
        raise UserError(
            f"has fit={arm.fit:g} and tuned_with={arm.tuned_with!r}, but arms share a candidate by their "
            "validation accuracies: remove one of the two."
        )
    _check_overrides(arm.overrides)
    _check_baselines(arm, names)
    for name, overrides in arm.candidates.items():
        if not _is_name(name):
            raise UserError(f"has a candidate named {shown(name)}: name candidates as arms are named.")
        if not isinstance(overrides, Mapping):
            raise UserError(f"has {shown(overrides)} as candidate {name}: give {ATTRIBUTES['overrides'][1]}.")
        _check_overrides(overrides)
    _check_first(arm)
    if arm.reading not in READINGS:
        known = ", ".join(map(repr, READINGS))
        raise UserError(f"has reading={arm.reading!r}: choose one of {known}.")
    if arm.paper:
        _check_paper(arm.paper)


def _check_first(arm: Arm) -> None:
    """Raises UserError unless `first` is (), or consecutive candidates of an arm without fit."""
    if not arm.first:
        return
    first, names = list(arm.first), list(arm.candidates)
    if isinstance(arm.first, str) or first not in [
        names[start : start + len(first)] for start in range(len(names))
    ]:
        raise UserError(f"has first={shown(arm.first)}: name consecutive candidates, in their order.")
    if arm.fit:
        raise UserError(
            f"has fit={arm.fit:g} and first={shown(arm.first)}, but with fit, candidates are trained one "
            "after the other: remove one of the two."
        )


def _check_overrides(overrides: Mapping[Any, Any]) -> None:
    for field, value in overrides.items():
        if field in SWEEP_FIELDS:
            raise UserError(f"sets {field}, which is a field of the whole sweep: set config.{field}.")
        if field == "seed":
            raise UserError(
                "sets seed, which numbers its repetitions: remove it, and set config.seed to choose the "
                "first seed."
            )
        if field not in FIELDS:
            raise UserError(f"overrides {shown(field)}, which is not a field: {_nearest(field)}")
        if fault := type_fault(field, value, FIELDS[field].default):
            raise UserError(f"overrides a field that doesn't fit: {fault}")


def _nearest(field: object) -> str:
    """How a sentence about an unknown field ends."""
    if any(isinstance(field, str) and known.startswith(f"{field}.") for known in FIELDS):
        return "name each field with its group, such as {'model.sharing': 'unshared'}."
    near = difflib.get_close_matches(field, FIELDS, n=3, cutoff=0.5) if isinstance(field, str) else []
    return f"perhaps {', '.join(near)}?" if near else "experiments.train --help lists all fields."


def _check_baselines(arm: Arm, names: Sequence[str]) -> None:
    for contrast, baseline in arm.baselines.items():
        if not (isinstance(contrast, str) and contrast.strip() and contrast.isprintable()):
            raise UserError(f"has a contrast named {shown(contrast)}: give one line of printable text.")
        if not isinstance(baseline, str) or baseline not in names:
            raise UserError(
                f"is compared with {shown(baseline) if not isinstance(baseline, str) else baseline} in "
                f"{contrast!r}, which get_arms(config) doesn't return: fix one of the two."
            )
        if baseline == arm.name:
            raise UserError(f"is compared with itself in {contrast!r}: name another baseline.")


def _check_paper(paper: Paper) -> None:
    error, images, errors = paper.error_percent, paper.images, paper.errors
    if not (_is_number(error, (int, float)) and 0 <= error <= 100):
        raise UserError(f"has paper.error_percent={shown(error)}, which must be a number in [0, 100].")
    train_error = paper.train_error_percent
    if train_error is not None and not (_is_number(train_error, (int, float)) and 0 <= train_error <= 100):
        raise UserError(
            f"has paper.train_error_percent={shown(train_error)}, which must be None or a number in [0, 100]."
        )
    for attribute in ("train_loss", "test_loss"):
        loss = getattr(paper, attribute)
        if loss is not None and not (_is_number(loss, (int, float)) and math.isfinite(loss)):
            raise UserError(f"has paper.{attribute}={shown(loss)}, which must be None or a finite number.")
    if not (_is_number(images, int) and images >= 1):
        raise UserError(f"has paper.images={shown(images)}, which must be a whole number of at least 1.")
    if errors is not None and not (_is_number(errors, int) and 0 <= errors <= images):
        raise UserError(
            f"has paper.errors={shown(errors)}, which must be None or a whole number from 0 to "
            f"paper.images={images}."
        )


def _is_number(value: object, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def select_arms(names: str, arms: Sequence[Arm]) -> list[Arm]:
    """The arms that `config.arms` names, comma-separated; all by default, in the order of `arms`.

    Raises UserError for unknown names.
    """
    known = [arm.name for arm in arms]
    selected = [name.strip() for name in names.split(",") if name.strip()] or known
    if unknown := [name for name in selected if name not in known]:
        raise UserError(f"config.arms names {', '.join(unknown)}: choose from {', '.join(known)}.")
    return [arm for arm in arms if arm.name in selected]
