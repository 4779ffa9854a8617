"""Texts and squares at places in inches from a figure's upper left corner."""

from typing import Any

from lenet_jax.report.drawing import Figure

# isort: split
import numpy as np
from matplotlib.axes import Axes

WIDTH = 9  # of every picture


def write(
    figure: Figure, x: float, top: float, text: str, size: float, ha: str = "center", **style: Any
) -> None:
    """Writes text of some points, whose base line is `top` inches from the figure's top."""
    width, height = figure.get_size_inches()
    figure.text(x / width, 1 - top / height, text, fontsize=size, ha=ha, **style)


def entitle(figure: Figure, title: str) -> None:
    """Writes the title above the picture; it is also the figure's label."""
    figure.set_label(title)
    write(figure, WIDTH / 2, 0.3, title, 15, weight="bold")


def add_square(figure: Figure, left: float, top: float, side: float) -> Axes:
    """Axes without ticks."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color="0.3", linewidth=0.8)
    return axes


def draw_image(
    figure: Figure, image: np.ndarray, place: tuple[float, float, float], low: float, high: float
) -> Axes:
    """Draws values in grey, `low` black and `high` white, in a square at `place`: left, top and side."""
    axes = add_square(figure, *place)
    image = image.astype(np.float32)
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="none", aspect="auto")
    return axes
