"""Decoded arrays in one .npz file beside the prepared records, which take seconds to decode.

An .npz file is a zip archive, uncompressed here, so that each array comes with a CRC-32 that
reading checks.
"""

import pathlib
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from lenet_jax.files import replacing

# What reading raises when bits of an archive have flipped or its end is missing.
_DAMAGE = (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read(
    path: pathlib.Path, layout: Mapping[str, tuple[tuple[int, ...], np.dtype]]
) -> dict[str, np.ndarray] | None:
    """The arrays in `path`, or None if it is missing, damaged, or not of this layout.

    Args:
      layout: shape and dtype of each array that the file must hold.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in layout}
    except _DAMAGE:
        return None
    return arrays if all((a.shape, a.dtype) == layout[name] for name, a in arrays.items()) else None


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Replaces `path` in one step, so that no reader ever sees half of it."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)
