"""Tuning: which candidate is selected, on validation accuracies alone."""

import dataclasses
import json
import multiprocessing
import time

import numpy as np
import pytest

from lenet_jax import files
from lenet_jax.analysis.crossed import Wrong
from lenet_jax.config.arms import Arm
from lenet_jax.errors import UserError
from lenet_jax.runs.tuning import (
    candidate_arms,
    diverged_arms,
    fields_at_edge,
    merge_selection,
    needed_candidates,
    read_selection,
    select_candidates,
    tied_candidates,
)

RATES = {"slow": {"train.learning_rate": 0.01}, "fast": {"train.learning_rate": 0.1}}
ARM = Arm("net", {"model.name": "mlp"}, candidates=RATES)


def results(accuracies, diverged=()):
    """Results of runs, from arm -> validation accuracies."""
    return [
        {
            "arm": arm,
            "seed": seed,
            "status": "diverged" if arm in diverged else "done",
            "val_accuracy": None if arm in diverged else accuracy,
            "test_accuracy": None,
        }
        for arm, its in accuracies.items()
        for seed, accuracy in enumerate(its)
    ]


def test_every_candidate_is_an_arm():
    assert [(arm.name, arm.overrides) for arm in candidate_arms([ARM])] == [
        ("net-slow", {"model.name": "mlp", "train.learning_rate": 0.01}),
        ("net-fast", {"model.name": "mlp", "train.learning_rate": 0.1}),
    ]
    for candidates in ({}, {"slow": {}}):
        with pytest.raises(UserError, match=f"Arm x has {len(candidates)} candidates: tuning selects one of"):
            candidate_arms([Arm("x", {}, candidates=candidates)])


def test_the_best_mean_is_selected():
    selected = select_candidates([ARM], results({"net-slow": [0.8, 0.9], "net-fast": [0.7, 0.97]}))
    assert selected == {
        "net": {
            "candidate": "slow",
            "overrides": {"train.learning_rate": 0.01},
            "val_accuracy_mean": 0.85,
            "runs": 2,
        }
    }


def test_a_value_at_the_edge_of_the_candidates_is_told_from_one_inside():
    grid = {
        f"{rate}-{decay}": {"train.learning_rate": rate, "train.weight_decay": decay, "train.loss": "rbf"}
        for rate in (0.1, 0.2, 0.4)
        for decay in (0.0, 1e-4, 1e-3)
    }
    arm = Arm("net", {}, candidates=grid)
    assert fields_at_edge(arm, "0.2-0.0001") == []
    assert fields_at_edge(arm, "0.1-0.0001") == ["train.learning_rate"]
    assert fields_at_edge(arm, "0.4-0.001") == ["train.learning_rate", "train.weight_decay"]
    assert fields_at_edge(arm, "0.2-0.0") == []  # no decay is less
    assert fields_at_edge(Arm("net", {}, candidates={"a": {"model.dropout": 0.5}, "b": {}}), "a") == []


def test_candidates_are_tied_if_the_interval_of_paired_differences_includes_0():
    grid = {name: {"train.momentum": 0.1 * number} for number, name in enumerate("abcde")}
    arm = Arm("net", {}, candidates=grid)
    found = results(
        {
            "net-a": [0.90, 0.92, 0.94],
            "net-b": [0.89, 0.91, 0.93],  # below by as much in all seeds
            "net-c": [0.91, 0.90, 0.94],  # above in one, below in another
            "net-d": [0.50, 0.60, 0.70],
            "net-e": [0.99, 0.99, 0.99],
        },
        diverged=["net-e"],
    )
    selected = select_candidates([arm], found)
    assert selected["net"]["candidate"] == "a"
    assert tied_candidates([arm], selected, found) == {"net": ["c"]}
    # Which images are answered wrongly, of 100, says more: here each candidate has mistakes of its own.
    images = {
        (result["arm"], result["seed"]): (np.arange(round(100 - 100 * result["val_accuracy"])) + 10 * number)
        % 100
        for number, result in enumerate(found)
        if result["val_accuracy"] is not None
        for mistakes in [round(100 - 100 * result["val_accuracy"])]
    }
    assert tied_candidates([arm], selected, found, Wrong(images, 100)) == {"net": ["b", "c"]}


