"""What figures draw, read back from the figures themselves."""

import sys

import matplotlib
import pytest
from matplotlib import colors

from lenet_jax.analysis.summaries import arm_rows, paper_rows
from lenet_jax.models.bitmaps import read_bitmaps
from lenet_jax.report import figures
from tests.helpers.results import arm, result

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-", "svg": b"<?xml"}


def fields(connectivity="local", sharing="shared", name="cnn"):
    return {"model.name": name, "model.connectivity": connectivity, "model.sharing": sharing}


def drawn(arms, cost="parameters", words=None, **parameters):
    """The figure of arms with these configs and counts, of decreasing error."""
    results = [
        result(name, seed, 0.5 + i / 20 + seed / 100, **{cost: parameters.get(name, 10 ** (i + 3))})
        for i, name in enumerate(arms)
        for seed in range(2)
    ]
    words = words or {name: name for name in arms}
    return figures.errors_of_arms(cost, arm_rows(results), words, arms, "title")


def markers(arms):
    """Arm -> (marker, colour, fill) of the figure of arms with these configs."""
    [axes] = drawn(arms).axes
    lines = {round(float(container[0].get_ydata()[0]), 3): container[0] for container in axes.containers}
    names = dict(zip(sorted(lines, reverse=True), arms, strict=True))
    return {
        names[height]: (line.get_marker(), line.get_color(), line.get_markerfacecolor())
        for height, line in lines.items()
    }


def test_looks_follow_the_config_and_not_the_name():
    found = markers({
        "full_unshared": fields("local", "shared"),
        "a": fields("full", "unshared"),
        "local_shared": fields(name="mlp"),
        "b": fields("random,random", "shared"),
    })  # fmt: skip
    assert found == {
        "full_unshared": ("o", "tab:blue", "tab:blue"),
        "a": ("o", "tab:green", "white"),
        "local_shared": ("s", "tab:gray", "tab:gray"),
        "b": ("o", "tab:orange", "tab:orange"),
    }


@pytest.mark.parametrize("cost", figures.COSTS)
def test_errors_are_drawn_against_each_cost(cost):
    [axes] = drawn({"a": fields(), "b": fields("full")}, cost).axes
    points = [(line[0].get_xdata()[0], line[0].get_ydata()[0]) for line in axes.containers]
    assert points == [(1_000, pytest.approx(49.5)), (10_000, pytest.approx(44.5))]
    assert axes.get_xlabel() == figures.COSTS[cost] and axes.get_ylabel() == "test error (%)"


def test_arms_of_equal_parameters_are_rows_and_have_no_figure_of_other_costs():
    arms = {"a": fields(), "b": fields("random"), "c": fields("full")}
    words = {"a": "the first", "b": "the second", "c": "the third"}
    [axes] = drawn(arms, words=words, a=5, b=5, c=5).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(words.values())
    errors = [round(float(line[0].get_xdata()[0]), 3) for line in axes.containers]
    assert errors == [49.5, 44.5, 39.5] and axes.get_xlabel() == "test error (%)"
    assert drawn(arms, "macs", a=5, b=5, c=5) is None


def test_many_arms_are_rows():
    arms = {f"arm{i}": fields() for i in range(9)}
    assert drawn(arms).axes[0].get_xlabel() == "trainable parameters"
    many = {f"arm{i}": fields() for i in range(figures.MOST_NAMED + 1)}
    results = [result(name, 0, 0.5 + i / 50, parameters=10 + i) for i, name in enumerate(many)]
    figure = figures.errors_of_arms("parameters", arm_rows(results), {name: name for name in many}, many, "")
    assert len(figure.axes[0].get_yticklabels()) == len(many)


def test_names_that_find_no_room_become_rows():
    arms = {f"arm{i}": fields() for i in range(6)}
    results = [result(name, 0, 0.5 + i / 10_000, parameters=100_000 + i) for i, name in enumerate(arms)]
    words = {name: f"a name of thirty characters, {name}" for name in arms}
    rows = [*arm_rows(results), *arm_rows([result("far", 0, 0.9, parameters=10)])]
    arms, words = arms | {"far": fields()}, words | {"far": "far"}
    figure = figures.errors_of_arms("parameters", rows, words, arms, "title")
    assert len(figure.axes[0].get_yticklabels()) == 7 and not figure.axes[0].texts


