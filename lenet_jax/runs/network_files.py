"""The content of the files that a run keeps, in Flax's msgpack form: a trained network, and its answers."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import serialization

from lenet_jax.runs import kept
from lenet_jax.runs.run import Network
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
    """The network that a recorded run has kept. Raises UserError as `lenet_jax.runs.kept.read` does."""
    return Network(**serialization.msgpack_restore(kept.read(directory, kept.WEIGHTS, run)))


def read_answers(directory: pathlib.Path, run: Mapping[str, Any]) -> dict[str, Answers]:
    """The answers that a recorded run has kept, by split, in the order of the split's images.

    Raises UserError as `lenet_jax.runs.kept.read` does.
    """
    found = serialization.msgpack_restore(kept.read(directory, kept.PREDICTIONS, run))
    return {split: Answers(**columns) for split, columns in found.items()}