def test_ties_need_three_seeds_and_are_those_of_the_mean_of_arms_that_are_tuned_together():
    two_seeds = results({"net-slow": [0.9, 0.8], "net-fast": [0.8, 0.9]})
    assert tied_candidates([ARM], select_candidates([ARM], two_seeds), two_seeds) == {}
    arms = [Arm(name, {}, candidates=RATES, tuned_with="both") for name in ("x", "y")]
    # Each arm alone differs, in opposite directions.
    found = results(
        {
            "x-slow": [0.9, 0.8, 0.85],
            "x-fast": [0.8, 0.7, 0.75],
            "y-slow": [0.5, 0.6, 0.55],
            "y-fast": [0.59, 0.695, 0.645],
        }
    )
    assert tied_candidates(arms, select_candidates(arms, found), found) == {"x": ["fast"], "y": ["fast"]}


def test_the_first_of_equals_is_selected_and_one_that_diverged_is_out():
    equal = results({"net-slow": [0.8], "net-fast": [0.8]})
    assert select_candidates([ARM], equal)["net"]["candidate"] == "slow"
    diverged = results({"net-slow": [0.9], "net-fast": [0.1]}, diverged=["net-slow"])
    assert select_candidates([ARM], diverged)["net"]["candidate"] == "fast"
    assert diverged_arms([ARM], diverged) == []


def test_equal_means_are_equal_whatever_their_parts():
    """Means of accuracies that are counts of 729 images differ in their last digit."""
    found = results({"net-slow": [696 / 729, 696 / 729], "net-fast": [695 / 729, 697 / 729]})
    assert select_candidates([ARM], found)["net"]["candidate"] == "slow"


def test_an_arm_whose_candidates_all_diverged_leaves_the_others_their_choices():
    arms = [ARM, dataclasses.replace(ARM, name="other")]
    names = ("net-slow", "net-fast", "other-slow", "other-fast")
    found = results({name: [0.5] for name in names}, diverged=names[:2])
    assert select_candidates(arms, found)["other"]["candidate"] == "slow"
    assert "net" not in select_candidates(arms, found)
    assert diverged_arms(arms, found) == ["net"]
    assert diverged_arms(arms, found[1:]) == []  # one of its candidates was not trained


def test_two_commands_that_merge_into_one_file_at_once_lose_nothing(tmp_path):
    path = tmp_path / "tuned.json"
    merges = [
        multiprocessing.get_context("spawn").Process(target=merge_selection, args=(path, {f"{number}": {}}))
        for number in range(4)
    ]
    with files.locked_folder(tmp_path):  # all of them wait, and read once they have the lock
        for merge in merges:
            merge.start()
        time.sleep(1)
        assert not path.exists()
    for merge in merges:
        merge.join()
    assert sorted(read_selection(path)) == ["0", "1", "2", "3"]


def test_arms_that_are_tuned_together_share_the_best_for_their_mean():
    arms = [Arm(name, {}, candidates=RATES, tuned_with="both") for name in ("x", "y")]
    accuracies = {"x-slow": [0.9], "x-fast": [0.8], "y-slow": [0.5], "y-fast": [0.7]}
    selected = select_candidates(arms, results(accuracies))
    assert {name: its["candidate"] for name, its in selected.items()} == {"x": "fast", "y": "fast"}
    assert selected["x"]["val_accuracy_mean"] == 0.8


CAPACITIES = {str(width): {"model.hidden": (width,)} for width in (8, 16, 32)}


