"""Arms: what a config file may list, and what is refused before the first run."""

import datetime
import math
import pathlib
import pickle
import types

import numpy as np
import pytest

from lenet_jax.config.arms import Arm, Paper, PlannedContrast, check_arms, check_planned, select_arms
from lenet_jax.errors import UserError

ARMS = [Arm("a", {"model.hidden": (8,)}), Arm("b", {}, baselines={"width": "a"}), Arm("c", {})]


def test_arms_of_a_users_own_class_and_mappings_can_be_sent_to_other_processes():
    class Special(Arm):
        pass

    arm = Special(
        "x",
        types.MappingProxyType({"model.sharing": "unshared"}),
        baselines=types.MappingProxyType({"contrast": "y"}),
        candidates=types.MappingProxyType({"slow": types.MappingProxyType({"train.learning_rate": 0.01})}),
    )
    checked = check_arms([arm, Arm("y", {})])
    assert pickle.loads(pickle.dumps(checked)) == checked
    assert checked[0].candidates == {"slow": {"train.learning_rate": 0.01}}


def test_arms_that_fit_are_returned():
    assert check_arms(ARMS) == ARMS
    assert check_arms(tuple(ARMS)) == ARMS


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        ({"a": {}}, "must return a list of lenet_jax.Arm"),
        ((arm for arm in ARMS), "must return a list of lenet_jax.Arm"),
        ([{"name": "a", "overrides": {}}], "must return a list of lenet_jax.Arm"),
        ({*ARMS[2].name}, "must return a list of lenet_jax.Arm"),
        (["a"], "must return a list of lenet_jax.Arm"),
        (None, "must return a list"),
        ([], "returns no arms: return at least one"),
        ([Arm("a/b", {})], "a/b.*letters"),
        ([Arm("", {})], "letters"),
        ([Arm(3, {})], r"\[3\].*letters"),
        ([Arm("n" * 81, {})], "at most 80 letters"),
        ([Arm("n" * 260, {})], r"'n+\.\.\.n+'.*at most 80 letters"),
        ([Arm("\N{CJK UNIFIED IDEOGRAPH-6587}" * 80, {})], "200 bytes"),
        ([Arm(".", {})], "the first a letter, a digit or _"),
        ([Arm("..", {})], "the first a letter, a digit or _"),
        ([Arm("-a", {})], "the first a letter, a digit or _"),
        ([Arm(".hidden", {})], "the first a letter, a digit or _"),
        ([Arm("+a", {})], "the first a letter, a digit or _"),
        ([Arm("a\n", {})], "letters"),
        ([Arm(("a",), {})], "letters"),
        ([Arm("net", {}), Arm("Net", {})], "names both net and Net: give each arm its own name"),
        ([Arm("stra\xdfe", {}), Arm("STRASSE", {})], "names both stra\xdfe and STRASSE"),
        ([Arm("a", {}), Arm("a", {})], "names a twice"),
        ([Arm("a", {}, baselines={"width": "z"})], "a is compared with z in 'width', which"),
        ([Arm("a", {}, baselines={"width": "a"})], "a is compared with itself in 'width'"),
        ([Arm("a", None)], "Arm a has overrides=None: give a dict of fields"),
        ([Arm("a", {}, paper=7)], "Arm a has paper=7: give a lenet_jax.Paper or None"),
        (
            [Arm("a", {}, paper={"error_percent": 5.0})],
            "Arm a has paper={.*}: give a lenet_jax.Paper or None",
        ),
        ([Arm("a", {}, label=3)], "Arm a has label=3: give text"),
        ([Arm("a", {}, label=None)], "Arm a has label=None: give text"),
        ([Arm("a", {}, label="one\ntwo")], "Arm a has label='one.*two': tables need one line"),
        ([Arm("a", {}, label="\ud800")], "tables need one line of printable text"),
        ([Arm("a", {}, tuned_with=1)], "Arm a has tuned_with=1: give text"),
        (
            [Arm("a", {}, factors={"depth": "1"})],
            "Arm a has factors=.*: give a dict from the names of two factors",
        ),
        ([Arm("a", {}, factors={"depth": "1", "width": 8})], "Arm a has factors=.*: give a dict from"),
        ([Arm("a", {}, factors={"depth": "1", "\n": "8"})], "Arm a has factors=.*: give a dict from"),
        (
            [Arm(name, {}, factors={"depth": "1", "width": "8"}) for name in "ab"],
            "Arms a and b have the same factors: give each its own levels",
        ),
        (
            [
                Arm("a", {}, factors={"depth": "1", "width": "8"}),
                Arm("b", {}, factors={"width": "8", "depth": "2"}),
            ],
            "Arm b names its factors in another order than other arms",
        ),
        ([Arm("a", {}, factors=[["depth", "1"]])], "Arm a has factors=.*: give a dict from"),
        ([Arm("a", {}, fit="0.9")], "Arm a has fit='0.9': give a training accuracy in"),
        ([Arm("a", {}, fit=True)], "Arm a has fit=True: give a training accuracy in"),
        ([Arm("a", {}, fit=99.9)], "Arm a has fit=99.9: give a training accuracy in"),
        ([Arm("a", {}, fit=-0.1)], "Arm a has fit=-0.1: give a training accuracy in"),
        ([Arm("a", {}, fit=float("nan"))], "Arm a has fit=nan: give a training accuracy in"),
        ([Arm("a", {}, fit=0.9, tuned_with="b")], "Arm a has fit=0.9 and tuned_with='b'.*: remove one"),
        ([Arm("a", {}, first=1)], "Arm a has first=1: give a list of names of candidates"),
        ([Arm("a", {}, first=["x"])], "Arm a has first=.*: name consecutive candidates"),
        (
            [Arm("a", {}, candidates={key: {} for key in "xyz"}, first="xy")],
            "a has first='xy': name consecutive",
        ),
        (
            [Arm("a", {}, candidates={key: {} for key in "xyz"}, first=["x", "z"])],
            "name consecutive candidates",
        ),
        ([Arm("a", {}, candidates={key: {} for key in "xyz"}, first=["y", "x"])], "in their order"),
        (
            [Arm("a", {}, candidates={key: {} for key in "xy"}, first=["x"], fit=0.9)],
            "fit=0.9 and first=.*: rem",
        ),
        ([Arm("a", {}, candidates=[{}, {}])], "Arm a has candidates=.*: give a dict from names to overrides"),
        ([Arm("a", {}, candidates={1: {}})], "Arm a has a candidate named 1: name candidates as arms"),
        ([Arm("a", {}, candidates={"x": 0.1})], "Arm a has 0.1 as candidate x: give a dict of fields"),
        ([Arm("a", {}, candidates={"x": {"train.nope": 1}})], "Arm a overrides 'train.nope', which is not"),
        ([Arm("a", {}, candidates={"x": {"seed": 1}})], "Arm a sets seed"),
        ([Arm("a", {}, baselines=["b"])], "Arm a has baselines=.*: give a dict from the names of contrasts"),
        ([Arm("a", {}, baselines={1: "a"})], "Arm a has a contrast named 1"),
        ([Arm("a", {}, baselines={" ": "a"})], "Arm a has a contrast named ' '"),
        ([Arm("a", {}, baselines={"width": ["a"]})], r"Arm a is compared with \['a'\] in 'width'"),
        ([Arm("a", {}, baselines={"width": None})], "Arm a is compared with None in 'width'"),
        ([Arm("a", {"seeds": 3})], "Arm a sets seeds, which is a field of the whole sweep"),
        ([Arm("a", {"seed": 3})], "Arm a sets seed, which numbers its repetitions"),
        ([Arm("a", {}, reading="best_")], "Arm a has reading='best_': choose one of '', 'test_selected_'"),
        ([Arm("a", {}, reading=["last_"])], r"Arm a has reading=\['last_'\]: give text"),
        ([Arm("a", {}, reading=None)], "Arm a has reading=None: give text"),
        ([Arm("a", {}, paper=Paper(5.0, 0))], "Arm a has paper.images=0, which must be a whole number of at"),
        ([Arm("a", {}, paper=Paper(5.0, 100, 101))], "paper.errors=101, which must be None or .* from 0 to"),
        ([Arm("a", {}, paper=Paper(5.0, 100, -1))], "paper.errors=-1, which must be None or .* from 0 to"),
        ([Arm("a", {}, paper=Paper(5.0, 100, None, 101))], "paper.train_error_percent=101, which must be"),
        (
            [Arm("a", {}, paper=Paper(5.0, 100, train_loss="1"))],
            "paper.train_loss='1', which must be None or",
        ),
        (
            [Arm("a", {}, paper=Paper(5.0, 100, test_loss=math.inf))],
            "paper.test_loss=inf, which must be None",
        ),
        (
            [Arm("a", {}, paper=Paper(5.0, 100, 5.5))],
            "paper.errors=5.5, which must be None or a whole number",
        ),
    ],
)
def test_invalid_arms_are_refused(arms, sentence):
    with pytest.raises(UserError, match=sentence):
        check_arms(arms)


