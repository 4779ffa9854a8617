"""From original files to arrays: the IDX format of MNIST, and the text format of the ESL zip code data."""

import gzip
import io
import math
import os
import warnings
import zlib

import numpy as np

from lenet_jax.errors import UserError

# An IDX file: two zero bytes, the element type (8 for uint8) and the number of dimensions; then the size of
# each dimension as a big-endian 32-bit integer; then the elements in row-major order.
_UINT8 = 8


def read_idx_pair(
    images_path: str | os.PathLike, labels_path: str | os.PathLike
) -> tuple[np.ndarray, np.ndarray]:
    """One split of an MNIST-like dataset: images (N, H, W) uint8 and labels (N,) uint8.

    Raises UserError, naming the file, unless both are complete gzipped IDX files with one label per image.
    """
    images = _read_idx(images_path, dimensions=3)
    labels = _read_idx(labels_path, dimensions=1)
    if len(images) != len(labels):
        raise UserError(
            f"{images_path} holds {len(images)} images but {labels_path} {len(labels)} labels: "
            "replace both with the dataset's original files."
        )
    return images, labels


def read_zip_code(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """One split of the ESL zip code data: images (N, 16, 16) float32 and labels (N,) uint8.

    Each line holds a label and 256 grey levels in [-1, 1], row by row; 1 is full ink.
    Raises UserError, naming the file, for any other content.
    """
    content = io.BytesIO(_read_gzip(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of a file without numbers
            table = np.loadtxt(content, dtype=np.float32, comments=None, encoding="ascii", ndmin=2)
    except (ValueError, UserWarning) as error:
        raise _damaged(path, "is not a table of numbers") from error
    if table.shape[1] != 1 + 16 * 16:
        raise _damaged(path, f"has {table.shape[1]} numbers per line instead of 257")
    labels, pixels = table[:, 0], table[:, 1:]
    if not np.isin(labels, np.arange(10)).all() or not (np.abs(pixels) <= 1).all():
        raise _damaged(path, "has labels outside 0..9 or grey levels outside [-1, 1]")
    return pixels.reshape(-1, 16, 16), labels.astype(np.uint8)


def _read_idx(path: str | os.PathLike, dimensions: int) -> np.ndarray:
    content = _read_gzip(path)
    header = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, _UINT8, dimensions]) or len(content) < header:
        raise _damaged(path, f"is not an IDX file of {dimensions}-dimensional uint8 data")
    shape = np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist()
    if len(content) - header != math.prod(shape) or 0 in shape:
        raise _damaged(path, f"declares shape {tuple(shape)} but holds {len(content) - header} bytes")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _read_gzip(path: str | os.PathLike) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read()
    # A truncated file ends early (EOFError); an altered one fails to decompress or fails its CRC-32 check.
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _damaged(path, "is not a complete gzip file") from error


def _damaged(path: str | os.PathLike, fault: str) -> UserError:
    return UserError(f"{path} {fault}: replace it with the original file, or delete it to download it again.")
