"""Groups of corners with an image-sized kernel that is padded: what an answer owes to its wrapping round."""

from collections.abc import Iterator, Sequence

from lenet_jax.analysis.crossed import Wrong, common_seeds
from lenet_jax.analysis.effects import Corners
from lenet_jax.analysis.summaries import accuracies_of
from lenet_jax.report.scores import Scores, Sweep

# Fields in which the kernel that is padded may differ from the one that it replaces.
OF_EDGES = frozenset(("model.edges", "model.pad_value", "train.learning_rate", "seed"))


def with_replaced_corners(sweeps: Sequence[Sweep]) -> list[Sweep]:
    """The sweeps, each followed by those made of an earlier one and one of its arms.

    An image-sized kernel that is padded instead of wrapping round, but in no group of corners, replaces the
    corner in the first group of its dataset that differs in nothing else. An earlier sweep has this group and
    scores the same test images with some of the same seeds. A sweep without corners of its own is left out if
    it replaces one.
    """
    found: list[Sweep] = []
    firsts: dict[str, tuple[Sweep, str]] = {}
    for sweep in sweeps:
        dataset = sweep.scores.results[0]["dataset"]
        replaced = list(_replaced(*firsts[dataset], sweep)) if dataset in firsts else []
        if sweep.scores.corners:
            firsts.setdefault(dataset, (sweep, next(iter(sweep.scores.corners))))
        if sweep.scores.corners or not replaced:
            found.append(sweep)
        found += replaced
    return found


def _replaced(first: Sweep, group: str, sweep: Sweep) -> Iterator[Sweep]:
    corners = first.scores.corners[group]
    wraps = first.scores.identifying[corners.full_shared]
    test_images = first.scores.test_images_of(corners.full_shared)
    in_groups = {arm for arms in sweep.scores.corners.values() for arm in arms}
    for arm, fields in sweep.scores.identifying.items():
        differing = {field for field in {**wraps, **fields} if wraps.get(field) != fields.get(field)}
        if arm in in_groups or "model.edges" not in differing or not differing <= OF_EDGES:
            continue
        if test_images is not None and sweep.scores.test_images_of(arm) == test_images:
            scores = _together(first.scores, corners, sweep.scores, arm)
            name = ", ".join(filter(None, (group, "image-sized kernel padded")))
            padded = corners._replace(full_shared=arm)
            if common_seeds(padded, accuracies_of(scores.results)):
                yield sweep._replace(scores=scores._replace(corners={name: padded}))


def _together(first: Scores, corners: Corners, later: Scores, arm: str) -> Scores:
    """The scores of an arm of a later sweep, and of the other corners with that sweep's seeds."""
    assert first.wrong is not None and later.wrong is not None
    others = [corner for corner in corners if corner != corners.full_shared]
    seeds = {result["seed"] for result in later.results}
    kept = [result for result in first.results if result["arm"] in others and result["seed"] in seeds]
    of_arm = {key: its for key, its in later.wrong.images.items() if key[0] == arm}
    return Scores(
        [*kept, *(result for result in later.results if result["arm"] == arm)],
        {**{other: first.fields[other] for other in others}, arm: later.fields[arm]},
        {**{other: first.identifying[other] for other in others}, arm: later.identifying[arm]},
        Wrong({**first.wrong.images, **of_arm}, first.wrong.count),
        {},
    )
