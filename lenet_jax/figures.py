"""The figure of a sweep: test accuracy against trainable parameters."""

import math
import pathlib

import matplotlib
from matplotlib import patheffects
from matplotlib import pyplot as plt

from lenet_jax import records

matplotlib.use("Agg")  # files only; no display is needed

COLOURS = {"local": "tab:blue", "random": "tab:orange", "full": "tab:green"}
OTHER = "tab:gray"
NEAR = 0.35  # decades of parameters within which two labels would meet
LABEL_GAP = 0.045  # of the axis' height, between such labels


def accuracy_against_parameters(rows: list[dict], title: str, path: pathlib.Path) -> None:
    """Draws the rows of `lenet_jax.tables.arm_rows` that have a mean, and saves a PNG.

    Parameters are on a logarithmic axis; bars are the rows' intervals; every arm is named. Colours
    follow the connectivity in an arm's name, filled markers are shared kernels.
    """
    rows = [row for row in rows if row["test_accuracy_mean"] is not None]
    figure, axes = plt.subplots(figsize=(10, 5.6), layout="constrained")
    for row in rows:
        mean = 100 * row["test_accuracy_mean"]
        # A single seed has a mean and no interval.
        low, high = (
            mean if row[end] is None else 100 * row[end]
            for end in ("test_accuracy_ci_low", "test_accuracy_ci_high")
        )
        colour = COLOURS.get(row["arm"].split("_")[0], OTHER)
        axes.errorbar(
            row["parameters"],
            mean,
            yerr=[[mean - low], [high - mean]],
            fmt="o",
            color=colour,
            markerfacecolor="white" if row["arm"].endswith("_unshared") else colour,
            capsize=4 if row["arm"].startswith("random") else 7,  # equal arms stay tellable apart
            markersize=7,
            alpha=0.85,
            zorder=4,  # over the names: no name hides where an interval ends
        )
    axes.set_xscale("log")
    axes.margins(x=0.16, y=0.08)
    _name_arms(axes, rows)
    axes.set_xlabel("trainable parameters")
    axes.set_ylabel("test accuracy (%)")
    axes.set_title(title)
    axes.grid(True, which="major", alpha=0.3)
    with records.replacing(path) as draft:
        figure.savefig(draft, dpi=150, format="png")
    plt.close(figure)


def _name_arms(axes, rows: list[dict]) -> None:
    """Writes each arm's name right of its marker, moved up where it would cover another name."""
    bottom, top = axes.get_ylim()
    placed = []  # (log10 of parameters, height of the label)
    for row in sorted(rows, key=lambda row: row["test_accuracy_mean"]):
        where, mean = math.log10(row["parameters"]), 100 * row["test_accuracy_mean"]
        height = mean
        for other, taken in placed:  # from the bottom up
            if abs(where - other) < NEAR and height < taken + LABEL_GAP * (top - bottom):
                height = taken + LABEL_GAP * (top - bottom)
        placed.append((where, height))
        axes.annotate(
            row["arm"],
            (row["parameters"], mean),
            (10 ** (where + 0.025), height),
            fontsize=9,
            path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
            verticalalignment="center",
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.7} if height != mean else None,
        )
