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


def markers(arms):
    """Arm -> (marker, colour, fill) of the figure, for arms of increasing accuracy with these configs."""
    results = [
        result(name, seed, 0.5 + i / 20 + seed / 100) for i, name in enumerate(arms) for seed in range(2)
    ]
    figure = figures.accuracy_against("parameters", arm_rows(results), arms, "title")
    [axes] = figure.axes
    lines = {round(container[0].get_ydata()[0], 3): container[0] for container in axes.containers}
    names = dict(zip(sorted(lines), arms, strict=True))
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
def test_accuracy_is_drawn_against_each_cost(cost):
    rows = arm_rows([result("a", 0, 0.5, macs=1000), result("b", 0, 0.75, macs=2000)])
    [axes] = figures.accuracy_against(cost, rows, {"a": fields(), "b": fields("full")}, "title").axes
    at = [container[0].get_xdata()[0] for container in axes.containers]
    assert at == [row[cost] for row in rows] and axes.get_xlabel() == figures.COSTS[cost]


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
    results = [result("a", 0, 0.5), result("b", 0, None)]
    figure = figures.accuracy_against("parameters", arm_rows(results), {"a": fields()}, "title")
    assert [text.get_text() for text in figure.axes[0].texts] == ["a"]


def rows_of_papers(*accuracies):
    paper = {"error_percent": 5.0, "images": 100, "errors": None}
    results = [result(f"arm{i}", 0, accuracy) for i, accuracy in enumerate(accuracies)]
    arms = [arm(f"arm{i}", label="x", paper=None if i else paper) for i in range(len(accuracies))]
    return paper_rows(results, arms, {its["name"]: "" for its in arms})


def test_papers_errors_are_drawn_below_ours_and_diverged_arms_left_out():
    figure = figures.errors_alongside_papers(rows_of_papers(0.9, None, 0.92), "title")
    [axes] = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["arm0", "arm2"]
    ours, papers = axes.containers
    assert list(ours[0].get_xdata()) == pytest.approx([10, 8]) and list(papers[0].get_xdata()) == [5]
    assert axes.get_xscale() == "linear"


def test_errors_far_apart_have_a_logarithmic_axis():
    figure = figures.errors_alongside_papers(rows_of_papers(0.99, 0.2), "title")
    assert figure.axes[0].get_xscale() == "log"


def test_bitmaps_are_drawn_for_every_class():
    figure = figures.bitmaps_of_classes(read_bitmaps("1998", 10))
    assert [axes.get_title() for axes in figure.axes] == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("form", figures.FORMATS)
def test_a_figure_has_every_format_whatever_the_users_settings(form):
    def draw():
        rows = arm_rows([result("a", 0, 0.5), result("b_c", 1, 0.7)])
        figure = figures.accuracy_against("parameters", rows, {"a": fields(), "b_c": fields("full")}, "title")
        return figures.render(figure, form)

    plain = draw()
    assert plain.startswith(MAGIC[form])
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "none"}):
        assert draw() == plain
        assert matplotlib.rcParams["font.size"] == 30  # as it was


def test_drawing_needs_no_pyplot(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    assert figures.render(figures.bitmaps_of_classes(read_bitmaps("1998", 10)), "png")
