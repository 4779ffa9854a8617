"""What changes from the first four corners of a dataset to its others, of the same sweep or of later ones."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lenet_jax.analysis.changes import Scored, arm_change, effect_change
from lenet_jax.analysis.effects import SAVED, SHOWN, Corners
from lenet_jax.analysis.summaries import Row, interval_of
from lenet_jax.report.columns import Column
from lenet_jax.report.names import dataset_words
from lenet_jax.report.numbers import intervals_in_words, uncorrected, with_interval
from lenet_jax.report.scores import Sweep
from lenet_jax.report.words import words_of_runs


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
    def is_first(self) -> bool:
        """Whether it is the first group of its sweep."""
        return self.name == next(iter(self.sweep.scores.corners))

    @property
    def test_images(self) -> tuple | None:
        """What tells its test images from others of its dataset; None if answers to them are not known."""
        return self.sweep.scores.test_images_of(self.corners.local_shared)

    @property
    def others(self) -> list[str]:
        """The arms of its sweep that are in no group of corners."""
        scores = self.sweep.scores
        corners = {arm for arms in scores.corners.values() for arm in arms}
        return [arm for arm in scores.identifying if arm not in corners]

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
        if before.sweep is not after.sweep and after.is_first:
            known = before.sweep.scores.identifying.keys() - set(before.corners)
            arms |= {arm: arm for arm in after.others if arm in known}
        words = words_of_runs(before.sweep.header, before.sweep.runs)
        for arm, first in arms.items():
            if before.sweep.scores.training_of(first) == after.sweep.scores.training_of(arm):
                continue
            row = arm_change(first, arm, before.scored, after.scored)
            if row is not None:
                rows.append({"dataset": after.dataset, "words": words[first], "change": after.words, **row})
    return rows


def effect_caption(rows: Sequence[Row]) -> str:
    """Of the table of effects, in Markdown."""
    return (
        "By how much the gap between the fully connected network and the convolution is larger (below 0: "
        "smaller), and by how much more each constraint saves (below 0: less), in errors per hundred test "
        f"images, {_how(rows)}."
    )


def arm_caption(rows: Sequence[Row]) -> str:
    """Of the table of arms, in Markdown."""
    return (
        "The same networks before and after a change: mean test errors, and how many fewer errors per "
        f"hundred test images they make after it, {_how(rows)}."
    )


def _how(rows: Sequence[Row]) -> str:
    seeds = {row["seeds"] for row in rows}
    found = uncorrected(intervals_in_words(seeds, covers_images=True), seeds)
    return f"paired by seed over those that both have; {found}"


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
    """The first group of each dataset with each later one, if both know their answers to the same images."""
    firsts: dict[str, Group] = {}
    for sweep in sweeps:
        for name, corners in sweep.scores.corners.items():
            group = Group(sweep, name, corners)
            first = firsts.setdefault(group.dataset, group)
            if first is not group and first.test_images == group.test_images is not None:
                yield first, group
