"""The wrong answers of a sweep in one small file, mistakes.npz, which can be committed.

For each run it has the test images that are answered wrongly and the answers given: about 2 bytes per
mistake. Of runs that do not score the test images, as those of `experiments.tune`, it has the validation
images. It is made from the runs' predictions; what it says of runs whose predictions are not there, as in a
fresh clone, stays as it was.
"""

import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from lenet_jax import files
from lenet_jax.analysis.crossed import Wrong
from lenet_jax.data import npz
from lenet_jax.errors import UserError
from lenet_jax.runs import kept
from lenet_jax.runs.header import Record
from lenet_jax.runs.lines import set_file_aside
from lenet_jax.runs.network_files import read_answers
from lenet_jax.runs.recorded import Key
from lenet_jax.training.epoch import Answers

FILE = "mistakes.npz"
# The arrays in the file, with the kinds of dtypes that they may have.
COLUMNS = {"arm": "U", "seed": "iu", "count": "iu", "step": "iu", "answer": "iu"}
LIMIT = 2**28  # bytes of its arrays; a hundred runs with 10,000 mistakes each take 4 MB


class Mistakes(NamedTuple):
    """The wrong answers of one run.

    Attributes:
      images: (M,) numbers of the images of the split `scored_split`, ascending, in the order of
        `TrainedRun.splits`.
      answers: (M,) the classes that were answered.
    """

    images: np.ndarray
    answers: np.ndarray


def write_mistakes(directory: pathlib.Path, runs: Sequence[Record]) -> None:
    """Rewrites mistakes.npz for these runs; removes it if nothing is known of any.

    A damaged file is set aside with a warning. Raises UserError if the file cannot be written.
    """
    path = directory / FILE
    try:
        earlier = read_mistakes(directory)
    except UserError as damaged:
        earlier = {}
        aside = set_file_aside(path)
        logging.warning("%s It was set aside as %s.", damaged, aside.name)
    found: dict[Key, Mistakes] = {}
    for run in runs:
        key = run["arm"], run["seed"]
        answers = _answers(directory, run)
        if answers:
            images = np.flatnonzero(answers.classes != answers.labels)
            found[key] = Mistakes(images, answers.classes[images])
        elif key in earlier and len(earlier[key].images) == _errors(run):
            found[key] = earlier[key]
    if found:
        files.write(path, _pack(found))
    else:
        with files.writing(path):
            path.unlink(missing_ok=True)


def _answers(directory: pathlib.Path, run: Record) -> Answers | None:
    """A run's answers to its scored images, if they are there; a damaged file is left out with a warning."""
    if not kept.exists(directory, kept.PREDICTIONS, run):
        return None
    try:
        return read_answers(directory, run).get(scored_split(run))
    except UserError as error:
        logging.warning("%s", error)
        return None


def read_mistakes(directory: pathlib.Path) -> dict[Key, Mistakes]:
    """The wrong answers by arm and seed; {} without a file.

    Raises UserError if it is damaged or cannot be read.
    """
    path = directory / FILE
    with files.reading(path):
        try:
            file = path.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return {}
    with file:
        try:
            arrays = npz.read_arrays(file, list(COLUMNS), LIMIT)
            return _unpack(arrays)
        except npz.DAMAGE as error:
            raise UserError(
                f"{path} is damaged: experiments.report makes it again from predictions."
            ) from error


def mistakes_of(directory: pathlib.Path, runs: Sequence[Record]) -> dict[Key, Mistakes] | None:
    """The wrong answers of these runs by arm and seed; None if those of a run are not known.

    Raises UserError if the file is damaged or cannot be read.
    """
    known = read_mistakes(directory)
    keys = [(run["arm"], run["seed"]) for run in runs]
    for key, run in zip(keys, runs, strict=True):
        images = known[key].images if key in known else None
        if (
            images is None
            or len(images) != _errors(run)
            or images.max(initial=0) >= run["images"][scored_split(run)]
        ):
            return None
    return {key: known[key] for key in keys}


def wrong_answers(directory: pathlib.Path, runs: Sequence[Record]) -> Wrong | None:
    """The wrong answers of these runs to the images they are scored on, as the analysis takes them.

    None if those of a run are not known, or if runs are scored on different images.
    """
    images = {(run["result"]["dataset"], scored_split(run), run["images"][scored_split(run)]) for run in runs}
    draws = any(run["config"]["data.draw"] for run in runs)  # each its own images
    if len(images) != 1 or draws:
        return None
    try:
        mistakes = mistakes_of(directory, runs)
    except UserError:  # damaged, and could not be set aside, of which a warning tells
        return None
    if mistakes is None:
        return None
    [(_, _, count)] = images
    return Wrong({key: wrong.images for key, wrong in mistakes.items()}, count)


def _unpack(arrays: Mapping[str, np.ndarray]) -> dict[Key, Mistakes]:
    """The inverse of `_pack`. Raises ValueError for arrays that it cannot have made."""
    if any(array.ndim != 1 or array.dtype.kind not in COLUMNS[name] for name, array in arrays.items()):
        raise ValueError
    counts = arrays["count"].astype(np.int64)
    if len(arrays["step"]) != counts.sum() or counts.min(initial=0) < 0:
        raise ValueError
    columns = (np.split(arrays[name], np.cumsum(counts)[:-1]) for name in ("step", "answer"))
    return {
        (str(arm), int(seed)): Mistakes(np.cumsum(steps, dtype=np.int64) - 1, answers)
        for arm, seed, steps, answers in zip(arrays["arm"], arrays["seed"], *columns, strict=True)
    }


def _pack(found: Mapping[Key, Mistakes]) -> bytes:
    """Images are stored as steps from one to the next, counted from -1, which compress better."""
    arrays = {
        "arm": np.array([arm for arm, _ in found]),
        "seed": np.array([seed for _, seed in found]),
        "count": np.array([len(mistakes.images) for mistakes in found.values()]),
        "step": np.concatenate([np.diff(mistakes.images, prepend=-1) for mistakes in found.values()]),
        "answer": np.concatenate([mistakes.answers for mistakes in found.values()]),
    }
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **{name: _narrow(array) for name, array in arrays.items()})
    return file.getvalue()


def _narrow(array: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest dtype that holds them."""
    if array.dtype.kind not in "iu":
        return array
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


def scored_split(run: Record) -> str:
    """The split that a run is scored on: "test", or "validation" if it did not score the test images."""
    return "validation" if run["result"]["test_accuracy"] is None else "test"


def _errors(run: Record) -> int | None:
    """How many of its scored images a run answers wrongly; None if none were scored."""
    split = scored_split(run)
    accuracy = run["result"]["test_accuracy" if split == "test" else "val_accuracy"]
    return None if accuracy is None else round((1 - accuracy) * run["images"][split])
