"""Arms: what a config file may list, and what is refused before the first run."""

import pytest

from lenet_jax.config.arms import Arm, Paper, check_arms, select_arms
from lenet_jax.errors import UserError

ARMS = [Arm("a", {"model.hidden": (8,)}), Arm("b", {}, baselines={"width": "a"}), Arm("c", {})]


def test_arms_that_fit_are_returned():
    assert check_arms(ARMS) == ARMS
    assert check_arms(tuple(ARMS)) == ARMS


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        ({"a": {}}, "must return a list of lenet_jax.Arm"),
        (["a"], "must return a list of lenet_jax.Arm"),
        (None, "must return a list"),
        ([], "returns no arms: return at least one"),
        ([Arm("a/b", {})], "a/b.*letters"),
        ([Arm("", {})], "letters"),
        ([Arm(3, {})], r"\[3\].*letters"),
        ([Arm("n" * 81, {})], "at most 80 letters"),
        ([Arm("a", {}), Arm("a", {})], "names a twice"),
        ([Arm("a", {}, baselines={"width": "z"})], "a is compared with z in 'width', which"),
        ([Arm("a", {}, baselines={"width": "a"})], "a is compared with itself in 'width'"),
        ([Arm("a", None)], "Arm a has overrides=None: give a dict of fields"),
        ([Arm("a", {}, paper=7)], "Arm a has paper=7: give a lenet_jax.Paper or None"),
        ([Arm("a", {"seeds": 3})], "Arm a sets seeds, which is a field of the whole sweep"),
        ([Arm("a", {"seed": 3})], "Arm a sets seed, which numbers its repetitions"),
        ([Arm("a", {}, reading="best_")], "Arm a has reading='best_': choose one of '', 'test_selected_'"),
        ([Arm("a", {}, paper=Paper(105.0, 100))], r"paper.error_percent=105.0 must be in \[0, 100\]"),
        ([Arm("a", {}, paper=Paper(float("nan"), 100))], "must be in"),
        ([Arm("a", {}, paper=Paper(5.0, 0))], "paper.images=0, which must be at least 1"),
        ([Arm("a", {}, paper=Paper(5.0, 100, 101))], "paper.errors=101 must be at most paper.images=100"),
    ],
)
def test_invalid_arms_are_refused(arms, sentence):
    with pytest.raises(UserError, match=sentence):
        check_arms(arms)


def test_arms_are_selected_by_name_in_their_own_order():
    assert select_arms("", ARMS) == ARMS
    assert [arm.name for arm in select_arms(" c,a ", ARMS)] == ["a", "c"]
    with pytest.raises(UserError, match=r"config.arms names d, e: choose from a, b, c"):
        select_arms("d,a,e", ARMS)


def test_a_record_of_an_arm_is_json():
    arm = Arm("a", {"model.hidden": (8,)}, "a net", {"width": "b"}, Paper(5.0, 100, 5), "last_", {"x": {}})
    assert arm.to_record() == {
        "name": "a",
        "overrides": {"model.hidden": [8]},
        "label": "a net",
        "baselines": {"width": "b"},
        "paper": {"error_percent": 5.0, "images": 100, "errors": 5},
        "reading": "last_",
    }
