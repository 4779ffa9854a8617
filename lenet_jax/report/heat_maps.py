"""Heat maps of sweeps over two factors: test error and trainable parameters."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lenet_jax.report.drawing import literal, project_settings

# isort: split
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from lenet_jax.analysis.planes import Plane
from lenet_jax.analysis.summaries import Row

COLOURS = (
    "viridis_r"  # better cells, of fewer errors and fewer parameters, are light, also in black and white
)
DARK = 0.55  # share of the colour range above which text is white


@project_settings()
def heat_maps(plane: Plane, rows: Sequence[Row], title: str) -> Figure | None:
    """Draws a plane twice, with the numbers in its cells; None without test errors.

    Args:
      rows: of `lenet_jax.analysis.planes.plane_rows`.
    """
    cells = {tuple(row[f"factor: {factor}"] for factor in plane.factors): row for row in rows}
    errors = {cell: _error(row) for cell, row in cells.items()}
    if not any(np.isfinite(list(errors.values()))):
        return None
    parameters = {cell: float(row["parameters"]) for cell, row in cells.items()}
    down, across = map(len, plane.levels)
    figure = Figure(figsize=(3 + 1.9 * across, 2.2 + 0.5 * down), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, plane, errors, "test error (%)", "{:.2f}".format)
    _draw(right, plane, parameters, "trainable parameters", _shortened)
    left.set_ylabel(literal(plane.factors[0]))
    figure.suptitle(literal(title), fontsize=12)
    return figure


def _error(row: Row) -> float:
    accuracy = row["test_accuracy_mean"]
    return np.nan if accuracy is None else 100 - 100 * accuracy


def _draw(
    axes: Axes, plane: Plane, values: Mapping[tuple, float], title: str, write: Callable[[float], str]
) -> None:
    first, second = plane.levels
    grid = np.array([[values.get((row, column), np.nan) for column in second] for row in first])
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