@pytest.mark.parametrize("error", ["5.0", None, float("nan"), 105, -1, True, [5.0], float("inf")], ids=repr)
def test_a_papers_error_that_is_no_percentage_is_refused(error):
    with pytest.raises(
        UserError, match=r"Arm a has paper.error_percent=.*, which must be a number in \[0, 100"
    ):
        check_arms([Arm("a", {}, paper=Paper(error, 100))])


@pytest.mark.parametrize("images", [None, 100.0, 0, True, "100", -1], ids=repr)
def test_a_papers_images_that_are_no_count_are_refused(images):
    with pytest.raises(
        UserError, match=r"Arm a has paper.images=.*, which must be a whole number of at least"
    ):
        check_arms([Arm("a", {}, paper=Paper(5.0, images))])


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"model": {"sharing": "unshared"}}, "'model', which is not a field: name each field with its group"),
        ({"model.shared": "x"}, "'model.shared', which is not a field: perhaps model.sharing"),
        ({3: 1}, "3, which is not a field: experiments.train --help lists all fields"),
        ({"model.hidden[0]": 3}, r"'model.hidden\[0\]', which is not a field"),
        ({"train.epochs": None}, "config.train.epochs=None must be a whole number"),
        ({"train.epochs": np.int64(3)}, "config.train.epochs=.*3.* must be a whole number"),
        ({"train.epochs": True}, "config.train.epochs=True must be a whole number"),
        ({"train.epochs": 3.0}, "config.train.epochs=3.0 must be a whole number"),
        (
            {"train.learning_rate": np.array([0.1, 0.2])},
            r"config.train.learning_rate=array\(.* must be a number",
        ),
        ({"dataset": pathlib.Path("boats.npz")}, "config.dataset=.*boats.npz.* must be text"),
        ({"data.data_dir": b"x"}, "config.data.data_dir=b'x' must be text"),
        ({"model.activation": datetime.date(1998, 11, 1)}, "config.model.activation=.* must be text"),
        ({"model.hidden": {8, 4}}, "config.model.hidden=.* must be a list of numbers"),
        ({"model.hidden": ((8,), (4,))}, "config.model.hidden=.* must be a list of numbers"),
        ({"tensorboard": 1}, "config.tensorboard=1 must be True or False"),
        ({"train.epochs": 2**63}, "config.train.epochs=9223372036854775808 is too large"),
        ({"model.maps": (6, 10**5000)}, "is too large: whole numbers must fit into 64 bits"),
    ],
)
def test_overrides_that_are_no_fields_with_values_of_their_types_are_refused(overrides, sentence):
    for arm in (Arm("a", overrides), Arm("a", {}, candidates={"x": overrides})):
        with pytest.raises(UserError, match=f"^Arm a overrides .*{sentence}"):
            check_arms([arm])


