"""Decoded arrays in one .npz file next to the prepared records, which take seconds to decode.

An .npz file is a zip archive, here uncompressed; reading an array checks its CRC-32.
"""

import math
import pathlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import IO, BinaryIO

import numpy as np

from lenet_jax.files import replacing

# What reading raises if bits of the archive have flipped or its end is missing.
DAMAGE = (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read(
    path: pathlib.Path, layout: Mapping[str, tuple[tuple[int, ...], np.dtype]]
) -> dict[str, np.ndarray] | None:
    """The arrays in `path`, or None if the file is missing, damaged or of another layout.

    Raises OSError if the file cannot be opened.

    Args:
      layout: name -> shape and dtype of each array that the file must contain.
    """
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return None
    with file:
        try:
            arrays = read_arrays(file, list(layout), sum(map(_bytes, layout.values())))
        except DAMAGE:
            return None
    fits = all((array.shape, array.dtype) == layout[name] for name, array in arrays.items())
    return arrays if fits else None


def read_arrays(file: BinaryIO, names: Sequence[str], limit: int) -> dict[str, np.ndarray]:
    """Arrays of an .npz file, whose size is known before memory is allocated.

    Raises one of DAMAGE if the file is damaged, or if the arrays take more than `limit` bytes.
    """
    with zipfile.ZipFile(file) as archive:
        for name in names:
            with archive.open(f"{name}.npy") as member:
                limit -= _bytes(_read_layout(member))
            if limit < 0:
                raise ValueError(f"The arrays are larger than expected, up to {name}")
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in names}


def _read_layout(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of an array in numpy's format. Raises ValueError if it is not in that format."""
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[np.lib.format.read_magic(member)]
    shape, _, dtype = read_header(member)
    if min(shape, default=0) < 0:
        raise ValueError(f"An array has the shape {shape}")
    return shape, dtype


def _bytes(layout: tuple[tuple[int, ...], np.dtype]) -> int:
    shape, dtype = layout
    return math.prod(shape) * dtype.itemsize


def write(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Replaces `path` in one step, so that no reader sees a partly written file."""
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
