"""A dataset in its native form: with the pixels and grey levels that its authors published."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from lenet_jax.data.preparation import load_prepared
from lenet_jax.data.sources import SOURCES
from lenet_jax.errors import require_one_of

DATASETS = ("digits", *SOURCES)

# A fifth of the 1,797. Consecutive digits look as if one writer wrote them, so the test set is the end of the
# file and not a random draw: fewer of its writers are then in the training set.
_DIGITS_TEST_COUNT = 360


class Native(NamedTuple):
    """Training and test images as published, in the order of the original files.

    Attributes:
      train_images, test_images: (N, H, W), uint8 or float32.
      train_labels, test_labels: (N,) int32, 0..9.
      low, high: pixel values of background and full ink.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    low: float
    high: float


def load_native(dataset: str, data_dir: str = "", manual_dir: str = "") -> Native:
    """Loads a dataset; the first call downloads and prepares it.

    Args:
      dataset: one of DATASETS.
      data_dir: where prepared data is kept; "" for the folder `lenet_jax` in that of tensorflow-datasets
        (TFDS_DATA_DIR if set, otherwise ~/tensorflow_datasets).
      manual_dir: folder with the original files, or "" to download them; only the first call reads it.

    Raises:
      UserError: the dataset is unknown, its original files are missing, altered or can't be downloaded, or
        `data_dir` can't be written.
    """
    require_one_of("dataset", dataset, DATASETS)
    if dataset == "digits":
        return _load_digits()
    source = SOURCES[dataset]
    arrays = load_prepared(source, _storage(data_dir), manual_dir)
    return Native(**arrays, low=source.low, high=source.high)


def _load_digits() -> Native:
    # Imported late: scikit-learn takes a second, which the other datasets need not wait for.
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)  # whole numbers in 0..16
    labels = digits.target.astype(np.int32)
    cut = len(images) - _DIGITS_TEST_COUNT
    return Native(images[:cut], labels[:cut], images[cut:], labels[cut:], low=0.0, high=16.0)


def _storage(data_dir: str) -> pathlib.Path:
    if data_dir:
        return pathlib.Path(data_dir).expanduser()
    # A separate folder, because tensorflow-datasets keeps a different `mnist` in its own.
    root = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(root).expanduser() / "lenet_jax"
