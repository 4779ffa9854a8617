"""What the figure of contrasts draws, read back from the figure itself."""

import pytest

from lenet_jax.report import figures
from lenet_jax.report.contrast_figures import contrasts_in_rows

WORDS = {"a": "local, shared", "b": "full, shared", "c": "full, unshared"}
FIELDS = {
    name: {"model.name": "cnn", "model.connectivity": connectivity, "model.sharing": sharing}
    for name, (connectivity, sharing) in {
        "a": ("local", "shared"), "b": ("full", "shared"), "c": ("full", "unshared")
    }.items()
}  # fmt: skip


def row(contrast, arm, baseline, mean, half=None):
    ends = (
        {"ci_low": None, "ci_high": None} if half is None else {"ci_low": mean - half, "ci_high": mean + half}
    )
    return {
        "contrast": contrast,
        "arm": arm,
        "baseline": baseline,
        "difference_mean": mean,
        **{f"difference_{end}": value for end, value in ends.items()},
    }


def axes_of(*rows):
    [axes] = contrasts_in_rows(rows, WORDS, figures.looks_of(FIELDS), "title").axes
    return axes


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_differences_are_drawn_in_errors_per_hundred_with_their_intervals():
    axes = axes_of(row("b against a", "b", "a", -0.004, 0.001), row("c against a", "c", "a", -0.009))
    marks = [container[0] for container in axes.containers]
    assert [(float(mark.get_xdata()[0]), float(mark.get_ydata()[0])) for mark in marks] == [
        (pytest.approx(-0.4), 0.0),
        (pytest.approx(-0.9), 1.0),
    ]
    bars = [container[2][0].get_segments()[0] for container in axes.containers]
    assert bars[0][:, 0].tolist() == pytest.approx([-0.5, -0.3]) and not len(bars[1])
    assert [mark.get_markerfacecolor() for mark in marks] == ["tab:green", "white"]
    assert axes.get_xscale() == "linear"


def test_a_baseline_that_all_share_is_named_once():
    axes = axes_of(row("b against a", "b", "a", 0.01), row("c against a", "c", "a", 0.02))
    assert names(axes) == ["full, shared", "full, unshared"]
    assert "test images than local, shared (below 0: more)" in axes.get_xlabel()


def test_baselines_that_differ_are_named_in_each_row_and_names_of_contrasts_are_kept():
    axes = axes_of(row("a against b", "a", "b", 0.01), row("both constraints", "a", "c", 0.02))
    assert names(axes) == ["local, shared against full, shared", "both constraints"]
    assert "than" not in axes.get_xlabel()


def test_far_differences_make_the_axis_logarithmic():
    near = [row(f"contrast {i}", "a", "b", i / 1000) for i in range(1, 4)]
    assert axes_of(*near).get_xscale() == "linear"
    axes = axes_of(*near, row("far", "a", "c", -0.9))
    assert axes.get_xscale() == "symlog" and axes.get_xlabel().endswith("logarithmic beyond 1")
    low, high = axes.get_xlim()
    assert low < -90 and high > 0.3
