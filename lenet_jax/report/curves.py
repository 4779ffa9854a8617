"""Learning curves of a sweep, which can be read in black and white."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lenet_jax.report.drawing import arm_name, entitle, logarithmic, project_settings

# isort: split
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

LINES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX<>*p"
MARKERS_PER_CURVE = 6


@project_settings()
def learning_curves(epochs: Sequence[Mapping[str, Any]], words: Mapping[str, str], title: str) -> Figure:
    """Draws training loss and validation error against epochs, averaged over seeds.

    Without validation accuracies, the training error is drawn. The loss is on a logarithmic axis if all
    losses are positive.

    Args:
      epochs: one row per epoch of a run: arm, seed, epoch, train_loss, train_accuracy and maybe val_accuracy;
        accuracies are fractions; None if not finite or not measured.
      words: the arms to draw, in the order of the legend, and what each is, in words.
    """
    arms = list(words)
    epochs = [row for row in epochs if row["arm"] in arms]
    split = "val" if any(row.get("val_accuracy") is not None for row in epochs) else "train"
    losses = _over_seeds(epochs, "train_loss")
    errors = _over_seeds(epochs, f"{split}_accuracy", lambda accuracy: 100 * (1 - accuracy))
    figure = Figure(figsize=(11, max(4.6, 0.22 * len(arms) + 0.8)), layout="constrained")  # all in the legend
    left, right = figure.subplots(1, 2)
    lines = _draw_curves(left, losses, words)
    _draw_curves(right, errors, words)
    if losses and all(min(values) > 0 for curve in losses.values() for values in curve.values()):
        logarithmic(left)
    left.set_ylabel("training loss")
    right.set_ylabel(f"{'validation' if split == 'val' else 'training'} error (%)")
    for axes in (left, right):
        axes.set_xlabel("epochs")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(True, which="major", alpha=0.3)
    figure.legend(handles=lines, loc="outside right center", handlelength=4)
    seeds = [len({row["seed"] for row in epochs if row["arm"] == arm}) for arm in arms]
    span = " to ".join(map(str, sorted({min(seeds), max(seeds)})))
    caption = (
        f"Lines: means over seeds; bands: from the lowest to the highest seed. Seeds per arm: n = {span}."
    )
    if any(len(set(map(len, curve.values()))) > 1 for curve in (*losses.values(), *errors.values())):
        caption += " Some runs end early: each point is over the seeds that have its epoch."
    return entitle(figure, title, caption)


def _over_seeds(
    epochs: Sequence[Mapping[str, Any]], column: str, convert: Callable[[float], float] = float
) -> dict[str, dict[int, list[float]]]:
    """Arm -> epoch -> the converted values of the seeds that have one, by increasing epoch."""
    curves: dict[str, dict[int, list[float]]] = {}
    for row in sorted(epochs, key=lambda row: row["epoch"]):
        if row.get(column) is not None:
            curves.setdefault(row["arm"], {}).setdefault(row["epoch"], []).append(convert(row[column]))
    return curves


def _draw_curves(
    axes: Axes, curves: Mapping[str, Mapping[int, list[float]]], words: Mapping[str, str]
) -> list:
    """Draws means and bands; returns a line per arm, which differ in style, marker and brightness."""
    lines = []
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.8, len(words)))
    styles = zip(words, shades, itertools.cycle(LINES), itertools.cycle(MARKERS), strict=False)
    for i, (arm, shade, line, marker) in enumerate(styles):
        curve = curves.get(arm, {})
        epochs, values = list(curve), list(curve.values())
        step = max(1, len(epochs) // MARKERS_PER_CURVE)
        lines += axes.plot(
            epochs,
            [sum(its) / len(its) for its in values],
            color=shade,
            linestyle=line,
            marker=marker,
            markerfacecolor="white" if i % 2 else shade,
            markersize=5,
            markevery=(i * step // len(words), step),  # not above each other
            linewidth=1.3,
            label=arm_name(words[arm]),
        )
        axes.fill_between(
            epochs, list(map(min, values)), list(map(max, values)), color=shade, alpha=0.15, linewidth=0
        )
    return lines
