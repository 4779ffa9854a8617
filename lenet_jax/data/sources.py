"""Where the downloaded datasets come from, and what their original files contain."""

import dataclasses
from collections.abc import Callable

import numpy as np

from lenet_jax.data import formats

# Version of the stored form of all datasets. Increase it when what is stored changes; older folders are kept.
VERSION = "1.0.0"

DIGIT_NAMES = tuple("0123456789")


@dataclasses.dataclass(frozen=True)
class Source:
    """The original files of one dataset.

    Sizes and SHA-256 sums are elsewhere: tensorflow-datasets ships those of the MNIST files, and finds those
    of USPS in checksums.tsv, which is in its format.

    Attributes:
      name: name of the dataset, and of its folder in the data directory.
      url: the address that all files share, ending in a slash.
      train_files, test_files: file names, in the order of the arguments of `read`.
      read: paths of one split's files -> (images (N, H, W), labels (N,)).
      image_shape: (H, W) in pixels.
      dtype: dtype of the images.
      low, high: pixel values of background and full ink.
      train_count, test_count: number of images in each split.
      classes: the name of each class, in the order of the labels.
    """

    name: str
    url: str
    train_files: tuple[str, ...]
    test_files: tuple[str, ...]
    read: Callable[..., tuple[np.ndarray, np.ndarray]]
    image_shape: tuple[int, int]
    dtype: type
    low: float
    high: float
    train_count: int
    test_count: int
    classes: tuple[str, ...] = DIGIT_NAMES

    @property
    def files(self) -> tuple[str, ...]:
        return self.train_files + self.test_files

    @property
    def layout(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Name -> shape and dtype of each of the dataset's arrays."""
        layout: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        for split, count in (("train", self.train_count), ("test", self.test_count)):
            layout[f"{split}_images"] = (count, *self.image_shape), np.dtype(self.dtype)
            layout[f"{split}_labels"] = (count,), np.dtype(np.int32)
        return layout


_MNIST = Source(
    name="mnist",
    url="https://storage.googleapis.com/cvdf-datasets/mnist/",
    train_files=("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    test_files=("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
    read=formats.read_idx_pair,
    image_shape=(28, 28),
    dtype=np.uint8,
    low=0.0,
    high=255.0,
    train_count=60_000,
    test_count=10_000,
)

# The files have the same names as MNIST's; only their checksums differ.
_FASHION_MNIST = dataclasses.replace(
    _MNIST,
    name="fashion_mnist",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
)  # fmt: skip

# The zip code digits of LeCun et al. 1989, as deslanted and size-normalised for The Elements of
# Statistical Learning.
_USPS = Source(
    name="usps",
    url="https://hastie.su.domains/ElemStatLearn/datasets/",
    train_files=("zip.train.gz",),
    test_files=("zip.test.gz",),
    read=formats.read_zip_code,
    image_shape=(16, 16),
    dtype=np.float32,
    low=-1.0,
    high=1.0,
    train_count=7_291,
    test_count=2_007,
)

SOURCES = {source.name: source for source in (_MNIST, _FASHION_MNIST, _USPS)}
