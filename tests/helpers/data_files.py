"""Small original files, and how tests register them in place of the real ones."""

import dataclasses
import gzip
import pathlib

import numpy as np
import pytest

from lenet_jax.data import formats
from lenet_jax.data.sources import SOURCES, Source

TRAIN_COUNT, TEST_COUNT = 30, 12


def small_source(name: str, url: str = "https://original.invalid/") -> Source:
    """The source called `name`, with a few images and an address that does not exist."""
    return dataclasses.replace(SOURCES[name], url=url, train_count=TRAIN_COUNT, test_count=TEST_COUNT)


def write_files(name: str, folder: pathlib.Path, seed: int = 0) -> dict[str, np.ndarray]:
    """Writes random original files of a dataset and returns the arrays in them."""
    folder.mkdir(parents=True, exist_ok=True)
    source = small_source(name)
    rng = np.random.default_rng(seed)
    arrays = {}
    for key, (shape, dtype) in source.layout.items():
        if key.endswith("labels"):
            arrays[key] = rng.integers(10, size=shape, dtype=dtype)
        elif dtype == np.uint8:
            arrays[key] = rng.integers(256, size=shape, dtype=dtype)
        else:
            arrays[key] = rng.integers(-1000, 1001, size=shape).astype(dtype) / np.float32(1000)
    for split, files in (("train", source.train_files), ("test", source.test_files)):
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        if source.read is formats.read_zip_code:
            write_zip_code(folder / files[0], images, labels)
        else:
            write_idx(folder / files[0], images)
            write_idx(folder / files[1], labels)
    return arrays


def write_idx(path: pathlib.Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def write_zip_code(path: pathlib.Path, images: np.ndarray, labels: np.ndarray) -> None:
    lines = [
        " ".join([f"{label:.4f}", *(f"{pixel:.4f}" for pixel in image.ravel())])
        for image, label in zip(images, labels, strict=True)
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def accept(monkeypatch: pytest.MonkeyPatch, name: str, folder: pathlib.Path, **source_fields) -> None:
    """Registers the files in `folder`, as they are now, as the dataset's original files."""
    # Imported late, so that a process can use this module without tensorflow-datasets.
    from tensorflow_datasets.core.download import checksums

    from lenet_jax.data.builders import BUILDERS

    source = small_source(name, **source_fields)
    infos = {source.url + file: checksums.compute_url_info(folder / file) for file in source.files}
    monkeypatch.setattr(BUILDERS[name], "url_infos", infos)
    monkeypatch.setitem(SOURCES, name, source)
