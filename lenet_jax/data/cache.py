"""Decoded arrays in one .npz file next to the prepared records, which take seconds to decode.

An .npz file is a zip archive, here uncompressed; reading an array checks its CRC-32.
"""

import pathlib
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from lenet_jax.files import replacing

# What reading raises if bits of the archive have flipped or its end is missing.
_DAMAGE = (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read(
    path: pathlib.Path, layout: Mapping[str, tuple[tuple[int, ...], np.dtype]]
) -> dict[str, np.ndarray] | None:
    """The arrays in `path`, or None if the file is missing, damaged or of another layout.

    Args:
      layout: name -> shape and dtype of each array that the file must contain.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in layout}
    except _DAMAGE:
        return None
    fits = all((array.shape, array.dtype) == layout[name] for name, array in arrays.items())
    return arrays if fits else None


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Replaces `path` in one step, so that no reader sees a partly written file."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
