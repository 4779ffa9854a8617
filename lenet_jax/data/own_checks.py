"""Checks of a user's own images and labels, and their native form."""

import sys
from typing import NamedTuple

import numpy as np

from lenet_jax.data.native import Native
from lenet_jax.errors import UserError, printable

MAX_SIDE = 256
MAX_CLASSES = 1000
_MAX_NAME = 100  # characters in the name of a class
_CHANNELS = ((), (1,), (3,))  # what may follow (N, side, side)
# Pixels that use less than this share of the range that they are scaled by are on another scale.
_LEAST_UINT8_SHARE = 0.1
_LEAST_SHARE = 0.01


class RawSplit(NamedTuple):
    """Images and labels as read, before any check, and how error messages refer to them."""

    images_name: str
    labels_name: str
    images: np.ndarray
    labels: np.ndarray


@np.errstate(all="ignore")  # values that don't fit a dtype become infinite, and are refused as such
def to_native(train: RawSplit, test: RawSplit) -> Native:
    """The native form of what was read. Raises UserError, naming the file or array, if it can't be used."""
    train_images, test_images = _square_images(train), _square_images(test)
    if train_images.shape[1:] != test_images.shape[1:]:
        raise UserError(
            f"{train.images_name} has images of shape {train_images.shape[1:]} but {test.images_name} "
            f"{test_images.shape[1:]}: store both in one shape."
        )
    if (train_images.dtype == np.uint8) != (test_images.dtype == np.uint8):
        raise UserError(
            f"{train.images_name} has dtype {train_images.dtype} but {test.images_name} {test_images.dtype}: "
            "store both in one dtype."
        )
    if train_images.dtype != np.uint8:
        train_images = _float32(train_images, train.images_name)
        test_images = _float32(test_images, test.images_name)
    low, high = _scale(train_images, train.images_name)
    _require_one_scale(low, high, test_images, test.images_name, train.images_name)
    classes, train_labels, test_labels = _number_classes(train, test)
    return Native(train_images, train_labels, test_images, test_labels, low, high, classes)


def _square_images(split: RawSplit) -> np.ndarray:
    """The images as (N, side, side) or (N, side, side, 3), in their own dtype."""
    images, name = split.images, split.images_name
    if images.dtype.kind not in "biuf":
        raise UserError(f"{name} has dtype {images.dtype}: store pixels as integers or floats.")
    fits = images.ndim in (3, 4) and images.shape[1] == images.shape[2] and images.shape[3:] in _CHANNELS
    if not fits or not len(images) or not 1 <= images.shape[1] <= MAX_SIDE:
        raise UserError(
            f"{name} has shape {images.shape}: store at least one image, in shape (N, side, side), "
            f"(N, side, side, 1) or (N, side, side, 3), with a side from 1 to {MAX_SIDE}."
        )
    return images[..., 0] if images.shape[3:] == (1,) else images


def _float32(images: np.ndarray, name: str) -> np.ndarray:
    converted = images.astype(np.float32)
    finite = np.isfinite(converted)
    if not finite.all():
        index = int(np.argmin(finite.all(axis=tuple(range(1, images.ndim)))))
        value = images[index][~finite[index]][0]
        raise UserError(f"{name} has the value {value:g} in image {index}: store finite float32 numbers.")
    return converted


def _scale(images: np.ndarray, name: str) -> tuple[float, float]:
    """The pixel values of background and full ink: uint8's own, or the smallest and largest of the images."""
    low, high = _range(images)
    if low == high:
        raise UserError(f"{name} has the value {low:g} in every pixel: use images that are not constant.")
    if high - low > np.finfo(np.float32).max:
        raise UserError(f"{name} has values from {low:g} to {high:g}: store a range that float32 holds.")
    if images.dtype != np.uint8:
        return low, high
    if high - low < _LEAST_UINT8_SHARE * 255:
        raise UserError(
            f"{name} has values from {low:g} to {high:g} in dtype uint8, whose range is 0 to 255: store them "
            "in another dtype, such as float32, to have this range scaled."
        )
    return 0.0, 255.0


