"""How test error falls with training images: against curves whose answer is known."""

import math

import numpy as np
import pytest

from lenet_jax.analysis.crossed import Wrong, error_ratio
from lenet_jax.analysis.sample_sizes import find_lines, find_reference, size_rows

SIZES = (100, 1_000, 10_000)
BASE = {
    "model.name": "cnn",
    "model.connectivity": "local",
    "model.sharing": "shared",
    "train.epochs": 1,
    "seed": 0,
}


def wrong_of(errors, seeds=(0, 1, 2), count=10_000):
    """Wrong answers of arms with these numbers of mistakes, in every seed."""
    rng = np.random.default_rng(0)
    return Wrong(
        {
            (arm, seed): np.sort(rng.choice(count, number, replace=False))
            for arm, number in errors.items()
            for seed in seeds
        },
        count,
    )


LINES = {
    "conv": dict(zip(SIZES, ("conv_100", "conv_1000", "conv_10000"), strict=True)),
    "mlp": dict(zip(SIZES, ("mlp_100", "mlp_1000", "mlp_10000"), strict=True)),
}
# Both fall as the root of the size; the MLP has twice the errors and so needs four times the images.
ROOTS = {
    "conv_100": 2000,
    "conv_1000": 632,
    "conv_10000": 200,
    "mlp_100": 4000,
    "mlp_1000": 1265,
    "mlp_10000": 400,
}


def rows_of(wrong):
    accuracies = {key: 1 - len(images) / wrong.count for key, images in wrong.images.items()}
    return size_rows(LINES, "conv", accuracies, wrong)


def test_twice_the_errors_on_a_root_are_four_times_the_images():
    rows = rows_of(wrong_of(ROOTS))
    assert [(row["network"], row["reference_images"]) for row in rows] == [("mlp", size) for size in SIZES]
    assert rows[0]["images_needed"] == pytest.approx(400, rel=0.01)
    assert rows[1]["images_needed"] == pytest.approx(4_000, rel=0.01)
    assert rows[0]["images_needed_ci_low"] < 400 < rows[0]["images_needed_ci_high"]
    assert rows[0]["images_needed_ci_high"] < 480
    assert rows[2]["images_needed"] == math.inf  # 40,000, which were not trained
    assert rows[1]["error_percent"] == pytest.approx(12.65)
    assert rows[1]["reference_error_percent"] == pytest.approx(6.32)


def test_a_network_that_is_better_needs_fewer():
    errors = ROOTS | {"mlp_100": 500, "mlp_1000": 316, "mlp_10000": 100}
    rows = rows_of(wrong_of(errors))
    assert rows[0]["images_needed"] == 0 == rows[0]["images_needed_ci_high"]
    assert rows[2]["images_needed"] == pytest.approx(
        10 ** (3 + math.log(316 / 200) / math.log(316 / 100)), rel=0.01
    )


def test_where_an_error_is_0_it_lies_beyond_or_between():
    rows = rows_of(wrong_of(ROOTS | {"conv_10000": 0}))
    assert rows[2]["images_needed"] == math.inf
    rows = rows_of(wrong_of(ROOTS | {"mlp_10000": 0}))
    assert rows[1]["images_needed"] == 10_000


def test_an_error_that_both_reach_is_reached_there():
    same = rows_of(wrong_of({arm: 0 if arm.endswith("0000") else 50 for arm in ROOTS}))
    assert same[2]["images_needed"] == 10_000 and same[2]["images_needed_ci_high"] is None


def test_at_the_limits_the_interval_of_the_ratio_of_errors_ends_at_1():
    wrong = wrong_of(ROOTS)
    row = rows_of(wrong)[1]
    accuracies = {key: 1 - len(images) / wrong.count for key, images in wrong.images.items()}
    ends = []
    for limit in ("low", "high"):
        share = math.log10(row[f"images_needed_ci_{limit}"]) - 3  # of the way from 1,000 to 10,000
        weights = {"mlp_1000": 1 - share, "mlp_10000": share, "conv_1000": -1.0}
        ends.append(error_ratio(weights, accuracies, wrong))
    assert ends[0].low == pytest.approx(1, abs=1e-3) and ends[1].high == pytest.approx(1, abs=1e-3)
    assert row["images_needed_ci_low"] < 4_000 < row["images_needed_ci_high"]


def test_beyond_what_was_trained_limits_are_bounds():
    worse = rows_of(wrong_of(ROOTS | {"mlp_100": 9000, "mlp_1000": 8000, "mlp_10000": 7000}))[0]
    assert worse["images_needed"] == worse["images_needed_ci_low"] == math.inf
    near = rows_of(wrong_of(ROOTS | {"mlp_10000": 205}))[2]
    assert near["images_needed"] == math.inf == near["images_needed_ci_high"]
    assert 1_000 < near["images_needed_ci_low"] < 10_000
    better = rows_of(wrong_of(ROOTS | {"mlp_100": 1990}))[0]
    assert better["images_needed"] == 0 == better["images_needed_ci_low"]
    assert 100 < better["images_needed_ci_high"] < 200


def test_with_one_seed_there_is_no_interval():
    row = rows_of(wrong_of(ROOTS, seeds=(0,)))[0]
    assert row["images_needed"] == pytest.approx(400, rel=0.01) and row["images_needed_ci_low"] is None


def test_only_seeds_of_all_arms_count():
    wrong = wrong_of(ROOTS)
    del wrong.images["mlp_100", 2]
    assert {row["seeds"] for row in rows_of(wrong)} == {2}
    assert rows_of(Wrong({}, 10)) == []


def test_lines_are_arms_that_differ_in_the_number_of_images_alone():
    fields = {
        "conv_100": BASE | {"data.train_images": 100, "train.epochs": 10},
        "conv_1000": BASE | {"data.train_images": 1000},
        "mlp_100": BASE | {"model.name": "mlp", "data.train_images": 100},
        "mlp_1000": BASE | {"model.name": "mlp"},
        "other": BASE | {"model.sharing": "unshared"},
        "same": BASE | {"model.sharing": "unshared", "seed": 1},
    }
    images = {
        "conv_100": 100,
        "conv_1000": 1000,
        "mlp_100": 100,
        "mlp_1000": 1000,
        "other": 1000,
        "same": 1000,
    }
    lines = find_lines({arm: config | {"data.train_images": 0} for arm, config in fields.items()}, images)
    assert lines == {
        "conv": {100: "conv_100", 1000: "conv_1000"}, "mlp": {100: "mlp_100", 1000: "mlp_1000"}
    }  # fmt: skip
    assert find_lines(fields, images) == lines
    twice = {f"a_{number}": BASE | {"train.learning_rate": number // 2} for number in range(4)}
    assert list(find_lines(twice, {arm: int(arm[-1]) % 2 for arm in twice})) == ["a", "a_2"]
    assert find_reference(lines, fields) == "conv"
    assert find_reference({"mlp": lines["mlp"]}, fields) is None
