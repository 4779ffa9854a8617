"""Arms of two factors, as a plane."""

from lenet_jax.analysis.planes import Plane, find_planes, plane_rows
from lenet_jax.config.arms import Arm

LEVELS = [("5x5", "all"), ("5x5", "none"), ("3x3", "all"), ("3x3", "none")]


def recorded(levels, factors=("kernel", "shared by"), prefix="arm"):
    return [
        Arm(f"{prefix}_{number}", {}, factors=dict(zip(factors, pair, strict=True))).to_record()
        for number, pair in enumerate(levels)
    ]


def test_arms_of_the_same_two_factors_form_a_plane_in_their_order():
    arms = [Arm("other", {}).to_record(), *recorded(LEVELS)]
    assert find_planes(arms) == [
        Plane(
            ("kernel", "shared by"),
            (["5x5", "3x3"], ["all", "none"]),
            {pair: f"arm_{number}" for number, pair in enumerate(LEVELS)},
        )
    ]


def test_a_single_row_is_not_a_plane_and_other_factors_are_another_plane():
    line = recorded(LEVELS[:2])
    assert find_planes(line) == []
    planes = find_planes(line + recorded(LEVELS, ("depth", "width"), "net"))
    assert [plane.factors for plane in planes] == [("depth", "width")]


def test_the_reference_is_the_one_arm_outside_that_all_are_compared_with():
    arms = recorded(LEVELS)
    for arm in arms:
        arm["baselines"] = {"to the reference": "plain"}
    arms[0]["baselines"]["within"] = "arm_3"
    assert find_planes(arms)[0].reference == "plain"
    arms[1]["baselines"] = {"within": "arm_0"}
    assert find_planes(arms)[0].reference is None


def test_records_without_factors_are_read():
    assert find_planes([{"name": "a"}, {"name": "b", "factors": []}]) == []


def test_rows_are_in_the_order_of_the_levels_and_cells_may_be_missing():
    [plane] = find_planes(recorded([LEVELS[1], LEVELS[2], LEVELS[0]]))
    rows = [{"arm": f"arm_{number}", "runs": number} for number in (2, 1, 0)]
    assert plane_rows(plane, rows) == [
        {"factor: kernel": "5x5", "factor: shared by": "none", "arm": "arm_0", "runs": 0},
        {"factor: kernel": "5x5", "factor: shared by": "all", "arm": "arm_2", "runs": 2},
        {"factor: kernel": "3x3", "factor: shared by": "all", "arm": "arm_1", "runs": 1},
    ]
    assert plane_rows(plane, rows[:1]) == [
        {"factor: kernel": "5x5", "factor: shared by": "all", "arm": "arm_2", "runs": 2}
    ]
