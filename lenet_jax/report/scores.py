"""What the runs of a folder scored, as the analysis takes it."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lenet_jax.analysis.crossed import Wrong
from lenet_jax.analysis.effects import Corners, find_corners
from lenet_jax.analysis.summaries import fingerprint
from lenet_jax.config.identity import identifying
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.mistakes import wrong_answers
from lenet_jax.runs.store import read_sweep

# Fields that decide which images of a dataset are test images.
OF_TEST_IMAGES = ("data.draw", "data.positions", "data.move", "data.seed")


class Scores(NamedTuple):
    """The scores of a folder's runs.

    Attributes:
      results: rows of results.csv.
      fields: arm -> its flattened config.
      identifying: the same, without the fields that do not identify runs.
      wrong: the wrong answers to the test images; None if some are not known, or runs have different images.
      corners: the four corners of each group of arms that has them.
    """

    results: list[dict[str, Any]]
    fields: dict[str, Mapping[str, Any]]
    identifying: Mapping[str, Mapping[str, Any]]
    wrong: Wrong | None
    corners: dict[str, Corners]

    def training_of(self, arm: str) -> str:
        """Equal for arms that are trained alike, whatever their seeds, also in another folder."""
        return fingerprint(self.identifying[arm], ("seed",))

    def test_images_of(self, arm: str) -> tuple | None:
        """What tells an arm's test images from others of its dataset; None if its answers are not known."""
        fields = self.identifying[arm]
        return self.wrong and (self.wrong.count, *(repr(fields.get(field)) for field in OF_TEST_IMAGES))

    @property
    def draws_images(self) -> bool:
        """Whether each run draws its own images, so that intervals over seeds cover their draw."""
        return all(fields["data.draw"] for fields in self.fields.values())

    @property
    def covers_images(self) -> bool:
        """Whether intervals cover the draw of the test images, with crossed effects."""
        return self.wrong is not None

    @property
    def covers_draw(self) -> bool:
        """Whether intervals cover that draw in one way or the other."""
        return self.covers_images or self.draws_images


def scores_of(directory: pathlib.Path, header: Header, runs: Sequence[Record]) -> Scores:
    """The scores of the runs that `lenet_jax.runs.store.read_sweep` found in a folder."""
    fields = {run["arm"]: run["config"] for run in runs}
    of_identity = {arm: identifying(config) for arm, config in fields.items()}
    groups = {arm["name"]: arm.get("group", "") for arm in header["arms"]}
    return Scores(
        [run["result"] for run in runs],
        fields,
        of_identity,
        wrong_answers(directory, [run for run in runs if run["result"]["test_accuracy"] is not None]),
        find_corners(of_identity, groups),
    )


class Sweep(NamedTuple):
    """What a folder records: its header, its runs and their scores."""

    directory: pathlib.Path
    header: Header
    runs: Sequence[Record]
    scores: Scores


def read_scores(directory: pathlib.Path) -> Sweep:
    """A folder's records and scores. Raises UserError as `lenet_jax.runs.store.read_sweep`."""
    header, runs = read_sweep(directory)
    return Sweep(directory, header, runs, scores_of(directory, header, runs))
