"""A dataset in its native form: as many pixels and grey levels as its authors published."""

import os
import pathlib
from typing import NamedTuple

import numpy as np

from lenet_jax.data.preparation import load_prepared
from lenet_jax.data.sources import SOURCES
from lenet_jax.errors import require_one_of

DATASETS = ("digits", *SOURCES)

# A fifth of the 1,797. Neighbours in the file look as if one hand wrote them, so the last ones,
# and no random ones, are the test set: fewer of its writers are trained on.
_DIGITS_TEST_COUNT = 360


class Native(NamedTuple):
    """Training and test images as published, in the order of the original files.

    Attributes:
      train_images, test_images: (N, H, W), uint8 or float32.
      train_labels, test_labels: (N,) int32, 0..9.
      low, high: pixel values of empty background and of full ink.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    low: float
    high: float


def load_native(dataset: str, data_dir: str = "", manual_dir: str = "") -> Native:
    """Loads a dataset, fetching and preparing it on the first call.

    Args:
      dataset: one of DATASETS.
      data_dir: where prepared data is kept; "" is `lenet_jax` in tensorflow-datasets' own folder
        (TFDS_DATA_DIR, or else ~/tensorflow_datasets).
      manual_dir: folder with the original files for a first call that can't download, or "".

    Raises:
      UserError: an unknown dataset, or original files that are missing, altered or out of reach,
        or a `data_dir` that can't be written.
    """
    require_one_of("dataset", dataset, DATASETS)
    if dataset == "digits":
        return _load_digits()
    source = SOURCES[dataset]
    arrays = load_prepared(source, _storage(data_dir), manual_dir)
    return Native(**arrays, low=source.low, high=source.high)


def _load_digits() -> Native:
    # Late, because importing scikit-learn takes a second that the other datasets needn't spend.
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)  # whole numbers in 0..16
    labels = digits.target.astype(np.int32)
    cut = len(images) - _DIGITS_TEST_COUNT
    return Native(images[:cut], labels[:cut], images[cut:], labels[cut:], low=0.0, high=16.0)


def _storage(data_dir: str) -> pathlib.Path:
    if data_dir:
        return pathlib.Path(data_dir).expanduser()
    # A folder of our own, because tensorflow-datasets keeps another `mnist` in its own.
    root = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(root).expanduser() / "lenet_jax"
