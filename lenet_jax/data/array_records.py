"""Prepared records: downloaded, checked and stored once by tensorflow-datasets, and read back as arrays.

Only this module runs the builders. Import it late: the import is slow, and a cached dataset doesn't need it.
"""

import contextlib
import io
import json
import pathlib
import shutil
from collections.abc import Generator, Sequence

import numpy as np
import requests
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from lenet_jax.data.builders import BUILDERS
from lenet_jax.data.sources import VERSION, Source
from lenet_jax.errors import UserError

# Seconds to wait for a server's first answer. tensorflow-datasets tries ten times and has no timeout, so
# without a network it would hang for minutes.
_CONNECT_TIMEOUT = 10


def load_records(source: Source, data_dir: pathlib.Path, manual_dir: str) -> dict[str, np.ndarray]:
    """The arrays of `source.layout`, from the records in `data_dir`; prepares the records if necessary.

    The caller must hold a lock, so that only one process does this at a time.

    Args:
      data_dir: has the records in DATA_DIR/NAME/VERSION and downloads in DATA_DIR/NAME/downloads.
      manual_dir: folder with the original files, or "" to download them.

    Raises:
      UserError: the original files are missing, altered or can't be downloaded.
      OSError: `data_dir` can't be written.
    """
    folder = data_dir / source.name
    records = folder / VERSION
    if records.exists():
        try:
            return _read(source, data_dir)
        # array_record raises RuntimeError for a wrong hash; damaged metadata may raise anything.
        except Exception as error:
            logging.warning("The records in %s are damaged and will be prepared again: %s", records, error)
            shutil.rmtree(records)
    _remove_leftovers(folder)
    _prepare(source, data_dir, manual_dir)
    return _read(source, data_dir)


def _prepare(source: Source, data_dir: pathlib.Path, manual_dir: str) -> None:
    downloads = data_dir / source.name / "downloads"
    with _quiet():
        builder = BUILDERS[source.name](data_dir=str(data_dir))
    registered = checksums.get_all_url_infos() | builder.url_infos
    if manual_dir:
        _check_manual_files(source, pathlib.Path(manual_dir).expanduser(), registered)
    elif not _downloaded(downloads).issuperset(source.url + file for file in source.files):
        _check_network(source)
    size = sum(registered[source.url + file].size for file in source.files) / 1e6
    logging.info(
        "Preparing %s in %s from %s (once, in less than a minute after any download)",
        source.name, builder.data_dir, manual_dir or f"{source.url} ({size:.0f} MB)",
    )  # fmt: skip
    config = tfds.download.DownloadConfig(
        manual_dir=manual_dir or None, force_checksums_validation=True, try_download_gcs=False
    )
    try:
        with _quiet():
            builder.download_and_prepare(
                download_dir=str(downloads), download_config=config, file_format="array_record"
            )
    except NonMatchingChecksumError as error:
        raise _cannot_download(source, "the download is not the original file") from error
    except (requests.RequestException, tfds.download.DownloadError) as error:
        raise _cannot_download(source, type(error).__name__) from error


def _read(source: Source, data_dir: pathlib.Path) -> dict[str, np.ndarray]:
    with _quiet():
        splits = BUILDERS[source.name](data_dir=str(data_dir)).as_data_source()
        arrays = {}
        for name, split in splits.items():
            examples = split.__getitems__(range(len(split)))  # several times faster than one by one
            arrays[f"{name}_images"] = np.stack([example["image"] for example in examples])
            arrays[f"{name}_labels"] = np.array([example["label"] for example in examples], np.int32)
    found = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    if found != source.layout:
        raise ValueError(f"expected {source.layout}, found {found}")
    return arrays


def _check_manual_files(
    source: Source, manual_dir: pathlib.Path, registered: dict[str, checksums.UrlInfo]
) -> None:
    # tensorflow-datasets would download a missing file, and doesn't say which file is altered.
    if not manual_dir.is_dir():
        raise UserError(
            f"--config.data.manual_dir={manual_dir} is not a folder: name one that contains "
            f"{_listed(source.files)} from {source.url}."
        )
    missing = [file for file in source.files if not (manual_dir / file).is_file()]
    if missing:
        raise UserError(
            f"{manual_dir} lacks {_listed(missing)}: {source.name} needs all its files, unchanged, "
            f"from {source.url}."
        )
    for file in source.files:
        path = manual_dir / file
        try:
            found = checksums.compute_url_info(path)
        except OSError as error:
            raise UserError(f"{path} can't be read ({error.strerror}): make it readable.") from error
        expected = registered[source.url + file]
        if found != expected:
            raise UserError(
                f"{path} is not the original file of {source.name} ({int(found.size):,} bytes; the "
                f"original has {int(expected.size):,} and a different SHA-256): replace it with "
                f"{source.url}{file}."
            )


def _check_network(source: Source) -> None:
    try:
        answer = requests.head(source.url + source.files[0], timeout=_CONNECT_TIMEOUT)
    except requests.RequestException as error:
        raise _cannot_download(source, type(error).__name__) from error
    if answer.status_code >= 500:  # from a proxy, say; tensorflow-datasets would retry for minutes
        raise _cannot_download(source, f"HTTP status {answer.status_code}")


def _downloaded(downloads: pathlib.Path) -> set[str]:
    """URLs of the downloaded files: tensorflow-datasets writes a JSON file *.INFO next to each.

    A damaged one is removed, so that its file is downloaded again.
    """
    urls: set[str] = set()
    for info in downloads.rglob("*.INFO"):
        try:
            urls.update(json.loads(info.read_text())["urls"])
        except (ValueError, KeyError, TypeError):
            logging.warning("%s is damaged: its file will be downloaded again.", info)
            info.unlink()
    return urls


def _remove_leftovers(folder: pathlib.Path) -> None:
    """Removes what killed preparations and downloads have left behind."""
    for pattern in ("incomplete.*", "downloads/*/*.tmp.*"):
        for leftover in folder.glob(pattern):
            shutil.rmtree(leftover)


def _cannot_download(source: Source, reason: str) -> UserError:
    return UserError(
        f"{source.name} can't be downloaded from {source.url} ({reason}): put its files "
        f"{_listed(source.files)} from there into a folder and pass --config.data.manual_dir=FOLDER."
    )


def _listed(files: Sequence[str]) -> str:
    *others, last = files
    return f"{', '.join(others)} and {last}" if others else last


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Stops tensorflow-datasets from printing, drawing progress bars and logging its steps."""
    tfds.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity(min(verbosity, logging.WARNING))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
