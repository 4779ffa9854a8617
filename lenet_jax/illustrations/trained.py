"""The few arrays of trained networks that pictures show, in a file small enough to commit."""

import io
import json
import pathlib
from typing import Any, NamedTuple

import numpy as np

from lenet_jax import files
from lenet_jax.data import npz
from lenet_jax.errors import UserError
from lenet_jax.report.captions import recorded_command
from lenet_jax.report.run_pictures import grid_of_positions
from lenet_jax.runs.loaded import Sweep, load_run

SHARED, UNSHARED = "local_shared", "local_unshared"  # the arms whose networks are shown
IMAGE = 0  # number of the test image that the networks read
STAGES = ("stage_1", "stage_3")
LARGEST = 2**20  # bytes that the arrays may take


class Trained(NamedTuple):
    """What is kept of two networks, trained with shared and with unshared weights.

    Attributes:
      image: (S, S) uint8, what the shared network reads: 0 is background and 255 ink.
      stage_1, stage_3: (C, H, W) uint8, the feature maps that it makes of the image after tanh, from -1 to 1.
      scores: (K,) float32, the probabilities that it gives the classes.
      shared: (O, k, k) float16, what training has added to the kernels of its first stage.
      unshared: (P, O, k, k) float16, the same of the unshared network at P units, evenly spaced, row by row.
      about: the runs in words and numbers: `command`, `dataset`, `seed`, `revision`, `image` (its number),
        `class` (the right one), `units` of a map of the first stage, `start_within` (the largest initial
        weight of these kernels, without its sign), and for each arm its `test_error_percent`.
    """

    image: np.ndarray
    stage_1: np.ndarray
    stage_3: np.ndarray
    scores: np.ndarray
    shared: np.ndarray
    unshared: np.ndarray
    about: dict[str, Any]


def take(sweep: Sweep, data_dir: str = "", manual_dir: str = "") -> Trained:
    """The arrays of both arms' runs with the first seed. Raises UserError if a run or its data is missing."""
    runs = sweep.select(arm=[SHARED, UNSHARED])
    shared, unshared = (load_run(sweep.directory, arm, runs.seeds[0]) for arm in (SHARED, UNSHARED))
    test = shared.splits(data_dir=data_dir, manual_dir=manual_dir, preprocessed=True).test
    image_1SSC = test.images[IMAGE : IMAGE + 1]
    maps = shared.feature_maps(image_1SSC, preprocessed=True)
    logits = shared.predict(image_1SSC, preprocessed=True)[0].astype(np.float64)
    scores = np.exp(logits - logits.max())
    starts, ends = (
        [run.kernels()[STAGES[0]][..., 0] for run in of_both]
        for of_both in ((shared.untrained(), unshared.untrained()), (shared, unshared))
    )
    [shared_OHW], unshared_POHW = (end - start for start, end in zip(starts, ends, strict=True))
    first = runs.records[0]
    return Trained(
        _bytes(image_1SSC[0, :, :, 0], shared.config.data.background, shared.config.data.ink),
        *(_bytes(maps[stage][0].transpose(2, 0, 1), -1, 1) for stage in STAGES),
        (scores / scores.sum()).astype(np.float32),
        shared_OHW.astype(np.float16),
        unshared_POHW[grid_of_positions(len(unshared_POHW))].astype(np.float16),
        {
            "command": recorded_command(sweep.header, runs.records),
            "dataset": first["result"]["dataset"],
            "seed": shared.seed,
            "revision": first["provenance"]["revision"],
            "image": IMAGE,
            "class": shared.dataset.classes[test.labels[IMAGE]],
            "units": len(unshared_POHW),
            "start_within": round(float(max(abs(start).max() for start in starts)), 2),
            "test_error_percent": {
                run.arm: round(run.result["test_error_percent"], 2) for run in (shared, unshared)
            },
        },
    )


def write(path: pathlib.Path, trained: Trained) -> None:
    """Replaces the file. Raises UserError if it cannot be written."""
    arrays: dict[str, np.ndarray] = trained._asdict() | {"about": np.array(json.dumps(trained.about))}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    files.write(path, file.getvalue())


def read(path: pathlib.Path) -> Trained:
    """What `write` wrote. Raises UserError if the file is missing or damaged."""
    with files.reading(path), open(path, "rb") as file:
        try:
            arrays = npz.read_arrays(file, Trained._fields, LARGEST)
        except npz.DAMAGE as error:
            raise UserError(
                f"{path} is damaged ({error}): take the arrays again with --trained=DIR, or restore the file."
            ) from error
    about = json.loads(str(arrays.pop("about")))
    return Trained(**arrays, about=about)


def _bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The values as uint8, from 0 for `low` to 255 for `high`, clipped."""
    return np.rint(255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
