"""Every dataset by its name, or by the path of a user's own images."""

import functools
import os
import pathlib

from lenet_jax.data import packaged
from lenet_jax.data.native import DatasetInfo, Native
from lenet_jax.data.own_images import content_digest, load_own
from lenet_jax.data.preparation import is_prepared, load_prepared
from lenet_jax.data.sources import SOURCES
from lenet_jax.errors import UserError, printable, unknown_name

DATASETS = (*packaged.PACKAGED, *SOURCES)
OWN = "or the path of an .npz file or of a folder with your own images"
DIGEST = "sha256:"  # how the identity of a user's own images starts
DIGITS = 16  # of that digest


def load_native(dataset: str, data_dir: str = "", manual_dir: str = "") -> Native:
    """Loads a dataset; the first call downloads and prepares one that no package ships.

    Args:
      dataset: one of DATASETS, or the path of a user's own images (see `lenet_jax.data.own_images`).
      data_dir: where prepared data is kept; "" for the folder `lenet_jax` in that of tensorflow-datasets
        (TFDS_DATA_DIR if set, otherwise ~/tensorflow_datasets).
      manual_dir: folder with the original files, or "" to download them; only the first call reads it.

    Raises:
      UserError: the dataset is unknown, its files are missing, altered or can't be downloaded, or
        `data_dir` can't be written.
    """
    if dataset in packaged.PACKAGED:
        return packaged.PACKAGED[dataset]()
    if dataset in SOURCES:
        source = SOURCES[dataset]
        arrays = load_prepared(source, _storage(data_dir), manual_dir)
        return Native(**arrays, low=source.low, high=source.high, classes=source.classes)
    return _own(dataset)[0]


def is_here(dataset: str, data_dir: str = "") -> bool:
    """Whether a dataset is on this machine, so that `load_native` neither downloads nor prepares it.

    The arguments are as there.
    """
    if dataset in SOURCES:
        return is_prepared(SOURCES[dataset], _storage(data_dir))
    try:
        return dataset in packaged.PACKAGED or pathlib.Path(dataset).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # as in `_own`
        return False


def dataset_info(dataset: str) -> DatasetInfo:
    """What a config needs to know about a dataset; a user's own images are read to find out.

    Raises UserError for an unknown name, and for images of a user that cannot be used.
    """
    if dataset in packaged.INFO:
        return packaged.INFO[dataset]
    if dataset in SOURCES:
        source = SOURCES[dataset]
        return DatasetInfo(
            name=dataset,
            identity=dataset,
            side=source.image_shape[0],
            channels=1,
            low=source.low,
            high=source.high,
            train_count=source.train_count,
            test_count=source.test_count,
            classes=source.classes,
        )
    return _own(dataset)[1]


def _own(dataset: str) -> tuple[Native, DatasetInfo]:
    """A user's own images. Raises UserError for what is neither a path nor the name of a dataset."""
    try:
        path = pathlib.Path(dataset).expanduser()
        looks_like_a_path = path.suffix == ".npz" or len(path.parts) > 1 or path.exists()
        version = _version(path) if looks_like_a_path else ()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, too long a name, no access
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"config.dataset={dataset[:200]!r} can't be read ({reason}): check the path."
        ) from error
    if not looks_like_a_path:
        raise UserError(unknown_name("dataset", dataset, (*DATASETS, OWN)))
    return _load_own(str(path), version)


@functools.lru_cache(maxsize=2)
def _load_own(path: str, version: tuple) -> tuple[Native, DatasetInfo]:
    """The images at `path`, read again if `version` has changed."""
    native = load_own(path)
    images = native.train_images
    info = DatasetInfo(
        name=_name(pathlib.Path(path).resolve()),
        identity=f"{DIGEST}{content_digest(native)[:DIGITS]}",
        side=images.shape[1],
        channels=1 if images.ndim == 3 else images.shape[3],
        low=native.low,
        high=native.high,
        train_count=len(native.train_labels),
        test_count=len(native.test_labels),
        classes=native.classes,
    )
    return native, info


def _name(path: pathlib.Path) -> str:
    """The stem of a file, the whole name of a folder, on one line."""
    return printable(path.name if path.is_dir() else path.stem)


def _version(path: pathlib.Path) -> tuple:
    """Changes whenever an image at or below `path` is replaced."""
    files = [path]
    if path.is_dir():
        files = sorted(file for split in ("train", "test") for file in path.glob(f"{split}/*/*"))
    return tuple((str(file), *_stamp(file)) for file in files)


def _stamp(file: pathlib.Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:  # its reader says what is wrong
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _storage(data_dir: str) -> pathlib.Path:
    if data_dir:
        return pathlib.Path(data_dir).expanduser()
    # A separate folder, because tensorflow-datasets keeps a different `mnist` in its own.
    root = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(root).expanduser() / "lenet_jax"
