"""What changes between groups of corners, of one sweep or of two."""

import numpy as np
import pytest

from lenet_jax.analysis.effects import Corners
from lenet_jax.report import changes
from lenet_jax.report.columns import lay_out
from lenet_jax.report.scores import read_scores
from tests.helpers.commands import PROJECT

CORE, USPS, POOLING = (
    read_scores(PROJECT / "results" / "finding" / name)
    for name in ("core_mnist", "core_usps", "pooling_usps")
)
CORNERS = Corners("local_shared", "local_unshared", "full_shared", "full_unshared")


def changed(sweep, fields, name, wrong=True):
    """The sweep in another folder, with the first half of its seeds, as if arms had had other fields."""
    results = [result for result in sweep.scores.results if result["seed"] < 1010]
    others = {arm: {**config, **fields.get(arm, {})} for arm, config in sweep.scores.identifying.items()}
    scores = sweep.scores._replace(results=results, identifying=others, corners={"": CORNERS})
    if not wrong:
        scores = scores._replace(wrong=None)
    return sweep._replace(directory=sweep.directory.with_name(name), scores=scores)


def test_effects_are_compared_with_the_first_group_of_the_dataset():
    rows = changes.effect_rows([CORE, USPS, POOLING])
    assert [(row["networks"], row["before"], row["seeds"]) for row in rows] == [
        ("MNIST, no pooling", "average pooling", 20),
        ("USPS, no pooling", "average pooling", 20),
        ("USPS, max pooling", "average pooling", 10),
    ]
    for row in rows:
        assert row["gap_mean"] == pytest.approx(row["connectivity_mean"] + row["sharing_mean"])
    shown, in_all = lay_out(rows, changes.EFFECT_COLUMNS)
    assert in_all == ["compared with average pooling"]
    assert list(shown[0]) == ["networks", "gap", "connectivity", "sharing", "seeds"]
    assert shown[2]["sharing"].startswith("-0.64 (")


def test_corners_are_compared_by_their_wiring_and_other_arms_by_their_names():
    decay = {"train.weight_decay": 0.1}
    later = changed(USPS, {"local_shared": decay, "mlp_best": decay}, "decay")
    rows = changes.arm_rows([USPS, later])
    assert [(row["words"], row["change"], row["seeds"]) for row in rows] == [
        ("local, shared, average pooling (LeNet-5)", "no pooling", 20),
        ("local, unshared, average pooling", "no pooling", 20),
        ("full, shared, average pooling", "no pooling", 20),
        ("full, unshared, average pooling", "no pooling", 20),
        ("local, shared, average pooling (LeNet-5)", "decay", 10),
        ("MLP 1000-300", "decay", 10),
    ]  # fmt: skip
    shown, in_all = lay_out(rows, changes.ARM_COLUMNS)
    assert in_all == ["on USPS"]
    assert {row["fewer errors per hundred"] for row in shown[4:]} == {"0.00"}  # these are the same runs


def test_errors_before_and_after_are_those_of_the_tables():
    rows = {row["words"]: row for row in changes.arm_rows([USPS, POOLING]) if row["change"] == "max pooling"}
    row = rows["local, unshared, average pooling"]
    [before, after] = (
        100 - 100 * np.mean([run["test_accuracy"] for run in sweep.scores.results
                             if run["arm"] == arm and run["seed"] < 1010])
        for sweep, arm in ((USPS, "local_unshared"), (POOLING, "local_unshared_max"))
    )  # fmt: skip
    assert row["error_percent_before"] == pytest.approx(before) and row[
        "error_percent_after"
    ] == pytest.approx(after)
    assert row["fewer_errors_per_hundred_mean"] == pytest.approx(before - after) and before - after > 1


def test_sweeps_of_other_test_images_or_without_answers_are_not_compared():
    moved = changed(USPS, {"local_shared": {"data.move": 3}}, "moved")
    assert not changes.effect_rows([changed(USPS, {}, "first"), moved])
    unknown = changed(USPS, {}, "first", wrong=False)
    assert not changes.effect_rows([unknown, changed(USPS, {}, "second")])  # the first stays the first


def test_what_cannot_be_compared_is_left_out():
    assert not changes.arm_rows([changed(USPS, {}, "core"), changed(USPS, {}, "same")])  # other seeds alone
    assert len(changes.effect_rows([USPS, changed(USPS, {}, "unknown", wrong=False)])) == 1
