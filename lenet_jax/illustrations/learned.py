"""Pictures of trained networks: what shared and unshared kernels have learned, and a digit's feature maps."""

import math

from lenet_jax.report.drawing import literal, project_settings

# isort: split
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lenet_jax.illustrations.inches import WIDTH, draw_image, entitle, write
from lenet_jax.illustrations.trained import SHARED, UNSHARED, Trained
from lenet_jax.report.names import dataset_words


@project_settings()
def kernels(trained: Trained) -> Figure:
    """Draws what training added to the first stage's kernels, one column per map, shared above unshared.

    An unshared map has a kernel for each unit; those drawn are placed as their units are.
    """
    height, start, pitch, side, gap = 3.75, 1.62, 1.22, 1.1, 0.06
    figure = Figure(figsize=(WIDTH, height))
    rows = math.isqrt(len(trained.unshared))
    small = (side - gap * (rows - 1)) / rows
    most_shared, most_unshared = (float(abs(kernels).max()) for kernels in (trained.shared, trained.unshared))
    for number, kernel in enumerate(trained.shared):
        left = start + pitch * number
        write(figure, left + side / 2, 0.7, f"map {number + 1}", 9.5)
        draw_image(figure, kernel, (left + 0.24, 0.78, side - 0.48), -most_shared, most_shared)
        for unit, kernels_OHW in enumerate(trained.unshared):
            row, column = divmod(unit, rows)
            place = (left + column * (small + gap), 1.75 + row * (small + gap), small)
            draw_image(figure, kernels_OHW[number], place, -most_unshared, most_unshared)
    units = trained.about["units"]
    some = len(trained.unshared)
    texts = {
        "shared": f"one kernel per map,\nused at all {units} units",
        "unshared": f"{units} kernels per map;\nhere {some} of them, placed\nas their units are",
    }
    entitle(figure, "What the kernels of stage 1 have learned")
    for top, (name, text) in zip((1, 2), texts.items(), strict=True):
        write(figure, 0.1, top, name, 13, weight="bold", ha="left")
        write(figure, 0.1, top + 0.1, text, 9, ha="left", va="top")
    errors = trained.about["test_error_percent"]
    note = (
        f"What training added to weights that started at random within {trained.about['start_within']:.2f}: "
        f"white is positive, black negative. Each row has a scale of its own: up to {most_shared:.2f} in the "
        f"shared kernels, {most_unshared:.2f} in the others, which learn only from what their own units see. "
        f"{_about(trained)}: test error {errors[SHARED]:.2f}% shared, {errors[UNSHARED]:.2f}% unshared."
    )
    write(figure, WIDTH / 2, 3.35, literal(note, 120), 9, va="center")
    return figure


@project_settings()
def feature_maps(trained: Trained) -> Figure:
    """Draws a digit, what both stages make of it, and the probabilities that the classifier gives."""
    height, middle = 4.4, 2.25
    figure = Figure(figsize=(WIDTH, height))
    entitle(figure, f"What LeNet-5 makes of a {trained.about['class']}")
    for left, right, name in ((1.75, 6.5, "feature extractor"), (6.9, 8.85, "classifier")):
        x, y = np.array([left, left, right, right]) / WIDTH, 1 - np.array([0.8, 0.72, 0.72, 0.8]) / height
        figure.add_artist(Line2D(x, y, color="0.4", linewidth=1))
        write(figure, (left + right) / 2, 0.65, name, 10, style="italic")

    draw_image(figure, 255 - trained.image, (0.2, middle - 0.6, 1.2), 0, 255)
    write(figure, 0.8, 3.78, "input", 9.5)
    write(figure, 0.8, 3.95, _shape(trained.image[None]), 9.5)
    stages = (("stage 1", trained.stage_1, 1.75, 2, 0.78), ("stage 3", trained.stage_3, 3.75, 4, 0.64))
    for name, maps, start, columns, side in stages:
        pitch, rows = side + 0.06, -(-len(maps) // columns)
        for number, one in enumerate(maps):
            row, column = divmod(number, columns)
            place = (start + column * pitch, middle + (row - rows / 2) * pitch + 0.03, side)
            draw_image(figure, one, place, 0, 255)
        centre = start + (columns * pitch - 0.06) / 2
        write(figure, centre, 3.78, name, 9.5)
        write(figure, centre, 3.95, _shape(maps), 9.5)

    classes = len(trained.scores)
    axes = figure.add_axes((7.15 / WIDTH, 1 - (middle + 1.25) / height, 1.15 / WIDTH, 2.5 / height))
    axes.barh(range(classes), trained.scores, color="0.35")
    axes.set(xlim=(0, 1), ylim=(classes - 0.5, -0.5), xticks=[])
    axes.set_yticks(range(classes), [str(number) for number in range(classes)], fontsize=9)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    best = int(trained.scores.argmax())
    axes.text(1.05, best, _percent(trained.scores[best]), va="center", fontsize=9)
    write(figure, 7.75, 3.78, "probabilities", 9.5)
    write(figure, 7.75, 3.95, f"{classes} classes", 9.5)
    note = (
        f"{_about(trained)}, test image {trained.about['image']}. Feature maps after tanh: black is -1, "
        "white 1. Nobody designed these features: both stages learned them together with the classifier."
    )
    write(figure, WIDTH / 2, 4.2, literal(note, 125), 9, va="center")
    return figure


def _shape(maps: np.ndarray) -> str:
    count, rows, columns = maps.shape
    return f"{rows}x{columns}" if count == 1 else f"{count} maps of {rows}x{columns}"


def _percent(probability: float) -> str:
    """ "97.3%"; no probability is rounded to 1."""
    return f"{probability:.1%}" if probability < 0.9995 else ">99.9%"


def _about(trained: Trained) -> str:
    about = trained.about
    return f"LeNet-5, {dataset_words(about['dataset'])}, seed {about['seed']}"
