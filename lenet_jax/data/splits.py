"""Train, validation and test, as a network reads them."""

import math
from typing import NamedTuple

import numpy as np

from lenet_jax.data.native import DATASETS, load_native
from lenet_jax.data.preprocessing import at_positions, move_at_random, preprocess
from lenet_jax.errors import UserError, require_one_of


class Split(NamedTuple):
    """Presented images and their labels, in the order of the original files."""

    images: np.ndarray  # (N, S, S, 1) float32
    labels: np.ndarray  # (N,) int32, 0..9


class Splits(NamedTuple):
    """Choose on validation, where there is one; score test once."""

    train: Split
    validation: Split
    test: Split


def load_splits(dataset: str, data) -> Splits:
    """Loads a dataset and presents it, in the order of its original files.

    The validation split is drawn from the training set by `data.seed`, and by nothing else. The
    test split is the published one, whatever the seed. `data.seed` also draws how far each image is moved.

    Args:
      dataset: one of DATASETS.
      data: `config.data`, with the fields seed, validation_fraction, image_size, box, move, positions,
        background, ink, manual_dir and data_dir.

    Raises:
      UserError: a field out of range, an image that doesn't fit the field, or a dataset that is
        unknown, can't be fetched or can't be stored.
    """
    check_data_fields(dataset, data)
    native = load_native(dataset, data.data_dir, data.manual_dir)

    def split(images: np.ndarray, labels: np.ndarray) -> Split:
        field = preprocess(
            images,
            native.low,
            native.high,
            image_size=data.image_size,
            box=data.box,
            background=data.background,
            ink=data.ink,
        )
        return Split(field, labels)

    def moved(split: Split, number: int) -> Split:
        rng = np.random.default_rng((data.seed, number))
        return split._replace(images=move_at_random(split.images, data.move, rng, data.background))

    train, validation = carve_validation(len(native.train_labels), data.validation_fraction, data.seed)
    splits = Splits(
        train=split(native.train_images[train], native.train_labels[train]),
        validation=split(native.train_images[validation], native.train_labels[validation]),
        test=split(native.test_images, native.test_labels),
    )
    if data.move:
        splits = Splits(*map(moved, splits, range(len(splits))))
    if data.positions > 1:
        splits = Splits(*(
            Split(at_positions(images, data.positions, data.background), np.repeat(labels, data.positions))
            for images, labels in splits
        ))  # fmt: skip
    return splits


def carve_validation(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation images among `count`, each ascending.

    Args:
      fraction: of the images that go to validation; their number is rounded.
      seed: of the draw.

    Raises:
      UserError: one of the two would be empty, though the fraction isn't 0.
    """
    held_out = round(fraction * count)
    if fraction and not 0 < held_out < count:
        raise UserError(
            f"config.data.validation_fraction={fraction} of {count:,} images leaves "
            f"{'no validation' if held_out == 0 else 'no training'} image; change it."
        )
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def check_data_fields(dataset: str, data) -> None:
    """Refuses at once what would otherwise be found after the dataset has been prepared.

    Raises UserError, in a sentence that names the field.
    """
    require_one_of("dataset", dataset, DATASETS)
    for name in ("background", "ink"):
        if not math.isfinite(getattr(data, name)):
            raise UserError(f"config.data.{name}={getattr(data, name)} must be a finite number.")
    if not 0 <= data.validation_fraction < 1:
        raise UserError(f"config.data.validation_fraction={data.validation_fraction} must be in [0, 1).")
    for name in ("seed", "move"):
        if getattr(data, name) < 0:
            raise UserError(f"config.data.{name}={getattr(data, name)} must not be negative.")
    for name in ("image_size", "box", "positions"):
        if getattr(data, name) < 1:
            raise UserError(f"config.data.{name}={getattr(data, name)} must be at least 1.")
    for name in ("move", "positions"):
        if getattr(data, name) >= data.image_size:
            raise UserError(
                f"config.data.{name}={getattr(data, name)} must be less than the {data.image_size} pixels of "
                "config.data.image_size."
            )
