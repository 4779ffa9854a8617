"""The content of the files that a run keeps, in Flax's msgpack form: a trained network, and its answers."""

import contextlib
import pathlib
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
from flax import serialization

from lenet_jax.errors import UserError
from lenet_jax.runs import kept
from lenet_jax.runs.population import Network
from lenet_jax.training.epoch import Answers


def pack_files(network: Network | None, answers: Mapping[str, Answers]) -> dict[str, bytes]:
    """What a run's files hold, by kind, as `lenet_jax.runs.kept.write` takes it."""
    contents = {}
    if network:
        contents[kept.WEIGHTS] = serialization.msgpack_serialize(network._asdict())
    if answers:
        contents[kept.PREDICTIONS] = serialization.msgpack_serialize({
            split: {
                "labels": found.labels.astype(np.uint16),  # there are at most 1,000 classes
                "classes": found.classes.astype(np.uint16),
                "margins": found.margins.astype(np.float32),
            }
            for split, found in answers.items()
        })  # fmt: skip
    return contents


def read_network(directory: pathlib.Path, run: Mapping[str, Any]) -> Network:
    """The network that a recorded run has kept.

    Raises UserError as `lenet_jax.runs.kept.read` does, and if the file holds something else.
    """
    with _restored(directory, kept.WEIGHTS, run) as content:
        return Network(int(content["epoch"]), dict(content["variables"]))


def read_answers(directory: pathlib.Path, run: Mapping[str, Any]) -> dict[str, Answers]:
    """The answers that a recorded run has kept, by split, in the order of the split's images.

    Raises UserError as `lenet_jax.runs.kept.read` does, and if the file holds something else.
    """
    with _restored(directory, kept.PREDICTIONS, run) as content:
        return {split: Answers(**columns) for split, columns in content.items()}


@contextlib.contextmanager
def _restored(
    directory: pathlib.Path, kind: str, run: Mapping[str, Any]
) -> Generator[dict[str, Any], None, None]:
    """The content of a run's file. Flax restores arrays from their bytes, and no Python objects."""
    content = kept.read(directory, kind, run)
    try:
        yield serialization.msgpack_restore(content)
    except Exception as error:  # Flax and msgpack raise exceptions of many types
        path = kept.path_of(directory, kind, run["arm"], run["seed"])
        raise UserError(f"{path} was not written by this project: {kept.AGAIN}.") from error
