"""Splits: their sizes, what a seed changes and what it must not change, and refusals."""

import numpy as np
import pytest
from ml_collections import FrozenConfigDict
from sklearn.datasets import load_digits

from lenet_jax.config.fields import default_config
from lenet_jax.data import DATASETS, load_native, load_splits
from lenet_jax.data.splits import carve_validation
from lenet_jax.errors import UserError


def data_config(**fields) -> FrozenConfigDict:
    return FrozenConfigDict(default_config().data.to_dict() | {"image_size": 32} | fields)


def test_dataset_names():
    assert DATASETS == ("digits", "mnist_5k", "mnist", "fashion_mnist", "usps")


def test_the_test_set_of_digits_is_the_end_of_the_file():
    published = load_digits()
    native = load_native("digits")
    assert (len(native.train_labels), len(native.test_labels)) == (1437, 360)
    images = np.concatenate([native.train_images, native.test_images])
    labels = np.concatenate([native.train_labels, native.test_labels])
    np.testing.assert_array_equal(images, published.images)
    np.testing.assert_array_equal(labels, published.target)
    assert (native.train_images.min(), native.train_images.max()) == (native.low, native.high)


def test_shapes_dtypes_and_sizes():
    train, validation, test = load_splits("digits", data_config())
    assert [len(split.labels) for split in (train, validation, test)] == [1293, 144, 360]
    for images, labels in (train, validation, test):
        assert images.shape == (len(labels), 32, 32, 1)
        assert (images.dtype, labels.dtype) == (np.float32, np.int32)
        assert set(labels) == set(range(10))


def test_training_and_validation_images_partition_the_training_set():
    train, validation = carve_validation(count=1437, fraction=0.1, seed=0)
    assert len(train) == 1293 and len(validation) == 144
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(1437))


def test_images_keep_their_labels():
    """Every image in a split has the label of the native image with the same pixels."""
    native = load_native("digits")
    label_of = {
        image.tobytes(): label for image, label in zip(native.train_images, native.train_labels, strict=True)
    }
    # A box of 8 interpolates no pixel, so the native image can be recovered.
    splits = load_splits("digits", data_config(image_size=8, box=8, background=0.0, ink=16.0))
    for images, labels in (splits.train, splits.validation):
        recovered = np.rint(images[..., 0]).astype(np.uint8)
        assert [label_of[image.tobytes()] for image in recovered] == list(labels)


def test_data_seed_changes_the_validation_split_but_not_the_test_set():
    first, same, other = (load_splits("digits", data_config(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.validation.images, same.validation.images)
    np.testing.assert_array_equal(first.train.images, same.train.images)
    assert not np.array_equal(first.validation.images, other.validation.images)
    np.testing.assert_array_equal(first.test.images, other.test.images)
    np.testing.assert_array_equal(first.test.labels, other.test.labels)


def test_validation_fraction_does_not_change_the_test_set():
    small, large = (load_splits("digits", data_config(validation_fraction=f)) for f in (0.1, 0.9))
    assert len(large.validation.labels) == round(0.9 * 1437)
    np.testing.assert_array_equal(small.test.images, large.test.images)


def test_images_are_shifted_by_the_data_seed():
    plain, shifted, again = (load_splits("digits", data_config(box=20, move=move)) for move in (0, 2, 2))
    for before, after, same in zip(plain, shifted, again, strict=True):
        np.testing.assert_array_equal(after.images, same.images)
        assert (before.images != after.images).any((1, 2, 3)).mean() > 0.8
        np.testing.assert_array_equal(before.labels, after.labels)
        np.testing.assert_allclose(before.images.sum((1, 2, 3)), after.images.sum((1, 2, 3)), rtol=1e-3)


@pytest.mark.parametrize(
    "fields, sentence",
    [
        ({"validation_fraction": 0.0001}, "leaves no validation image"),
        ({"validation_fraction": 0.9999}, "leaves no training image"),
        ({"image_size": 16}, "data.box=20 is larger than config.data.image_size=16"),
    ],
)
def test_fields_that_do_not_fit_the_images_are_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        load_splits("digits", data_config(**fields))


def test_an_unknown_dataset_is_refused_with_the_known_names():
    sentence = (
        "imagenet.*digits, mnist_5k, mnist, fashion_mnist, usps, or the path of an .npz file or of a folder "
        "with your own images"
    )
    with pytest.raises(UserError, match=sentence):
        load_splits("imagenet", data_config())
