"""Decoded arrays in one .npz file next to the prepared records, which take seconds to decode."""

import math
import pathlib
from collections.abc import Mapping

import numpy as np

from lenet_jax.data import npz
from lenet_jax.files import replacing


def read(
    path: pathlib.Path, layout: Mapping[str, tuple[tuple[int, ...], np.dtype]]
) -> dict[str, np.ndarray] | None:
    """The arrays in `path`, or None if the file is missing, damaged or of another layout.

    Raises OSError if the file cannot be opened.

    Args:
      layout: name -> shape and dtype of each array that the file must contain.
    """
    size = sum(math.prod(shape) * dtype.itemsize for shape, dtype in layout.values())
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return None
    with file:
        try:
            arrays = npz.read_arrays(file, list(layout), size)
        except npz.DAMAGE:
            return None
    fits = all((array.shape, array.dtype) == layout[name] for name, array in arrays.items())
    return arrays if fits else None


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Replaces `path` in one step, so that no reader sees a partly written file."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
