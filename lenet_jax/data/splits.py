"""Training, validation and test images, as a network reads them."""

from typing import Any, NamedTuple

import ml_collections
import numpy as np

from lenet_jax.data.datasets import load_native
from lenet_jax.data.native import DatasetInfo, Native
from lenet_jax.data.preprocessing import preprocess, random_shift, shifted_copies
from lenet_jax.errors import UserError


class Split(NamedTuple):
    """Images and their labels, in the order of the original files; arrays of numpy, or of JAX on devices.

    Attributes:
      images: preprocessed, (N, S, S, C) float32; or native, as in `Native`.
      labels: (N,) int32, from 0.
    """

    images: Any
    labels: Any


class Splits(NamedTuple):
    """The three splits: select on validation, score test once."""

    train: Split
    validation: Split
    test: Split


def split_counts(dataset: DatasetInfo, data: ml_collections.FrozenConfigDict) -> dict[str, int]:
    """The number of preprocessed images in `train`, `validation` and `test`, without loading any.

    Raises UserError for a validation fraction that leaves a split empty.
    """
    train, validation = carve_validation(dataset.train_count, data.validation_fraction, data.seed)
    counts = {"train": len(train), "validation": len(validation), "test": dataset.test_count}
    return {split: count * data.positions for split, count in counts.items()}


def native_splits(native: Native, data: ml_collections.FrozenConfigDict) -> Splits:
    """The splits of native images, before any preprocessing; `data` is `config.data`.

    Raises UserError for a validation fraction that leaves a split empty.
    """
    train, validation = carve_validation(len(native.train_labels), data.validation_fraction, data.seed)
    return Splits(
        train=Split(native.train_images[train], native.train_labels[train]),
        validation=Split(native.train_images[validation], native.train_labels[validation]),
        # Copies, like the others: a caller may change them, and native arrays are kept for later calls.
        test=Split(native.test_images.copy(), native.test_labels.copy()),
    )


def load_splits(dataset: str, data: ml_collections.FrozenConfigDict) -> Splits:
    """Loads a dataset, holds out a validation split and preprocesses the images.

    `data.seed` alone determines which training images are held out for validation, and how far each image
    of every split is shifted if `data.move` is not 0. The test split is always the published one.

    Args:
      dataset: a name or a path, as in `load_native`.
      data: `config.data`, already checked by `lenet_jax.config.resolve`.

    Raises:
      UserError: a validation fraction that leaves a split empty, images that don't fit `data.image_size`, or
        a dataset that is unknown, can't be downloaded or can't be stored.
    """
    native = load_native(dataset, data.data_dir, data.manual_dir)
    splits = native_splits(native, data)
    return Splits(*(_preprocess(number, split, native, data) for number, split in enumerate(splits)))


def _preprocess(number: int, split: Split, native: Native, data: ml_collections.FrozenConfigDict) -> Split:
    """Preprocesses native images; `number` gives each split random shifts of its own."""
    labels = split.labels
    images = preprocess_unmoved(split.images, native, data)
    if data.move:
        rng = np.random.default_rng((data.seed, number))
        images = random_shift(images, data.move, rng, data.background)
    if data.positions > 1:
        images = shifted_copies(images, data.positions, data.background)
        labels = np.repeat(labels, data.positions)
    return Split(images, labels)


def preprocess_unmoved(
    images: np.ndarray, dataset: Native | DatasetInfo, data: ml_collections.FrozenConfigDict
) -> np.ndarray:
    """Native images of a dataset as a network reads them, (N, S, S, C), where `config.data` moves none.

    Raises UserError for images that don't fit `data.image_size`.
    """
    return preprocess(
        images,
        dataset.low,
        dataset.high,
        image_size=data.image_size,
        box=data.box,
        background=data.background,
        ink=data.ink,
    )


def carve_validation(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divides `count` image indices into training and validation, each in ascending order.

    Args:
      fraction: of the images that are held out for validation; their number is rounded.
      seed: of the draw.

    Raises:
      UserError: one of the two would be empty although the fraction isn't 0.
    """
    held_out = round(fraction * count)
    if fraction and not 0 < held_out < count:
        empty, change = ("validation", "increase") if held_out == 0 else ("training", "decrease")
        raise UserError(
            f"config.data.validation_fraction={fraction} of {count:,} images leaves no {empty} images: "
            f"{change} it."
        )
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_out:]), np.sort(order[:held_out])
