"""Figures of two factors: lines if one has few levels, otherwise heat maps."""

import itertools
import math

import pytest

from lenet_jax.analysis.planes import Plane, plane_rows
from lenet_jax.analysis.summaries import arm_rows
from lenet_jax.report.plane_figures import draw_plane
from tests.helpers.results import result

DISTANCES = ["2", "3", "6, then 5", "any"]


def plane(rows, columns):
    cells = {cell: " ".join(cell) for cell in itertools.product(rows, columns)}
    return Plane(("distance", "weights"), (rows, columns), cells)


def drawn(of, without=(), reference=None):
    """The figure of arms with two seeds each, whose errors are 1, 2, 3, ... percent."""
    results = [
        result(name, seed, (0.99 if seed else 1.01) - (i + 1) / 100)
        for i, name in enumerate(of.arms.values())
        for seed in range(2)
        if name not in without
    ]
    figure, title = draw_plane(of, plane_rows(of, arm_rows(results)), "MNIST", True, reference)
    assert figure.get_suptitle().replace("\n", " ") == title
    return figure


def read(container):
    """The places and errors of a line, rounded."""
    line = container[0]
    return [round(float(x)) for x in line.get_xdata()], [round(float(y), 3) for y in line.get_ydata()]


def test_a_factor_of_few_levels_is_a_line_for_each_over_the_levels_of_the_other():
    figure = drawn(plane(DISTANCES, ["shared", "unshared"]))
    [axes] = figure.axes
    assert [container.get_label() for container in axes.containers] == ["shared", "unshared"]
    assert list(map(read, axes.containers)) == [([0, 1, 2, 3], [1, 3, 5, 7]), ([0, 1, 2, 3], [2, 4, 6, 8])]
    assert [text.get_text() for text in axes.get_xticklabels()] == DISTANCES
    assert (axes.get_xlabel(), axes.get_legend().get_title().get_text()) == ("distance", "weights")
    assert figure.get_suptitle().split("\n") == [  # in lines of the figure's width
        "MNIST: test error by distance and weights, with 95% intervals over 2 seeds and",
        "the test images",
    ]
    shared, unshared = (container[0] for container in axes.containers)
    assert shared.get_marker() != unshared.get_marker()
    assert shared.get_linestyle() != unshared.get_linestyle()


def test_what_all_arms_are_compared_with_is_a_line():
    figure = drawn(plane(DISTANCES, ["shared", "unshared"]), reference=("the convolution", 1.5))
    [axes], [legend] = figure.axes, figure.legends
    assert [1.5, 1.5] in [list(line.get_ydata()) for line in axes.lines]
    assert [text.get_text() for text in legend.get_texts()] == ["the convolution"]
    assert len(axes.get_legend().get_texts()) == 2  # the levels of the factor alone, as its title says


def test_the_factor_of_few_levels_may_come_first():
    [axes] = drawn(plane(["shared", "unshared"], DISTANCES)).axes
    assert list(map(read, axes.containers)) == [([0, 1, 2, 3], [1, 2, 3, 4]), ([0, 1, 2, 3], [5, 6, 7, 8])]
    assert (axes.get_xlabel(), axes.get_legend().get_title().get_text()) == ("weights", "distance")


def test_intervals_are_those_of_the_rows():
    of = plane(DISTANCES, ["shared", "unshared"])
    [axes] = drawn(of).axes
    row = arm_rows([result("2 shared", seed, 0.98 + seed / 50) for seed in range(2)])[0]
    assert row["test_accuracy_ci_high"] == 1  # clipped
    [(low, high), *_] = axes.containers[0][2][0].get_segments()
    assert low[1] == pytest.approx(0)
    assert high[1] == pytest.approx(100 - 100 * row["test_accuracy_ci_low"])


def test_levels_without_runs_leave_gaps():
    [axes] = drawn(plane(DISTANCES, ["shared", "unshared"]), without=["3 shared"]).axes
    shared, unshared = map(read, axes.containers)
    assert shared[0] == [0, 1, 2, 3] and shared[1] == pytest.approx([1, math.nan, 5, 7], nan_ok=True)
    assert unshared == ([0, 1, 2, 3], [2, 4, 6, 8])


def test_many_levels_of_both_factors_are_heat_maps_of_errors_and_parameters():
    figure = drawn(plane(DISTANCES, ["all", "4x4", "2x2", "none"]), without=["3 4x4"])
    errors, parameters = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["test error (%)", "trainable parameters"]
    assert [text.get_text() for text in errors.texts][:6] == ["1.00", "2.00", "3.00", "4.00", "5.00", "7.00"]
    assert len(parameters.texts) == 15


def test_there_is_no_figure_without_test_errors():
    of = plane(DISTANCES, ["shared", "unshared"])
    results = [result(name, 0, None) for name in of.arms.values()]
    assert draw_plane(of, plane_rows(of, arm_rows(results)), "MNIST", True) is None