def _require_one_scale(
    low: float, high: float, test_images: np.ndarray, test_name: str, train_name: str
) -> None:
    """Raises UserError for test images in 0..1, for example, where those for training are in 0..255."""
    test_low, test_high = _range(test_images)
    reach = max(high, test_high) - min(low, test_low)
    if test_high - test_low < _LEAST_SHARE * (high - low) or high - low < _LEAST_SHARE * reach:
        raise UserError(
            f"{test_name} has values from {test_low:g} to {test_high:g}, but {train_name} is scaled by "
            f"{low:g} to {high:g}: store both on one scale."
        )


def _range(images: np.ndarray) -> tuple[float, float]:
    return float(images.min()), float(images.max())


def _number_classes(train: RawSplit, test: RawSplit) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Class names, and the labels of both splits as (N,) int32."""
    train_labels, test_labels = _flat_labels(train), _flat_labels(test)
    if (train_labels.dtype.kind == "U") != (test_labels.dtype.kind == "U"):
        raise UserError(
            f"{train.labels_name} has dtype {train.labels.dtype} but {test.labels_name} {test.labels.dtype}: "
            "store both as numbers or both as names."
        )
    known, indices = np.unique(train_labels, return_inverse=True)
    if train_labels.dtype.kind != "U":
        _require_numbers_from_0(known, train.labels_name)
    unknown = test_labels[~np.isin(test_labels, known)]
    if len(unknown):
        name = repr(str(unknown[0]))
        raise UserError(f"{test.labels_name} has the class {name}, which has no training images: add some.")
    if not 2 <= len(known) <= MAX_CLASSES:
        raise UserError(
            f"the number of classes in {train.labels_name} is {len(known):,}: use from 2 to {MAX_CLASSES:,}."
        )
    classes = tuple(str(name) for name in known.tolist())
    return classes, indices.astype(np.int32), np.searchsorted(known, test_labels).astype(np.int32)


def _flat_labels(split: RawSplit) -> np.ndarray:
    """The labels as (N,) int32, or as (N,) strings."""
    labels, name = split.labels, split.labels_name
    if labels.dtype.kind not in "biufSU":
        raise UserError(f"{name} has dtype {labels.dtype}: store labels as integers or strings.")
    count = len(split.images)
    if labels.shape not in ((count,), (count, 1)):
        raise UserError(
            f"{name} has shape {labels.shape} but {split.images_name} has {count} images: "
            f"store one label per image, in shape ({count},)."
        )
    labels = labels.reshape(-1)
    if labels.dtype.kind in "SU":
        return _class_names(labels, name)
    valid = (labels >= 0) & (labels < MAX_CLASSES) & (labels == np.floor(labels))
    if not valid.all():
        wrong = labels[~valid][0]
        raise UserError(
            f"{name} has the label {wrong}: number the classes 0, 1, ... (at most {MAX_CLASSES:,})."
        )
    return labels.astype(np.int32)


def _class_names(labels: np.ndarray, name: str) -> np.ndarray:
    """(N,) labels, as bytes or as text -> (N,) text. Raises UserError for one that tables cannot show."""
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "backslashreplace")
    native = np.ascontiguousarray(labels.astype(labels.dtype.newbyteorder("=")))
    if native.size and native.view(np.uint32).max() > sys.maxunicode:
        raise UserError(f"{name} has labels that are not text: save it again.")
    for label in np.unique(native).tolist():
        if not 1 <= len(label) <= _MAX_NAME or label != printable(label):
            raise UserError(
                f"{name} has the class name {label[:_MAX_NAME]!r}: use from 1 to {_MAX_NAME} printable "
                "characters."
            )
    return native


def _require_numbers_from_0(known: np.ndarray, name: str) -> None:
    """Raises UserError unless the distinct labels `known`, in ascending order, are 0, 1, 2, ...."""
    if known[0] > 0:
        raise UserError(f"{name} has labels that start at {known[0]}: subtract {known[0]} from all labels.")
    gaps = np.flatnonzero(known != np.arange(len(known)))
    if len(gaps):
        raise UserError(f"{name} has label {known[-1]} but no label {gaps[0]}: number classes without gaps.")
