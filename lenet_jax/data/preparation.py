"""Loads a prepared dataset from its cache, or else from its records, one process at a time."""

import contextlib
import fcntl
import pathlib
from collections.abc import Generator

import numpy as np
from absl import logging

from lenet_jax.data import cache
from lenet_jax.data.sources import VERSION, Source
from lenet_jax.errors import UserError


def load_prepared(source: Source, data_dir: pathlib.Path, manual_dir: str) -> dict[str, np.ndarray]:
    """The arrays of `source.layout`. The first call downloads and prepares them.

    Later calls only read DATA_DIR/NAME/VERSION.npz, and write nothing.

    Args:
      data_dir: where prepared data is kept.
      manual_dir: folder with the original files, or "" to download them; ignored if the dataset is already
        prepared.

    Raises:
      UserError: the original files are missing, altered or can't be downloaded, or `data_dir` can't be
        written.
    """
    folder = data_dir / source.name
    cached = folder / f"{VERSION}.npz"
    arrays = cache.read(cached, source.layout)
    if arrays is not None:
        return arrays
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / "lock"):
            arrays = cache.read(cached, source.layout)  # another process may have written it
            if arrays is None:
                if cached.exists():
                    logging.warning("%s is damaged and will be rebuilt from the records", cached)
                # Imported late: tensorflow-datasets takes longer to import than the cache to read.
                from lenet_jax.data.array_records import load_records

                arrays = load_records(source, data_dir, manual_dir)
                cache.write(cached, arrays)
    except OSError as error:
        raise UserError(
            f"{source.name} can't be stored in {folder} ({error.strerror or error}): choose a "
            "folder you can write to with --config.data.data_dir=FOLDER."
        ) from error
    return arrays


@contextlib.contextmanager
def _lock(path: pathlib.Path) -> Generator[None]:
    """Only one process at a time holds the lock; the system releases it if that process is killed."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logging.info("Waiting for another process to prepare %s", path.parent)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
