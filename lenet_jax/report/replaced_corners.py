"""Groups of corners that take one from a later sweep: what replacing one network does to the effects."""

from collections.abc import Iterator, Sequence

from lenet_jax.analysis.crossed import Wrong
from lenet_jax.analysis.effects import NAMES, WIRING, Corners
from lenet_jax.report.scores import Scores, Sweep
from lenet_jax.report.words import words_of_runs


def with_replaced_corners(sweeps: Sequence[Sweep]) -> list[Sweep]:
    """The sweeps, each followed by those made of an earlier one and one of its arms.

    An arm that is wired like a corner but is in no group of corners, such as an image-sized kernel that is
    padded instead of wrapping round, replaces this corner in the first group of its dataset. An earlier sweep
    has this group, trains the corner differently, and scores the same test images. A sweep without corners of
    its own is left out if it replaces some.
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
    in_groups = {arm for arms in sweep.scores.corners.values() for arm in arms}
    words = words_of_runs(sweep.header, sweep.runs)
    for arm, fields in sweep.scores.identifying.items():
        wiring = tuple(fields[field] for field in WIRING)
        if fields["model.name"] != "cnn" or wiring not in NAMES or arm in in_groups:
            continue
        corner = corners[NAMES.index(wiring)]
        others = [other for other in corners if other != corner]
        is_trained_alike = sweep.scores.training_of(arm) == first.scores.training_of(corner)
        test_images = sweep.scores.test_images_of(arm)
        if is_trained_alike or arm in others or test_images is None:
            continue
        if test_images == first.scores.test_images_of(corner):
            name = ", ".join(filter(None, (group, f"with {words[arm]}")))
            arms = Corners(*(arm if other == corner else other for other in corners))
            yield sweep._replace(scores=_together(first.scores, others, sweep.scores, arm, {name: arms}))


def _together(
    first: Scores, others: Sequence[str], later: Scores, arm: str, corners: dict[str, Corners]
) -> Scores:
    """The scores of some arms, for the seeds of a later sweep, and those of one arm of that sweep."""
    assert first.wrong is not None and later.wrong is not None
    seeds = {result["seed"] for result in later.results}
    kept = [result for result in first.results if result["arm"] in others and result["seed"] in seeds]
    results = [*kept, *(result for result in later.results if result["arm"] == arm)]
    images = {**first.wrong.images, **{key: its for key, its in later.wrong.images.items() if key[0] == arm}}
    return Scores(
        results,
        {**{other: first.fields[other] for other in others}, arm: later.fields[arm]},
        {**{other: first.identifying[other] for other in others}, arm: later.identifying[arm]},
        Wrong(images, first.wrong.count),
        corners,
    )