@pytest.mark.parametrize(
    ("fit", "diverged", "candidate"),
    [
        (0.95, (), "8"),
        (0.96, (), "16"),  # though 8 is better on validation images
        (0.97, (), "32"),
        (0.96, ("net-16",), "32"),
        (0.97, ("net-32",), "16"),  # the last that did not diverge
        (0.0, (), "8"),
    ],
)
def test_the_first_candidate_that_fits_is_selected_or_the_last(fit, diverged, candidate):
    accuracies = {"net-8": (0.95, 0.9), "net-16": (0.96, 0.8), "net-32": (0.96, 0.85)}
    found = [
        {
            "arm": arm,
            "seed": seed,
            "status": "diverged" if arm in diverged else "done",
            "train_accuracy": None if arm in diverged else train + deviation,
            "val_accuracy": None if arm in diverged else validation,
        }
        for arm, (train, validation) in accuracies.items()
        for seed, deviation in enumerate((-0.02, 0.02))
    ]
    selected = select_candidates([Arm("net", {}, candidates=CAPACITIES, fit=fit)], found)["net"]
    train, validation = accuracies[f"net-{candidate}"]
    expected = {
        "candidate": candidate,
        "overrides": CAPACITIES[candidate],
        "val_accuracy_mean": validation,
        "runs": 2,
    }
    assert selected == expected | ({"train_accuracy_mean": train} if fit else {})


LINE = Arm(
    "net",
    {},
    candidates={name: {"train.momentum": 0.1 * number} for number, name in enumerate("abcdefg")},
    first=["c", "d", "e"],
)


@pytest.mark.parametrize(
    ("accuracies", "diverged", "needed"),
    [
        ({}, (), "cde"),
        ({"c": 0.8, "d": 0.9}, (), "cde"),
        ({"c": 0.8, "d": 0.9, "e": 0.7}, (), "cde"),  # inside
        ({"c": 0.9, "d": 0.8, "e": 0.7}, (), "bcde"),
        ({"b": 0.95, "c": 0.9, "d": 0.8, "e": 0.7}, (), "abcde"),
        ({"b": 0.85, "c": 0.9, "d": 0.8, "e": 0.7}, (), "bcde"),
        ({"a": 0.97, "b": 0.95, "c": 0.9, "d": 0.8, "e": 0.7}, (), "abcde"),  # there are no others
        ({"c": 0.9, "d": 0.9, "e": 0.9}, (), "bcde"),  # the first of equals is selected
        ({"c": 0.7, "d": 0.8, "e": 0.9}, (), "cdef"),
        ({"c": 0.7, "d": 0.8, "e": 0.9}, "e", "cde"),
        ({"c": 0.7, "d": 0.8, "e": 0.9}, "de", "bcde"),
        ({"c": 0.7, "d": 0.8, "e": 0.9}, "cde", "bcdef"),
        ({"b": 0.7, "c": 0.7, "d": 0.8, "e": 0.9}, "bcde", "abcdef"),
        ({"a": 0.95, "c": 0.8, "d": 0.9, "e": 0.7}, (), "abcde"),  # trained earlier, for another reason
    ],
)
def test_candidates_are_trained_until_the_best_has_neighbours(accuracies, diverged, needed):
    found = results(
        {f"net-{name}": [mean, mean] for name, mean in accuracies.items()},
        [f"net-{name}" for name in diverged],
    )
    assert "".join(needed_candidates([LINE], found, [0, 1])["net"]) == needed
    is_finished = set(needed) == set(accuracies) and set(diverged) != set(accuracies)
    assert bool(select_candidates([LINE], found)) == is_finished


def test_a_candidate_that_lacks_a_seed_is_not_yet_compared():
    found = results({"net-c": [0.9, 0.9], "net-d": [0.8, 0.8], "net-e": [0.7, 0.7], "net-b": [0.99]})
    assert needed_candidates([LINE], found, [0, 1]) == {"net": list("bcde")}
    assert select_candidates([LINE], found) == {}
    assert needed_candidates([LINE], found, [0]) == {"net": list("abcde")}


def test_results_with_other_seeds_do_not_count():
    """As when fewer seeds are asked for than are recorded."""
    found = results({"net-c": [0.9, 0.9, 0.1], "net-d": [0.8, 0.8, 0.8], "net-e": [0.7, 0.7, 0.7]})
    assert needed_candidates([LINE], found, [0, 1]) == {"net": list("bcde")}
    assert needed_candidates([LINE], found, [0, 1, 2]) == {"net": list("cde")}


