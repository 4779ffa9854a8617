"""Pictures of recorded runs: what `lenet_jax.report.pictures` draws, from networks and answers to figures."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lenet_jax.report import curves, pictures
from lenet_jax.report.drawing import Figure
from lenet_jax.report.names import dataset_words
from lenet_jax.report.words import words_of_runs
from lenet_jax.runs.loaded import Sweep
from lenet_jax.runs.trained import TrainedRun
from lenet_jax.training.epoch import Answers

MOST_MISTAKES = 24
MOST_KERNELS = 16  # maps, or units of an MLP, whose kernels are drawn
POSITIONS = 3  # rows and columns of units whose kernels are drawn, if kernels are not shared


class Picture(NamedTuple):
    """A figure, its file's name without ending, and what it shows."""

    name: str
    shows: str
    figure: Figure


class Answered(NamedTuple):
    """The images on which a run is scored, and its answers.

    Attributes:
      split: "test", or "validation" if test images are not scored.
      images: (N, S, S, C) float32, as the network reads them.
      answers: (N,) each.
    """

    split: str
    images: np.ndarray
    answers: Answers


def answers_of(run: TrainedRun) -> tuple[str, Answers]:
    """The split on which a run is scored, and its answers. Raises UserError as `TrainedRun.answers` does."""
    split = "test" if "test" in run.answers else "validation"
    return split, run.answers[split]


def learning_curves(sweep: Sweep, arms: Sequence[str]) -> Picture:
    """Learning curves of the runs of these arms."""
    drawn = sweep.select(arm=arms)
    datasets = " and ".join(dict.fromkeys(dataset_words(run["result"]["dataset"]) for run in drawn.records))
    shows = f"loss and error after each epoch, {_count(len(arms), 'arm')}, {_count(len(drawn), 'run')}"
    words = words_of_runs(sweep.header, drawn.records)
    figure = curves.learning_curves(
        drawn.epochs, {arm: words[arm] for arm in arms}, f"{datasets}: learning curves"
    )
    return Picture("curves", shows, figure)


def confusion(run: TrainedRun, answered: Answered) -> Picture:
    """How often each class was given each answer."""
    counts_KK = np.zeros((len(run.dataset.classes),) * 2, int)
    np.add.at(counts_KK, (answered.answers.labels, answered.answers.classes), 1)
    title = f"{_about(run)}: answers to {answered.split} images"
    shows = f"which answers were given to {answered.split} images of each class"
    figure = pictures.confusion_matrix(counts_KK, run.dataset.classes, title)
    return Picture(f"{_name(run)}-confusion", shows, figure)


def mistakes(run: TrainedRun, answered: Answered) -> Picture:
    """The wrong answers with the largest margins."""
    labels, classes, margins = answered.answers
    count = int(np.sum(labels != classes))
    title = f"{_about(run)}: most confident mistakes on {answered.split} images"
    most = "the most confident of " if count > MOST_MISTAKES else ""
    shows = f"{most}{_count(count, 'mistake')} on {answered.split} images"
    figure = pictures.mistakes(
        answered.images, labels, classes, margins, run.dataset.classes, title, *_paper(run), MOST_MISTAKES
    )
    return Picture(f"{_name(run)}-mistakes", shows, figure)


def kernels(run: TrainedRun) -> Picture:
    """The weights of the first layer, at a few positions if they are not shared."""
    layer, kernels_POHWC = next(iter(run.kernels().items()))
    units, maps = kernels_POHWC.shape[:2]
    positions = grid_of_positions(units)
    noun = "unit" if is_mlp(run) else "map"
    panels = [(f"{noun} {o + 1}", kernels_POHWC[positions, o]) for o in range(min(maps, MOST_KERNELS))]
    of = f"{len(panels)} of {_count(maps, noun)}" if len(panels) < maps else _count(maps, noun)
    at = f" at {len(positions)} of {units} positions" if units > 1 else ""
    title = f"{_about(run)}: weights of {layer} after epoch {run.network.epoch}, {of}{at}"
    shows = f"the weights of the first layer, {of}{at}"
    return Picture(f"{_name(run)}-kernels", shows, pictures.kernels(panels, title))


def feature_maps(run: TrainedRun, answered: Answered, number: int, suffix: str) -> Picture:
    """What each stage makes of one image; `suffix` ends the picture's name."""
    image_1SSC = answered.images[number : number + 1]
    maps = run.feature_maps(image_1SSC, preprocessed=True)
    true = run.dataset.classes[answered.answers.labels[number]]
    what = f"{answered.split} image {number}, class {true}"
    title = f"{_about(run)}: feature maps of {what}, after epoch {run.network.epoch}"
    stages = [(stage, maps_NHWC[0]) for stage, maps_NHWC in maps.items()]
    figure = pictures.feature_maps(image_1SSC[0], stages, title, *_paper(run))
    return Picture(f"{_name(run)}-maps{suffix}", f"the feature maps of {what}", figure)


def disagreements(run: TrainedRun, other: TrainedRun, answered: Answered) -> Picture:
    """The images that one of two runs gets right and the other wrong."""
    labels, classes, _ = answered.answers
    others = answers_of(other)[1].classes
    names = (run.arm, other.arm)
    about = f"{dataset_words(run.dataset.name)}, seed {run.seed}"
    title = f"{about}: {answered.split} images on which the arms disagree"
    figure = pictures.disagreements(
        answered.images, labels, classes, others, run.dataset.classes, names, *_paper(run), title=title
    )
    shows = f"{answered.split} images that one of {run.arm} and {other.arm} gets right and the other wrong"
    return Picture(f"{'-'.join(names)}-seed{run.seed}-disagreements", shows, figure)


def _paper(run: TrainedRun) -> tuple[float, float]:
    """The values to draw in black and in white: grey images have black ink, on white paper."""
    data = run.config.data
    return (data.ink, data.background) if run.dataset.channels == 1 else (data.background, data.ink)


def grid_of_positions(units: int) -> list[int]:
    """Of the units of a square map, row by row, the numbers of up to 9 that are evenly spaced."""
    side = math.isqrt(units)
    centres = sorted({(2 * i + 1) * side // (2 * POSITIONS) for i in range(POSITIONS)})
    return [row * side + column for row in centres for column in centres]


def is_mlp(run: TrainedRun) -> bool:
    """Whether a run's network has no stages."""
    return run.config.model.name == "mlp"


def _about(run: TrainedRun) -> str:
    return f"{dataset_words(run.dataset.name)}, {run.arm}, seed {run.seed}"


def _name(run: TrainedRun) -> str:
    return f"{run.arm}-seed{run.seed}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
