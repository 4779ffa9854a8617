"""Corners that an arm of a later sweep replaces."""

import statistics

import pytest

from lenet_jax.report import decomposition
from lenet_jax.report.replaced_corners import with_replaced_corners
from lenet_jax.report.scores import read_scores
from tests.helpers.commands import PROJECT

CORE, MNIST, POOLING = (
    read_scores(PROJECT / "results" / "finding" / name)
    for name in ("core_usps", "core_mnist", "pooling_usps")
)


def of_arms(sweep, arms, **changed):
    """The sweep with some of its arms, in no groups, and with other fields if they are given."""
    scores = sweep.scores
    identifying = {arm: {**scores.identifying[arm], **changed} for arm in arms}
    results = [result for result in scores.results if result["arm"] in arms]
    return sweep._replace(scores=scores._replace(results=results, identifying=identifying, corners={}))


def test_a_padded_kernel_replaces_the_one_that_wraps_round():
    """Effects are those of the definition, over the ten seeds of the later sweep."""
    sweeps = with_replaced_corners([CORE, POOLING])
    assert sweeps[:2] == [CORE, POOLING]
    [replaced] = sweeps[2:]
    [(name, corners)] = replaced.scores.corners.items()
    assert name == "average pooling, image-sized kernel padded"
    assert corners == ("local_shared", "local_unshared", "full_shared_padded", "full_unshared")
    [panel] = decomposition.find_panels([replaced])
    assert panel.seeds == 10 and panel.covers_images and not panel.unfinished
    accuracies = {
        (result["arm"], result["seed"]): result["test_accuracy"]
        for sweep in (CORE, POOLING)
        for result in sweep.scores.results
    }
    d, b, c, a = (
        statistics.fmean(100 - 100 * accuracies[arm, seed] for seed in range(1000, 1010)) for arm in corners
    )
    saved = {name: row["fewer_errors_per_hundred_mean"] for name, row in panel.effects.items()}
    assert saved["connectivity"] == pytest.approx((a - b + c - d) / 2)
    assert saved["sharing"] == pytest.approx((a - c + b - d) / 2)


def test_arms_that_are_trained_alike_or_score_other_images_replace_nothing():
    assert with_replaced_corners([CORE, of_arms(POOLING, ["full_shared"])])[2:] == []  # as in the core
    moved = of_arms(POOLING, ["full_shared_padded"], **{"data.move": 3})
    assert with_replaced_corners([CORE, moved]) == [CORE, moved]
    assert with_replaced_corners([MNIST, POOLING]) == [MNIST, POOLING]  # of another dataset
    other = of_arms(POOLING, ["full_shared_padded"], **{"train.weight_decay": 0.1})
    assert with_replaced_corners([CORE, other]) == [CORE, other]
    results = [{**run, "seed": run["seed"] + 100} for run in POOLING.scores.results]
    other_seeds = POOLING._replace(scores=POOLING.scores._replace(results=results))
    assert with_replaced_corners([CORE, other_seeds]) == [CORE, other_seeds]
    unknown = POOLING._replace(scores=POOLING.scores._replace(wrong=None))
    assert with_replaced_corners([CORE, unknown]) == [CORE, unknown]


def test_a_sweep_that_has_no_corners_gives_way_to_those_it_replaces():
    later = of_arms(POOLING, ["full_shared_padded", "random_shared_padded"])
    first, replaced = with_replaced_corners([CORE, later])
    assert first is CORE and list(replaced.scores.corners) == ["average pooling, image-sized kernel padded"]
    assert len(decomposition.find_panels([first, replaced])) == 3
