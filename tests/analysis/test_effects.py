"""The main effects of connectivity and sharing, against worked examples."""

import pytest

from lenet_jax.analysis.effects import Corners, effect_rows, find_corners
from lenet_jax.analysis.stats import mean_interval
from tests.helpers.results import result, unscored

CORNERS = Corners("conv", "locally", "sliding", "dense")
WIRINGS = {
    "conv": ("local", "shared"),
    "locally": ("local", "unshared"),
    "sliding": ("full", "shared"),
    "dense": ("full", "unshared"),
}
# Test errors in percent by arm, one per seed.
ERRORS = {"conv": (1.0, 2.0), "locally": (3.0, 3.0), "sliding": (2.0, 4.0), "dense": (5.0, 9.0)}


def fields(**others):
    """The configs of the corners, and of other arms that change some fields of the convolution's."""
    found = {
        arm: {"model.name": "cnn", "model.connectivity": connectivity, "model.sharing": sharing, "seed": 0}
        for arm, (connectivity, sharing) in WIRINGS.items()
    }
    return found | {arm: found["conv"] | changes for arm, changes in others.items()}


def results():
    return [
        result(arm, seed, 1 - error / 100)
        for arm, errors in ERRORS.items()
        for seed, error in enumerate(errors)
    ]


def found(configs, **groups):
    """The corners of arms that have no group unless one is given."""
    return find_corners(configs, dict.fromkeys(configs, "") | groups)


def test_corners_are_found_by_their_configs_whatever_their_names():
    assert found(fields()) == {"": CORNERS}
    others = fields(
        random={"model.connectivity": "random"},
        mlp={"model.name": "mlp"},
        mixed={"model.connectivity": "local,full"},
        wider={"model.maps": [12, 32]},  # no partners that are as wide
    )
    assert found(others) == {"": CORNERS}


def test_without_exactly_one_set_of_corners_there_are_none():
    three = fields()
    del three["dense"]
    assert found(three) == {}
    assert found(fields(twin={})) == {}
    unequal = fields()
    unequal["dense"]["train.learning_rate"] = 0.01  # differs in more than its wiring
    assert found(unequal) == {}


def test_each_group_has_its_corners_whatever_else_they_differ_in():
    more = {f"{arm}_max": config | {"model.pooling": "max"} for arm, config in fields().items()}
    more["dense_max"]["train.learning_rate"] = 0.4
    of_groups = dict.fromkeys(fields(), "average") | dict.fromkeys(more, "max")
    both = found(fields() | more, **of_groups)
    assert both == {"average": CORNERS, "max": Corners(*(f"{arm}_max" for arm in CORNERS))}
    del more["conv_max"]
    assert found(fields() | more, **of_groups) == {"average": CORNERS}
    twins = {**fields(), "twin": fields()["conv"]}
    assert found(twins, **of_groups, twin="average") == {}


def test_effects_are_means_over_both_orders_and_add_up_to_the_gap():
    rows = {row["effect"]: row for row in effect_rows(results(), {"": CORNERS})}
    by_seed = {
        "connectivity": [((2 - 1) + (5 - 3)) / 2, ((4 - 2) + (9 - 3)) / 2],
        "connectivity, unshared": [5 - 3, 9 - 3],
        "connectivity, shared": [2 - 1, 4 - 2],
        "sharing": [((3 - 1) + (5 - 2)) / 2, ((3 - 2) + (9 - 4)) / 2],
        "sharing, full": [5 - 2, 9 - 4],
        "sharing, local": [3 - 1, 3 - 2],
        "interaction": [(3 - 1) - (5 - 2), (3 - 2) - (9 - 4)],
        "gap": [5 - 1, 9 - 2],
    }
    assert list(rows) == list(by_seed)
    for effect, values in by_seed.items():
        interval = mean_interval(values, bounds=(-200, 200))
        row = [rows[effect][f"fewer_errors_per_hundred_{end}"] for end in ("mean", "ci_low", "ci_high")]
        assert row == pytest.approx(list(interval)) and rows[effect]["seeds"] == 2
        assert "group" not in rows[effect]
    means = {effect: rows[effect]["fewer_errors_per_hundred_mean"] for effect in rows}
    assert means["connectivity"] + means["sharing"] == pytest.approx(means["gap"])


def test_effects_have_their_share_of_the_gap_and_a_ratio_of_errors():
    """Mean errors are 1.5, 3, 3 and 7 percent."""
    rows = {row["effect"]: row for row in effect_rows(results(), {"": CORNERS})}
    shares = {effect: row["percent_of_gap_mean"] for effect, row in rows.items()}
    assert shares["connectivity"] == pytest.approx(100 * 2.75 / 5.5)
    assert shares["sharing, full"] == pytest.approx(100 * 4 / 5.5)
    assert shares["interaction"] is None and shares["gap"] is None
    ratios = {effect: row["error_ratio_mean"] for effect, row in rows.items()}
    assert ratios["gap"] == pytest.approx(1.5 / 7)
    assert ratios["sharing, local"] == pytest.approx(1.5 / 3)
    assert ratios["connectivity"] == pytest.approx((1.5 / 3 * 3 / 7) ** 0.5)
    assert ratios["connectivity"] * ratios["sharing"] == pytest.approx(ratios["gap"])
    assert all(row["error_ratio_ci_low"] < row["error_ratio_mean"] < row["error_ratio_ci_high"]
               for row in rows.values())  # fmt: skip


def test_rows_of_named_groups_say_which():
    rows = effect_rows(results(), {"average pooling": CORNERS, "max": Corners("no", "runs", "of", "these")})
    assert {row["group"] for row in rows} == {"average pooling"} and len(rows) == 8


def test_seeds_count_if_all_corners_are_scored():
    incomplete = [run for run in results() if (run["arm"], run["seed"]) != ("sliding", 1)]
    rows = effect_rows([*incomplete, result("sliding", 1, None)], {"": CORNERS})
    assert [row["seeds"] for row in rows] == [1] * 8
    assert rows[0]["fewer_errors_per_hundred_ci_low"] is None
    assert effect_rows([unscored(arm, 0, 0.5) for arm in CORNERS], {"": CORNERS}) == []


def test_a_gap_below_0_has_no_shares():
    errors = {"conv": (6.0, 7.0, 6.5), "locally": (5.0,) * 3, "sliding": (4.0,) * 3, "dense": (3.0,) * 3}
    runs = [result(arm, s, 1 - error / 100) for arm, its in errors.items() for s, error in enumerate(its)]
    rows = {row["effect"]: row for row in effect_rows(runs, {"": CORNERS})}
    assert rows["gap"]["fewer_errors_per_hundred_ci_high"] < 0
    assert {row["percent_of_gap_mean"] for row in rows.values()} == {None}
