"""How test error falls with training images: against curves whose answer is known."""

import math

import numpy as np
import pytest

from lenet_jax.analysis.crossed import Wrong
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


def test_twice_the_errors_on_a_root_are_four_times_the_images():
    rows = size_rows(LINES, "conv", wrong_of(ROOTS), draws=200)
    assert [(row["network"], row["reference_images"]) for row in rows] == [("mlp", size) for size in SIZES]
    assert rows[0]["images_needed"] == pytest.approx(400, rel=0.01)
    assert rows[1]["images_needed"] == pytest.approx(4_000, rel=0.01)
    assert rows[0]["images_needed_ci_low"] < 400 < rows[0]["images_needed_ci_high"]
    assert rows[0]["images_needed_ci_high"] < 480
    assert rows[2]["images_needed"] == math.inf  # 40,000, which were not trained
    assert rows[1]["error_percent"] == pytest.approx(12.65) and rows[1]["reference_error_percent"] == 6.32


def test_a_network_that_is_better_needs_fewer():
    errors = ROOTS | {"mlp_100": 500, "mlp_1000": 316, "mlp_10000": 100}
    rows = size_rows(LINES, "conv", wrong_of(errors), draws=50)
    assert rows[0]["images_needed"] == 0 == rows[0]["images_needed_ci_high"]
    assert rows[2]["images_needed"] == pytest.approx(
        10 ** (3 + math.log(316 / 200) / math.log(316 / 100)), rel=0.01
    )


def test_where_an_error_is_0_it_lies_beyond_or_between():
    rows = size_rows(LINES, "conv", wrong_of(ROOTS | {"conv_10000": 0}), draws=20)
    assert rows[2]["images_needed"] == math.inf
    rows = size_rows(LINES, "conv", wrong_of(ROOTS | {"mlp_10000": 0}), draws=20)
    assert 999 <= rows[1]["images_needed"] <= 10_000


def test_an_error_that_both_reach_is_reached_there():
    same = size_rows(
        LINES, "conv", wrong_of({arm: 0 if arm.endswith("0000") else 50 for arm in ROOTS}), draws=5
    )
    assert same[2]["images_needed"] == 10_000 == same[2]["images_needed_ci_high"]


def test_only_seeds_of_all_arms_count():
    wrong = wrong_of(ROOTS)
    del wrong.images["mlp_100", 2]
    assert {row["seeds"] for row in size_rows(LINES, "conv", wrong, draws=20)} == {2}
    assert size_rows(LINES, "conv", Wrong({}, 10)) == []


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
