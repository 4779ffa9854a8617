"""Training, validation and test images, as a network reads them."""

from typing import Any, NamedTuple

import ml_collections
import numpy as np

from lenet_jax.data.datasets import load_native
from lenet_jax.data.native import DatasetInfo, Native
from lenet_jax.data.preprocessing import permute_pixels, preprocess, random_shift, shifted_copies
from lenet_jax.errors import UserError

# Of data.seed; 0, 1 and 2 are the shifts of the three splits. NumPy takes (seed, 0) for the seed alone, with
# which the split into training and validation images is drawn.
_SUBSET_STREAM = 3


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

    Raises UserError for a validation fraction that leaves a split empty, and for more training images than
    are available or fewer than there are classes.
    """
    train, validation = carve_validation(dataset.train_count, data.validation_fraction, data.seed)
    count = _count_train(data.train_images, len(train), len(dataset.classes))
    counts = {"train": count, "validation": len(validation), "test": dataset.test_count}
    return {split: count * data.positions for split, count in counts.items()}


def native_splits(native: Native, data: ml_collections.FrozenConfigDict) -> Splits:
    """The splits of native images, before any preprocessing; `data` is `config.data`.

    Raises UserError as `split_counts` does.
    """
    train, validation = carve_validation(len(native.train_labels), data.validation_fraction, data.seed)
    count = _count_train(data.train_images, len(train), len(native.classes))
    if count < len(train):
        train = train[choose_subset(native.train_labels[train], count, data.seed)]
    return Splits(
        train=Split(native.train_images[train], native.train_labels[train]),
        validation=Split(native.train_images[validation], native.train_labels[validation]),
        # Copies, like the others: a caller may change them, and native arrays are kept for later calls.
        test=Split(native.test_images.copy(), native.test_labels.copy()),
    )


def load_splits(dataset: str, data: ml_collections.FrozenConfigDict) -> Splits:
    """Loads a dataset, holds out a validation split and preprocesses the images.

    `data.seed` alone determines which training images are held out for validation, which of the others are
    the first `data.train_images`, and how far each image of every split is shifted if `data.move` is not 0.
    The test split is always the published one.

    Args:
      dataset: a name or a path, as in `load_native`.
      data: `config.data`, already checked by `lenet_jax.config.resolve`.

    Raises:
      UserError: a validation fraction that leaves a split empty, too many or too few training images,
        images that don't fit `data.image_size`, or a dataset that is unknown, can't be downloaded or
        can't be stored.
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
    """Native images of a dataset as a network reads them, (N, S, S, C), where `config.data` shifts none.

    Their pixels are permuted if `data.permutation_seed` is not -1.

    Raises UserError for images that don't fit `data.image_size`.
    """
    images = preprocess(
        images,
        dataset.low,
        dataset.high,
        image_size=data.image_size,
        box=data.box,
        background=data.background,
        ink=data.ink,
    )
    return images if data.permutation_seed < 0 else permute_pixels(images, data.permutation_seed)


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


def choose_subset(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The first `count` images of an order in which classes take turns, as indices in ascending order.

    The order is drawn from `seed`, and each class takes turns as long as it has images. So the numbers of
    images of two classes differ by at most one, unless one of them is used up, and a larger subset contains
    every smaller one.

    Args:
      labels: (N,) those of the images to choose from.
    """
    order = np.random.default_rng((seed, _SUBSET_STREAM)).permutation(len(labels))
    turns = np.empty(len(labels), int)  # of each image in `order`: how many of its class come before it
    for label in np.unique(labels):
        of_class = labels[order] == label
        turns[of_class] = np.arange(of_class.sum())
    return np.sort(order[np.argsort(turns, kind="stable")][:count])


def _count_train(asked: int, available: int, classes: int) -> int:
    """The number of training images that `data.train_images` asks for, 0 being all.

    Raises UserError if there are fewer, or more classes.
    """
    if asked > available:
        raise UserError(
            f"config.data.train_images={asked} is more than the {available:,} available training images: "
            "decrease it, or set it to 0 for all."
        )
    if 0 < asked < classes:
        raise UserError(
            f"config.data.train_images={asked} is fewer than the {classes:,} classes: increase it, or set it "
            "to 0 for all."
        )
    return asked or available