def test_overrides_may_be_whole_numbers_for_numbers_and_lists_for_tuples():
    check_arms([Arm("a", {"train.learning_rate": 1, "model.hidden": [8], "train.momentum": np.float64(0.5)})])


def test_arms_are_selected_by_name_in_their_own_order():
    assert select_arms("", ARMS) == ARMS
    assert [arm.name for arm in select_arms(" c,a ", ARMS)] == ["a", "c"]
    with pytest.raises(UserError, match=r"config.arms names d, e: choose from a, b, c"):
        select_arms("d,a,e", ARMS)


def test_a_record_of_an_arm_is_json():
    arm = Arm("a", {"model.hidden": (8,)}, "a net", {"width": "b"}, Paper(5.0, 100, 5), "last_", {"x": {}},
              factors={"width": "8", "depth": "1"})  # fmt: skip
    assert arm.to_record() == {
        "name": "a",
        "overrides": {"model.hidden": [8]},
        "label": "a net",
        "baselines": {"width": "b"},
        "paper": {
            "error_percent": 5.0,
            "images": 100,
            "errors": 5,
            "train_error_percent": None,
            "train_loss": None,
            "test_loss": None,
        },
        "reading": "last_",
        "group": "",
        "factors": [["width", "8"], ["depth", "1"]],
    }


@pytest.mark.parametrize(
    ("planned", "sentence"),
    [
        ({"x": {"a": 1}}, "must return a list of lenet_jax.PlannedContrast"),
        ([{"a": 1, "b": -1}], "must return a list of lenet_jax.PlannedContrast"),
        ([PlannedContrast("", {"a": 1, "b": -1})], "one line of printable text"),
        ([PlannedContrast("x\ny", {"a": 1, "b": -1})], "one line of printable text"),
        ([PlannedContrast("x", {"a": 1, "b": -1})] * 2, "names 'x' twice"),
        ([PlannedContrast("x", {"a": 1, "b": 1})], "give arms numbers that add up to 0"),
        ([PlannedContrast("x", {})], "give arms numbers that add up to 0"),
        ([PlannedContrast("x", {"a": "1", "b": -1})], "give arms numbers that add up to 0"),
        ([PlannedContrast("x", ["a", "b"])], "give arms numbers that add up to 0"),
        ([PlannedContrast("x", {"a": 1, "d": -1})], "has the arm d, which get_arms"),
        ([PlannedContrast("x", {"a": 1, "b": -1}, -0.1)], "has margin=-0.1"),
        ([PlannedContrast("x", {"a": 1, "b": -1}, "0.1")], "has margin='0.1'"),
        ([PlannedContrast("x", {"a": 1, "b": -1}, seeds=-1)], "has seeds=-1"),
        ([PlannedContrast("x", {"a": 1, "b": -1}, seeds=2.0)], "has seeds=2.0"),
    ],
)
def test_planned_contrasts_that_do_not_fit_are_refused(planned, sentence):
    with pytest.raises(UserError, match=sentence):
        check_planned(planned, ARMS)


def test_planned_contrasts_that_fit_are_recorded_as_json():
    third = {"a": 1 / 3, "b": 1 / 3, "c": -2 / 3}
    [found] = check_planned([PlannedContrast("x", types.MappingProxyType(third), 1)], ARMS)
    assert found.to_record() == {"name": "x", "weights": third, "margin": 1.0, "seeds": 0}
