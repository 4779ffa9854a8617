"""Loads a prepared dataset from its cache, or else from its records, one process at a time."""

import contextlib
import pathlib
from collections.abc import Generator

import numpy as np
from absl import logging

from lenet_jax import files
from lenet_jax.data import cache
from lenet_jax.data.sources import VERSION, Source
from lenet_jax.errors import UserError


def is_prepared(source: Source, data_dir: pathlib.Path) -> bool:
    """Whether `load_prepared` would find the arrays in their cache, undamaged or not."""
    return _cached(source, data_dir).is_file()


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
    cached = _cached(source, data_dir)
    folder = cached.parent
    try:
        arrays = cache.read(cached, source.layout)
        if arrays is None:
            with _locked(folder):
                arrays = _prepare(source, data_dir, manual_dir, cached)
    except OSError as error:
        raise _cannot_store(source, folder, manual_dir, error) from error
    return arrays


def _cached(source: Source, data_dir: pathlib.Path) -> pathlib.Path:
    return data_dir / source.name / f"{VERSION}.npz"


def _prepare(
    source: Source, data_dir: pathlib.Path, manual_dir: str, cached: pathlib.Path
) -> dict[str, np.ndarray]:
    """The arrays, from the cache, if another process has written it meanwhile, or from the records."""
    arrays = cache.read(cached, source.layout)
    if arrays is not None:
        return arrays
    if cached.exists():
        logging.warning("%s is damaged and will be rebuilt from the records", cached)
    for draft in files.drafts_in(cached.parent):  # of a process that was killed, as the lock is ours
        draft.unlink(missing_ok=True)
    # Imported late: tensorflow-datasets takes longer to import than the cache to read.
    from lenet_jax.data.array_records import load_records

    arrays = load_records(source, data_dir, manual_dir)
    cache.write(cached, arrays)
    return arrays


def _cannot_store(source: Source, folder: pathlib.Path, manual_dir: str, error: OSError) -> UserError:
    """The sentence that names the file or folder at fault."""
    place = pathlib.Path(error.filename) if isinstance(error.filename, str) else folder
    if manual_dir and place.is_relative_to(pathlib.Path(manual_dir).expanduser()):
        return files.cannot_read(place, error)
    reason, culprit = error.strerror or error, files.explain(place, error)
    if culprit:
        reason = f"{reason}: {culprit}"
    elif place != folder:
        reason = f"{place}: {reason}"
    return UserError(
        f"{source.name} can't be stored in {folder} ({reason}): {files.advice(error)} "
        "(--config.data.data_dir=FOLDER names a folder)."
    )


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Generator[None]:
    """Creates the folder; only one process at a time is in it, and leaves no lock file.

    The system releases the lock if that process is killed. Folders in which nothing was stored are removed.
    """
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                lock = (folder / "lock").open("w")
            except FileNotFoundError:
                if folder.exists():
                    raise
                continue  # the process that held the lock has removed the folder
            with lock, contextlib.ExitStack() as stack:
                try:
                    is_held = files.lock(lock.fileno(), wait=False)
                except OSError:
                    _remove(folder / "lock")
                    raise
                if not is_held:
                    logging.info("Waiting for another process to prepare %s", folder)
                    files.lock(lock.fileno())
                if files.is_open_at(lock.fileno(), folder / "lock"):
                    stack.callback(_remove, folder / "lock")
                    yield
                    return
            # The process that held the lock has removed its file.
    finally:
        for made in missing:
            with contextlib.suppress(OSError):  # it holds something
                made.rmdir()


def _remove(lock: pathlib.Path) -> None:
    with contextlib.suppress(OSError):  # a file that stays does no harm
        lock.unlink()
