"""Arrays in .npz files, which are zip archives; reading an array checks its CRC-32, and never unpickles."""

import math
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO, BinaryIO

import numpy as np

# What reading raises if bits of the archive have flipped or its end is missing.
DAMAGE = (OSError, EOFError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)
_HEADERS = {  # by the version of an .npy file; version 3 is for field names, which no array here has
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(file: BinaryIO, names: Sequence[str], limit: int) -> dict[str, np.ndarray]:
    """Arrays of an .npz file, whose size is known before memory is allocated.

    Raises one of DAMAGE if the file is damaged, or if the arrays take more than `limit` bytes.
    """
    with zipfile.ZipFile(file) as archive:
        for name in names:
            with archive.open(f"{name}.npy") as member:
                shape, _, dtype = read_header(member)
            limit -= math.prod(shape) * dtype.itemsize
            if limit < 0:
                raise ValueError(f"The arrays are larger than expected, up to {name}")
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in names}


def read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape of an array in numpy's format, whether it is in Fortran's order, and its dtype.

    Raises ValueError or KeyError if it is not in that format.
    """
    shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(member)](member)
    if min(shape, default=0) < 0:
        raise ValueError(f"An array has the shape {shape}")
    return shape, is_fortran, dtype
