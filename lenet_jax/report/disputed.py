"""The test images that arms disagree on, with the answers given and, if the dataset is here, as pictures."""

import collections
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from lenet_jax.analysis.disagreements import NEARLY_ALWAYS, Disagreement, disagreements
from lenet_jax.data import dataset_info, is_here, load_native
from lenet_jax.errors import UserError
from lenet_jax.report.contents import Contents
from lenet_jax.runs import kept
from lenet_jax.runs.header import Header, Record
from lenet_jax.runs.loaded import dataset_of
from lenet_jax.runs.mistakes import FILE, Mistakes, mistakes_of
from lenet_jax.runs.network_files import read_answers
from lenet_jax.runs.recorded import Key

MOST = 12  # images shown


class DisputedImage(NamedTuple):
    """An image that arms disagree on.

    Attributes:
      number: in the order of the test set, from 0.
      label: the name of its class; "" if that is not known here.
      answers: wrong answers of the arms that are wrong, with the number of runs: "3 (20 runs), 5 (1 run)".
      wrong, right: the arms that are nearly always wrong and right, in words.
      png: the image; None if it is not here.
    """

    number: int
    label: str
    answers: str
    wrong: Sequence[str]
    right: Sequence[str]
    png: bytes | None


class Disputed(NamedTuple):
    """What to show of these images.

    Attributes:
      about: which images they are, or why there are none, in words.
      images: at most MOST.
    """

    about: str
    images: Sequence[DisputedImage]


class _Known(NamedTuple):
    """What is known of the test images on this machine.

    Attributes:
      classes: their names; () if not known.
      labels_N: None if not known.
      images_N: as the dataset supplies them; None if they are not here.
      low, high: pixel values of background and full ink.
      missing: why there are no images; a sentence, or "".
    """

    classes: Sequence[str]
    labels_N: np.ndarray | None
    images_N: np.ndarray | None
    low: float
    high: float
    missing: str

    def name(self, label: int) -> str:
        """Of a class."""
        return self.classes[label] if self.classes else str(label)


def find_disputed(contents: Contents) -> Disputed:
    """The images on which most arms take sides, of a report's runs."""
    directory, header, runs, scores = contents.sweep
    wrong = scores.wrong
    if not contents.is_scored:
        return Disputed("The runs do not score the test images.", [])
    if scores.draws_images:
        return Disputed("Each run draws its own test images, so arms do not share any.", [])
    if wrong is None:
        return Disputed(
            f"The wrong answers of some runs are not known: {FILE}, which is made from predictions, does not "
            "have them, or arms are scored on different images.",
            [],
        )
    if len({arm for arm, _ in wrong.images}) < 2:
        return Disputed("There is one arm only, so nothing to compare.", [])
    found = disagreements(wrong)
    share = f"{NEARLY_ALWAYS:.0%}"
    about = (
        f"Of {wrong.count:,} test images, {len(found):,} are answered wrongly in at least {share} of one "
        f"arm's runs and correctly in at least {share} of another's."
    )
    if not found:
        return Disputed(about, [])
    if len(found) > MOST:
        about += f" These are the {MOST} on which most arms take sides."
    scored = [run for run in runs if run["result"]["test_accuracy"] is not None]
    mistakes = mistakes_of(directory, scored)
    assert mistakes is not None  # as the wrong answers are known
    known = _known(directory, header, scored)
    images = [_disputed(one, known, mistakes, contents.words) for one in found[:MOST]]
    return Disputed(" ".join(filter(None, [about, known.missing])), images)


def _disputed(
    found: Disagreement, known: _Known, mistakes: Mapping[Key, Mistakes], words: Mapping[str, str]
) -> DisputedImage:
    number = found.image
    answers = collections.Counter(
        known.name(answer)
        for (arm, _), its in mistakes.items()
        if arm in found.wrong
        for answer in its.answers[its.images == number]
    )
    return DisputedImage(
        number,
        "" if known.labels_N is None else known.name(known.labels_N[number]),
        ", ".join(f"{name} ({_runs(count)})" for name, count in answers.most_common()),
        [words[arm] for arm in found.wrong],
        [words[arm] for arm in found.right],
        None if known.images_N is None else _png(known.images_N[number], known.low, known.high),
    )


def _runs(count: int) -> str:
    return f"{count} run{'s' if count > 1 else ''}"


def _known(directory: pathlib.Path, header: Header, runs: Sequence[Record]) -> _Known:
    """What is known here of the test images of runs that share them, without downloading anything."""
    name, config = runs[0]["result"]["dataset"], runs[0]["config"]
    missing, classes = f"The images of {name} are not on this machine", ()
    try:
        info, place = dataset_of(header, runs[0])
        classes = info.classes
        if is_here(place):
            if dataset_info(place).identity == config["dataset"]:
                native, copies = load_native(place), config["data.positions"]  # of each image, consecutive
                labels_N, images_N = (
                    np.repeat(part, copies, axis=0) for part in (native.test_labels, native.test_images)
                )
                return _Known(classes, labels_N, images_N, native.low, native.high, "")
            missing = f"The images of {name} are no longer those of the runs"
    except UserError as error:
        missing = f"The images of {name} cannot be read ({error})"
    labels_N = _recorded_labels(directory, runs)
    shown = "numbers and answers" if labels_N is None else "numbers, labels and answers"
    return _Known(classes, labels_N, None, 0, 1, f"{missing}: there are only their {shown}.")


def _recorded_labels(directory: pathlib.Path, runs: Sequence[Record]) -> np.ndarray | None:
    """The labels of the test images, if a run's predictions are there."""
    for run in runs:
        if kept.exists(directory, kept.PREDICTIONS, run):
            try:
                return read_answers(directory, run)["test"].labels
            except (UserError, KeyError):  # damaged, of which a warning tells
                continue
    return None


def _png(image: np.ndarray, low: float, high: float) -> bytes:
    """An image in grey, with black ink on white paper, or in colour."""
    levels = np.clip((image.astype(np.float64) - low) / (high - low), 0, 1)
    if image.ndim == 2:
        levels = 1 - levels
    file = io.BytesIO()
    Image.fromarray(np.round(255 * levels).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
