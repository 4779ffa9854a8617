"""What changes from the first four corners of a dataset to its others, of the same sweep or of later ones."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lenet_jax.analysis.changes import SHOWN, Scored, arm_change, effect_change
from lenet_jax.analysis.effects import SAVED, Corners
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row, fingerprint, interval_of
from lenet_jax.report.captions import CROSSED
from lenet_jax.report.columns import Column
from lenet_jax.report.names import dataset_words
from lenet_jax.report.numbers import with_interval
from lenet_jax.report.scores import Sweep
from lenet_jax.report.words import words_of_runs

SEED = ("seed",)  # of the fields that identify a run, what its arm leaves open

HOW = f"paired by seed over those that both have, with a {CONFIDENCE:.0%} interval, {CROSSED}"
EFFECT_CAPTION = (
    "By how much the gap between the fully connected network and the convolution is larger (below 0: "
    "smaller), and by how much more each constraint saves (below 0: less), in errors per hundred test "
    f"images, {HOW}."
)
ARM_CAPTION = (
    "The same networks before and after a change: mean test errors, and how many fewer errors per hundred "
    f"test images they make after it, {HOW}."
)


class Group(NamedTuple):
    """The four corners of a group of arms, in a sweep whose answers to the test images are known."""

    sweep: Sweep
    name: str
    corners: Corners

    @property
    def scored(self) -> Scored:
        """Its sweep's scores."""
        assert self.sweep.scores.wrong is not None
        return Scored(self.sweep.scores.results, self.sweep.scores.wrong)

    @property
    def words(self) -> str:
        """What the arms have in common; the name of the folder of those that have no such words."""
        return self.name or self.sweep.directory.name

    @property
    def dataset(self) -> str:
        """Its name in words."""
        return dataset_words(self.sweep.scores.results[0]["dataset"])


def effect_rows(sweeps: Sequence[Sweep]) -> list[Row]:
    """One row per group after the first of its dataset: `networks`, `before`, columns of `effect_change`."""
    rows = []
    for before, after in _pairs(sweeps):
        row = effect_change(before.corners, after.corners, before.scored, after.scored)
        if row is not None:
            rows.append({"networks": f"{after.dataset}, {after.words}", "before": before.words, **row})
    return rows


def arm_rows(sweeps: Sequence[Sweep]) -> list[Row]:
    """One row per corner of such a group, and per other arm that a later sweep trains differently.

    Has `dataset`, `words` (of the arm before), `change` (to what), and the columns of `arm_change`. An arm is
    trained differently if it has the same name in both sweeps and differs in more than its seeds.
    """
    rows = []
    for before, after in _pairs(sweeps):
        arms = dict(zip(after.corners, before.corners, strict=True))
        of_first, of_second = before.sweep.scores.identifying, after.sweep.scores.identifying
        if before.sweep is not after.sweep:
            in_groups = {arm for corners in after.sweep.scores.corners.values() for arm in corners}
            arms |= {arm: arm for arm in of_second if arm in of_first and arm not in in_groups}
        words = words_of_runs(before.sweep.header, before.sweep.runs)
        for arm, first in arms.items():
            if fingerprint(of_first[first], SEED) == fingerprint(of_second[arm], SEED):
                continue
            row = arm_change(first, arm, before.scored, after.scored)
            if row is not None:
                rows.append({"dataset": after.dataset, "words": words[first], "change": after.words, **row})
    return rows


EFFECT_COLUMNS = [
    Column("networks", "networks", lambda row, name: row[name]),
    Column("before", "compared with", lambda row, name: row[name], "compared with {}"),
    *(
        Column(name, name, lambda row, name: with_interval(interval_of(row, name), ".2f", "+"))
        for name in SHOWN
    ),
    Column("seeds", "seeds", lambda row, name: row[name], "{} seeds"),
]
ARM_COLUMNS = [
    Column("dataset", "dataset", lambda row, name: row[name], "on {}"),
    Column("words", "network", lambda row, name: row[name]),
    Column("change", "change to", lambda row, name: row[name]),
    *(
        Column(f"error_percent_{side}", f"test error {side} (%)", lambda row, name: f"{row[name]:.2f}")
        for side in ("before", "after")
    ),
    Column(SAVED, "fewer errors per hundred", lambda row, name: with_interval(interval_of(row, name), ".2f")),
    Column("seeds", "seeds", lambda row, name: row[name], "{} seeds"),
]


def _pairs(sweeps: Sequence[Sweep]) -> Iterator[tuple[Group, Group]]:
    """The first group of each dataset with each later one."""
    firsts: dict[str, Group] = {}
    for sweep in sweeps:
        if sweep.scores.wrong is None:
            continue
        for name, corners in sweep.scores.corners.items():
            group = Group(sweep, name, corners)
            first = firsts.setdefault(group.dataset, group)
            if first is not group:
                yield first, group