def test_arms_that_are_tuned_together_train_the_same_candidates():
    arms = [dataclasses.replace(LINE, name=name, tuned_with="both") for name in ("x", "y")]
    accuracies = {"c": 0.8, "d": 0.7, "e": 0.6}
    of_x = {f"x-{name}": [accuracy] for name, accuracy in accuracies.items()}
    assert needed_candidates(arms, results(of_x), [0]) == {key: list("cde") for key in "xy"}
    of_y = {f"y-{name}": [0.9 - accuracy / 2] for name, accuracy in accuracies.items()}
    found = results(of_x | of_y)  # for both together, c is best
    assert needed_candidates(arms, found, [0]) == {key: list("bcde") for key in "xy"}
    others = [arms[0], dataclasses.replace(arms[1], first=["a"])]
    with pytest.raises(
        UserError, match="x, y are tuned together but have different candidates or a different first"
    ):
        needed_candidates(others, found, [0])


@pytest.mark.parametrize(
    ("accuracies", "needed"),
    [
        ({}, ["8"]),
        ({"8": 0.9}, ["8", "16"]),
        ({"8": 0.96}, ["8"]),
        ({"8": 0.9, "16": 0.96}, ["8", "16"]),
        ({"8": 0.9, "16": 0.9}, ["8", "16", "32"]),
        ({"8": 0.9, "16": 0.9, "32": 0.9}, ["8", "16", "32"]),
        ({"8": 0.9, "32": 0.96}, ["8", "16"]),  # the first that fits is wanted
    ],
)
def test_candidates_are_trained_until_one_fits(accuracies, needed):
    found = results({f"net-{name}": [mean] for name, mean in accuracies.items()})
    found = [result | {"train_accuracy": result["val_accuracy"]} for result in found]
    arm = Arm("net", {}, candidates=CAPACITIES, fit=0.95)
    assert needed_candidates([arm], found, [0]) == {"net": needed}


def test_without_an_order_all_candidates_are_trained():
    assert needed_candidates([ARM], [], [0]) == {"net": ["slow", "fast"]}
    assert [arm.name for arm in candidate_arms([ARM], {"net": ["fast"]})] == ["net-fast"]


def test_candidates_in_order_have_no_edges():
    assert fields_at_edge(ARM, "slow") == ["train.learning_rate"]
    assert fields_at_edge(Arm("net", {}, candidates=RATES, fit=0.9), "slow") == []


def test_an_arm_that_is_not_finished_is_left_open():
    other = Arm("other", {}, candidates=RATES)
    accuracies = {"net-slow": [0.9], "net-fast": [0.8], "other-slow": [0.5]}
    assert set(select_candidates([ARM, other], results(accuracies))) == {"net"}


def test_candidates_are_compared_over_the_same_seeds():
    accuracies = {"net-slow": [0.5, 0.6], "net-fast": [0.8]}
    assert select_candidates([ARM], results(accuracies)) == {}


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        ([Arm("x", {}, candidates={"1/2": {}, "b": {}})], "x-1/2.*letters"),
        (
            [Arm("x", {}, candidates={"a-b": {}, "c": {}}), Arm("x-a", {}, candidates={"b": {}, "d": {}})],
            "twice",
        ),
        ([Arm("x", {}, candidates={"a": {"seed": 1}, "b": {}})], "x-a sets seed"),
    ],
)
def test_candidates_that_no_arm_can_be_are_refused(arms, sentence):
    with pytest.raises(UserError, match=sentence):
        candidate_arms(arms)


def test_selections_are_merged_into_a_file(tmp_path):
    path = tmp_path / "tuned.json"
    first = select_candidates([ARM], results({"net-slow": [0.9], "net-fast": [0.8]}))
    merge_selection(path, first)
    merge_selection(path, {"another": first["net"]})
    assert list(json.loads(path.read_text())) == ["another", "net"]
    for content in ("no JSON", "[]"):
        path.write_text(content)
        with pytest.raises(UserError, match="tuned.json is not a file of selected candidates"):
            read_selection(path)
    path.write_text("no JSON")
    with pytest.raises(UserError, match="tuned.json is not a file of selected candidates"):
        merge_selection(path, first)
    assert path.read_text() == "no JSON"
