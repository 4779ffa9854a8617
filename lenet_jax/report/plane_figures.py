"""Figures of sweeps over two factors: heat maps, or lines with intervals if one factor has few levels."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lenet_jax.report.curves import LINES, MARKERS
from lenet_jax.report.drawing import entitle, error_bars, literal, project_settings

# isort: split
import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from lenet_jax.analysis.planes import Plane
from lenet_jax.analysis.stats import NO_INTERVAL
from lenet_jax.analysis.summaries import Row, error_percent, scored
from lenet_jax.report.numbers import with_intervals

MOST_LINES = 3  # levels of a factor that are lines; with more levels of both, a plane is two heat maps
APART = 0.08  # of lines, in distances between levels, so that no interval covers another
COLOURS = (
    "viridis_r"  # better cells, of fewer errors and fewer parameters, are light, also in black and white
)
DARK = 0.55  # share of the colour range above which text is white


def draw_plane(
    plane: Plane,
    rows: Sequence[Row],
    dataset: str,
    covers_images: bool,
    reference: tuple[str, float] | None = None,
) -> tuple[Figure, str] | None:
    """Draws the test errors of a plane's arms; returns the figure and its title, or None without any.

    If a factor has at most MOST_LINES levels, each of them is a line, over the levels of the other factor,
    with intervals, and the reference a horizontal line. Otherwise errors and trainable parameters are two
    heat maps, with numbers in their cells.

    Args:
      rows: of `lenet_jax.analysis.planes.plane_rows`.
      dataset: in words.
      covers_images: whether the intervals cover the draw of the test images.
      reference: the plane's, in words, and its mean test error in percent; None without one.
    """
    cells = {tuple(row[f"factor: {factor}"] for factor in plane.factors): row for row in rows}
    if all(row["test_accuracy_mean"] is None for row in rows):
        return None
    if min(map(len, plane.levels)) <= MOST_LINES:
        title = f"{dataset}: test error by {' and '.join(plane.factors)}"
        title = with_intervals(title, scored(rows), covers_images)
        return _lines(plane, cells, title, reference), title
    title = f"{dataset}: test error and trainable parameters"
    return _heat_maps(plane, cells, title), title


@project_settings()
def _lines(
    plane: Plane, cells: Mapping[tuple[str, str], Row], title: str, reference: tuple[str, float] | None
) -> Figure:
    """Draws test errors against the levels of the factor that has more of them, of the first if equal."""
    first, second = plane.levels
    across = 0 if len(first) >= len(second) else 1
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    places, lines = plane.levels[across], plane.levels[1 - across]
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.6, len(lines)))
    for number, (line, shade) in enumerate(zip(lines, shades, strict=True)):
        of_line = [cells.get((place, line) if across == 0 else (line, place)) for place in places]
        errors, bars = error_bars([error_percent(row) if row else NO_INTERVAL for row in of_line])
        axes.errorbar(
            np.arange(len(places)) + APART * (number - (len(lines) - 1) / 2),
            errors,
            yerr=bars,
            marker=MARKERS[number],
            linestyle=LINES[number],
            color=shade,
            markerfacecolor="white" if number % 2 else shade,
            capsize=4,
            label=literal(line),
        )
    if reference:
        words, error = reference
        line = axes.axhline(error, color="0.5", linewidth=1, linestyle=":")
        figure.legend([line], [literal(words)], loc="outside lower right")  # it has no level of the factor
    axes.set_xticks(range(len(places)), list(map(literal, places)))
    axes.set_xlabel(literal(plane.factors[across]))
    axes.set_ylabel("test error (%)")
    axes.set_ylim(bottom=0)
    axes.grid(True, axis="y", alpha=0.3)
    axes.legend(title=literal(plane.factors[1 - across]))
    return entitle(figure, title)


@project_settings()
def _heat_maps(plane: Plane, cells: Mapping[tuple[str, str], Row], title: str) -> Figure:
    errors = {cell: error_percent(row).mean for cell, row in cells.items()}
    parameters = {cell: float(row["parameters"]) for cell, row in cells.items()}
    down, across = map(len, plane.levels)
    figure = Figure(figsize=(3 + 1.9 * across, 2.2 + 0.5 * down), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, plane, errors, "test error (%)", "{:.2f}".format)
    _draw(right, plane, parameters, "trainable parameters", _shortened)
    left.set_ylabel(literal(plane.factors[0]))
    return entitle(figure, title)


def _draw(
    axes: Axes, plane: Plane, values: Mapping[tuple, float | None], title: str, write: Callable[[float], str]
) -> None:
    first, second = plane.levels
    grid = np.array([[values.get((row, column)) for column in second] for row in first], float)
    finite = grid[np.isfinite(grid)]
    # Ratios count: an error of 1% is as far from 2% as 2% is from 4%.
    norm = LogNorm(vmin=max(finite.min(), 1e-9), vmax=max(finite.max(), 1e-9))
    axes.imshow(grid, COLOURS, norm=norm, aspect="auto")
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            colour = "white" if norm(float(value)) > DARK else "black"
            axes.text(column, row, write(float(value)), ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(second)), list(map(literal, second)), rotation=30, ha="right")
    axes.set_yticks(range(len(first)), list(map(literal, first)))
    axes.set_xlabel(literal(plane.factors[1]))
    axes.set_title(title, fontsize=10)


def _shortened(count: float) -> str:
    """A number of parameters in three digits: 61.7k, 6.76M."""
    for factor, letter in ((1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * factor:
            return f"{count / factor:.3g}{letter}"
    return f"{count:.0f}"
