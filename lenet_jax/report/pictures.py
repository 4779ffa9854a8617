"""Pictures of trained networks: confusions, mistakes, kernels and feature maps.

Like those of `lenet_jax.report.figures`, functions return a Figure, which `figures.render` turns into a
file's bytes; all can be read in black and white. The number of images, seeds or positions is in the caption.
"""

import textwrap
from collections.abc import Sequence

from lenet_jax.report.drawing import ARM_LENGTH, entitle, literal, project_settings, shortened

# isort: split
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

NAME_LENGTH = 12  # of class names, in characters
PAIR_LENGTH = 12  # of both names in "true → answer" on one line
MOST_COUNTS = 30  # classes up to which a confusion matrix shows its counts
MOST_CELLS = 200  # rows of a confusion matrix that can be told apart
MOST_MAPS = 16  # of a stage
MOST_COLUMNS = 8  # of images, or of kernels with shared weights
LABEL_LENGTH = 24  # of a line of the text to the left of a row, in characters
SIDE = 0.93  # of a tile; tiles are 1 apart
HEADING = 0.3  # height of the text above a tile

Tile = tuple[str, np.ndarray]  # heading and image


@project_settings()
def confusion_matrix(counts_KK: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Draws how many images of each class (rows) were given each answer (columns).

    Mistakes are grey to black; the diagonal, which holds the right answers, is not on that scale. Counts are
    written into the cells of up to 30 classes. Above 200 classes, neighbouring cells are pooled.
    """
    size = len(classes)
    total, right = int(counts_KK.sum()), int(np.trace(counts_KK))
    mistakes_KK = np.where(np.eye(size, dtype=bool), 0, counts_KK)
    block = -(-size // MOST_CELLS)
    starts = np.arange(0, size, block)
    cells = np.maximum.reduceat(np.maximum.reduceat(mistakes_KK, starts, axis=0), starts, axis=1)
    most = max(2, int(cells.max()))
    side = float(np.clip(0.34 * size, 3.2, 10 if size <= MOST_COUNTS else 6.5))
    figure = Figure(figsize=(side + 2.6, side + 2), layout="constrained")
    axes = figure.add_subplot()
    shown = axes.imshow(
        np.ma.masked_equal(cells, 0),
        cmap=ListedColormap(matplotlib.colormaps["gray_r"](np.linspace(0.2, 1, 256))),
        vmin=1,
        vmax=most,
        extent=(-0.5, block * len(cells) - 0.5, block * len(cells) - 0.5, -0.5),
    )
    ends = (-0.5, size - 0.5)
    axes.set(xlim=ends, ylim=ends[::-1], xlabel="answer", ylabel="true class")
    if total > right:
        ticks = MaxNLocator(integer=True, min_n_ticks=1)
        figure.colorbar(shown, ax=axes, label="mistakes (images)", shrink=0.8, ticks=ticks)
    named = range(0, size, 1 if size <= MOST_COUNTS else -(-size // 25))
    names = [_short(classes[i]) for i in named]
    rotation = 90 if max(map(len, names)) > 2 else 0
    axes.set_xticks(named, map(literal, names), rotation=rotation, fontsize=8)
    axes.set_yticks(named, map(literal, names), fontsize=8)
    if size <= MOST_COUNTS:
        _write_counts(axes, counts_KK, most)
        diagonal = "framed: right answers"
    else:
        axes.plot(ends, ends, color="0.6", linewidth=0.6, linestyle=":")
        diagonal = "dotted diagonal: right answers, which are left out"
    caption = f"n = {_count(total, 'image')}, {_count(total - right, 'mistake')}; {diagonal}."
    if block > 1:
        caption += f" Each cell is the largest of {block}x{block} counts."
    return entitle(figure, title, caption)


@project_settings()
def mistakes(
    images: np.ndarray,
    labels: np.ndarray,
    answers: np.ndarray,
    margins: np.ndarray,
    classes: Sequence[str],
    title: str,
    low: float,
    high: float,
    limit: int = 24,
) -> Figure:
    """Draws the images that were answered wrongly with the largest margins, the largest first.

    Args:
      images: all M images, right or wrong: (M, H, W), (M, H, W, 1) or, in colour, (M, H, W, 3).
      labels: (M,), the true classes.
      answers: (M,), the predicted classes.
      margins: (M,), score of the answer minus the second best score.
      low: the value drawn in black, or as 0 in each colour.
      high: the value drawn in white, or as 1 in each colour; below `low` for black ink.
      limit: the largest number of images drawn.
    """
    wrong = np.flatnonzero(labels != answers)
    chosen = wrong[np.argsort(-margins[wrong], kind="stable")][:limit]
    caption = f"n = {_count(len(labels), 'image')}, {_count(len(wrong), 'mistake')}"
    if not len(wrong):
        return entitle(Figure(figsize=(6, 1.2), layout="constrained"), title, f"{caption}: nothing to show.")
    if len(chosen) < len(wrong):
        caption += f", of which the {len(chosen)} with the largest margins are shown"
    caption += ". Headings: true class → answer. Margin: score of the answer minus the second best score."
    tiles = []
    for i in chosen:
        heading = f"{_pair(classes[labels[i]], classes[answers[i]])}\nmargin {margins[i]:.3g}"
        tiles.append((heading, _unit_range(images[i], low, high)))
    return entitle(_draw_tiles(_wrap(tiles), inches=1.4), title, caption)


@project_settings()
def disagreements(
    images: np.ndarray,
    labels: np.ndarray,
    answers_a: np.ndarray,
    answers_b: np.ndarray,
    classes: Sequence[str],
    names: tuple[str, str],
    low: float,
    high: float,
    limit: int = 12,
    title: str = "",
) -> Figure:
    """Draws images that one of two networks gets right and the other wrong, the first `limit` each way.

    Args:
      images: all M images, as in `mistakes`, which also describes `low` and `high`.
      labels: (M,), the true classes.
      answers_a: (M,), the classes that the first network predicted.
      answers_b: (M,), those of the second.
      names: of the two networks.
      title: "" for one that names both.
    """
    a, b = names
    right_a, right_b = labels == answers_a, labels == answers_b
    rows = []
    for right, wrong, answers, chosen in (
        (a, b, answers_b, np.flatnonzero(right_a & ~right_b)),
        (b, a, answers_a, np.flatnonzero(right_b & ~right_a)),
    ):
        label = f"{_wrapped(right)} right,\n{_wrapped(wrong)} wrong:\n"
        label += f"{len(chosen):,} of n = {_count(len(labels), 'image')}"
        label += f"\n(the first {limit} shown)" if len(chosen) > limit else ""
        tiles = [
            (_pair(classes[labels[i]], classes[answers[i]]), _unit_range(images[i], low, high))
            for i in chosen[:limit]
        ]
        rows.append((label, tiles))
    caption = f"Both are right on {_count(np.sum(right_a & right_b), 'image')} and wrong on "
    caption += f"{np.sum(~right_a & ~right_b):,}. Headings: true class → wrong answer."
    shown_a, shown_b = (shortened(name, ARM_LENGTH) for name in names)
    title = title or f"Where {shown_a} and {shown_b} disagree"
    return entitle(_draw_tiles(rows, inches=1.3), title, caption)


@project_settings()
def kernels(panels: Sequence[tuple[str, np.ndarray]], title: str) -> Figure:
    """Draws kernels on one grey scale: one row per feature map, one column per position.

    If no map has more than one position, because weights are shared, several maps share a row.

    Args:
      panels: (name of the map, its kernels) for each map; kernels at P positions are (P, k, k), or
        (P, k, k, C), of which the mean over C channels is drawn. NaN: not read at that position,
        hatched, or mid-grey like 0 if most weights are NaN.
    """
    maps = [np.ma.masked_invalid(weights) for _, weights in panels]
    maps = [weights.mean(axis=-1) if weights.ndim == 4 else weights for weights in maps]
    limit = max(float(np.ma.filled(abs(weights), 0).max()) for weights in maps) or 1.0
    maps = [_unit_range(weights, -limit, limit) for weights in maps]
    not_read = float(np.mean(np.concatenate([np.ma.getmaskarray(weights).ravel() for weights in maps])))
    if not_read > 0.5:
        maps = [np.ma.filled(weights, 0.5) for weights in maps]
    names = [name for name, _ in panels]
    positions = max(map(len, maps))
    caption = (
        f"White: positive weights; black: negative; mid-grey: 0{' or not read' if not_read > 0.5 else ''}."
    )
    if positions == 1:
        rows = _wrap([(name, kernel) for name, [kernel] in zip(names, maps, strict=True)])
        caption += f" n = {_count(len(panels), 'kernel')}."
    else:
        rows = [
            (name, [("", kernel) for kernel in kernels]) for name, kernels in zip(names, maps, strict=True)
        ]
        caption += f" Columns: n = {positions} positions, row by row."
    if any(weights.ndim == 4 and weights.shape[-1] > 1 for _, weights in panels):
        caption += " Means over channels."
    if any(np.ma.is_masked(weights) for weights in maps):
        caption += " Hatched: not read."
    figure = _draw_tiles(rows, inches=0.9)
    scale = ScalarMappable(Normalize(-limit, limit), "gray")
    figure.colorbar(scale, ax=figure.axes, label="weight", shrink=min(1, 5 / len(rows)))
    return entitle(figure, title, caption)


@project_settings()
def feature_maps(
    image: np.ndarray, stages: Sequence[tuple[str, np.ndarray]], title: str, low: float, high: float
) -> Figure:
    """Draws an image and below it up to 16 feature maps of each stage, with one grey scale per stage.

    Args:
      image: (H, W), (H, W, 1) or (H, W, 3); `low` and `high` are as in `mistakes`.
      stages: (name, maps) for each stage; maps are (H, W, C).
    """
    label = f"input\n{image.shape[0]}x{image.shape[1]} pixels\nblack {low:.3g}, white {high:.3g}"
    rows = [(label, [("", _unit_range(image, low, high))])]
    for name, maps_HWC in stages:
        height, width, count = maps_HWC.shape
        maps_CHW = np.moveaxis(maps_HWC, -1, 0)[:MOST_MAPS]
        black, white = float(maps_CHW.min()), float(maps_CHW.max())
        number = f"{MOST_MAPS} of " if count > MOST_MAPS else ""
        label = f"{name}: {number}{_count(count, 'map')}\n{height}x{width} units\n"
        label += f"black {black:.3g}, white {white:.3g}"
        rows.append((label, [("", _unit_range(one, black, white)) for one in maps_CHW]))
    caption = "n = 1 image. Each row has a grey scale of its own."
    return entitle(_draw_tiles(rows, inches=0.8), title, caption)


def _write_counts(axes: Axes, counts_KK: np.ndarray, most: int) -> None:
    """Writes counts other than 0 into their cells, and frames the diagonal."""
    for row, column in np.argwhere(counts_KK):
        count = counts_KK[row, column]
        colour = "white" if row != column and count > 0.4 * most else "black"
        axes.text(column, row, count, ha="center", va="center", fontsize=8, color=colour)
    for i in range(len(counts_KK)):
        axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="0.5"))


def _unit_range(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """The values with `low` at 0 and `high` at 1, clipped."""
    return np.clip((image - np.float64(low)) / ((high - low) or 1), 0, 1)  # integers would wrap around


def _wrap(tiles: Sequence[Tile]) -> list[tuple[str, Sequence[Tile]]]:
    """Rows, without labels, of up to 8 tiles."""
    return [("", tiles[start : start + MOST_COLUMNS]) for start in range(0, len(tiles), MOST_COLUMNS)]


def _draw_tiles(rows: Sequence[tuple[str, Sequence[Tile]]], inches: float) -> Figure:
    """Draws rows of framed images below their headings.

    Args:
      rows: (label, tiles); values from 0 to 1 are drawn in grey or, if there are three channels, in colour;
        masked ones are hatched.
      inches: distance of tiles from left to left.
    """
    headings = any(heading for _, tiles in rows for heading, _ in tiles)
    height = 1 + HEADING * headings
    columns = max(1, *(len(tiles) for _, tiles in rows))
    margin = 2 if any(label for label, _ in rows) else 0
    size = (max(6, inches * columns + margin), inches * height * len(rows) + 1)
    figure = Figure(figsize=size, layout="compressed")
    axes = figure.add_subplot()
    axes.set(xlim=(-0.02, columns), ylim=(height * len(rows), -0.02), xticks=[])
    tops = [height * (row + 1) - 1 for row in range(len(rows))]
    axes.set_yticks([top + SIDE / 2 for top in tops], [literal(label) for label, _ in rows], fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for top, (_, tiles) in zip(tops, rows, strict=True):
        for left, (heading, image) in enumerate(tiles):
            hatch = "xxxxx" if np.ma.is_masked(image) else None
            axes.add_patch(
                Rectangle((left, top), SIDE, SIDE, facecolor="white", edgecolor="0.2", hatch=hatch, zorder=-1)
            )
            if heading:
                axes.text(left + SIDE / 2, top - 0.03, literal(heading), ha="center", va="bottom", fontsize=7)
            place = (left, left + SIDE, top + SIDE, top)
            axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=place)
    return figure


def _pair(true: str, answer: str) -> str:
    """Both names, with an arrow between; on two lines if long."""
    true, answer = _short(true), _short(answer)
    return true + (" → " if len(true + answer) <= PAIR_LENGTH else "\n→ ") + answer


def _wrapped(arm: str) -> str:
    """The name of an arm, on lines that leave room for images."""
    return textwrap.fill(shortened(arm, 2 * ARM_LENGTH), LABEL_LENGTH)


def _short(name: str) -> str:
    """The name of a class in at most 12 characters, on one line."""
    return shortened(" ".join(name.split()), NAME_LENGTH)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
