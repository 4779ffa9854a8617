"""A dataset in its native form: with the pixels and grey levels that its authors published."""

from typing import NamedTuple

import numpy as np


class Native(NamedTuple):
    """Training and test images as published, in the order of the original files.

    Attributes:
      train_images, test_images: (N, side, side), or (N, side, side, 3) in colour; uint8 or float32.
      train_labels, test_labels: (N,) int32, from 0.
      low, high: pixel values of background and full ink.
      classes: the name of each class, in the order of the labels.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    low: float
    high: float
    classes: tuple[str, ...]


class DatasetInfo(NamedTuple):
    """What a config needs to know about a dataset: sizes, grey levels and the names of its classes.

    Attributes:
      name: as tables show it: the name of a known dataset, or the stem of a user's file or folder.
      identity: what runs record: the name, or "sha256:" and 16 digits of the digest of a user's images.
      side: height and width of its images in pixels.
      channels: 1 for grey, 3 for colour.
      low, high: pixel values of background and full ink.
      train_count, test_count: number of images.
      classes: the name of each class, in the order of the labels.
    """

    name: str
    identity: str
    side: int
    channels: int
    low: float
    high: float
    train_count: int
    test_count: int
    classes: tuple[str, ...]

    @property
    def is_own(self) -> bool:
        """Whether these are a user's own images."""
        return self.identity != self.name