def test_colours_and_marks_are_explained():
    def legend(arms):
        return [text.get_text() for its in drawn(arms).legends for text in its.get_texts()]

    wired = {"a": fields(), "b": fields("full", "unshared")}
    marks = ["filled: shared weights", "open: unshared weights"]
    assert legend(wired) == ["local connectivity", "full connectivity", *marks]
    assert legend(wired | {"c": fields(name="mlp")})[-1] == "other networks"
    partly = {"a": fields(), "b": fields(sharing="blocks")}
    assert legend(partly)[1:] == ["filled: shared weights", "gray: partly shared weights"]
    assert legend({"a": fields(name="mlp"), "b": fields(name="mlp")}) == []


@pytest.mark.parametrize("mixed", [fields("local,full"), fields(sharing="shared, unshared")])
def test_stages_that_differ_are_drawn_as_other_networks(mixed):
    assert markers({"a": mixed})["a"] == ("s", "tab:gray", "tab:gray")


def test_other_connectivities_have_colours_of_their_own():
    found = markers({f"arm{i}": fields(f"strip{i % 7}") for i in range(8)} | {"local": fields()})
    known = {*figures.COLOURS.values(), figures.OTHER}
    assert all(found[f"arm{i}"][0] == "o" and found[f"arm{i}"][1] not in known for i in range(8))
    assert len({found[f"arm{i}"][1] for i in range(5)}) == 5
    assert found["arm0"] == found["arm7"] and found["local"][1] == "tab:blue"
    assert all(colors.is_color_like(colour) for colour in figures.MORE_COLOURS)


def test_every_arm_with_a_mean_is_named():
    rows = arm_rows([result("a", 0, 0.5), result("b", 0, None)])
    figure = figures.errors_of_arms("parameters", rows, {"a": "an arm"}, {"a": fields()}, "title")
    assert [text.get_text() for text in figure.axes[0].texts] == ["an arm"]


def pairs(*accuracies):
    paper = {"error_percent": 5.0, "images": 100, "errors": None}
    results = [result(f"arm{i}", 0, accuracy) for i, accuracy in enumerate(accuracies)]
    arms = [arm(f"arm{i}", label=f"number {i}", paper=None if i else paper) for i in range(len(accuracies))]
    return figures.pairs_of(paper_rows(results, arms, {its["name"]: "" for its in arms}))


def test_papers_errors_are_drawn_below_ours_and_diverged_arms_left_out():
    figure = figures.errors_alongside_papers(pairs(0.9, None, 0.92), "title")
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["number 0", "number 2"]
    ours, papers = axes.containers
    assert list(ours[0].get_xdata()) == pytest.approx([10, 8]) and list(papers[0].get_xdata()) == [5]
    assert axes.get_xscale() == "linear"


def test_errors_far_apart_have_a_logarithmic_axis():
    figure = figures.errors_alongside_papers(pairs(0.99, 0.2), "title")
    assert figure.axes[0].get_xscale() == "log"


def test_bitmaps_are_drawn_for_every_class():
    figure = figures.bitmaps_of_classes(read_bitmaps("1998", 10))
    assert [axes.get_title() for axes in figure.axes] == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("form", figures.FORMATS)
def test_a_figure_has_every_format_whatever_the_users_settings(form):
    def draw():
        return figures.render(drawn({"a": fields(), "b_c": fields("full")}), form)

    plain = draw()
    assert plain.startswith(MAGIC[form])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "none"}):
        assert draw() == plain
        assert matplotlib.rcParams["font.size"] == 30  # as it was


def test_drawing_needs_no_pyplot(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    assert figures.render(figures.bitmaps_of_classes(read_bitmaps("1998", 10)), "png")
