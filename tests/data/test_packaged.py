"""mnist_5k: the images of MNIST that an installed package ships."""

import os
import pathlib

import numpy as np
import pytest

from lenet_jax.data import dataset_info, load_native
from lenet_jax.data.sources import SOURCES

CLASSES = np.arange(10)


@pytest.fixture(scope="module")
def native():
    return load_native("mnist_5k")


def test_mnist_5k_has_as_many_images_of_each_class_and_classes_alternate(native):
    for images, labels, per_class in (
        (native.train_images, native.train_labels, 300),
        (native.test_images, native.test_labels, 200),
    ):
        assert images.shape == (10 * per_class, 28, 28) and images.dtype == np.uint8
        np.testing.assert_array_equal(labels, np.tile(CLASSES, per_class))
        assert labels.dtype == np.int32
    assert (native.train_images.min(), native.train_images.max()) == (native.low, native.high) == (0, 255)


def test_no_image_is_in_both_splits(native):
    images = np.concatenate([native.train_images, native.test_images])
    assert len({image.tobytes() for image in images}) == 5_000


@pytest.mark.parametrize("name", ["digits", "mnist_5k"])
def test_what_is_said_about_a_packaged_dataset_is_so(name):
    native, info = load_native(name), dataset_info(name)
    assert native.train_images.shape == (info.train_count, info.side, info.side)
    assert len(native.test_images) == len(native.test_labels) == info.test_count
    assert (native.low, native.high, native.classes) == (info.low, info.high, info.classes)
    assert (info.name, info.identity, info.channels) == (name, name, 1)
    assert set(native.train_labels) == set(range(len(info.classes)))


@pytest.mark.skipif("LENET_JAX_DATA" not in os.environ, reason="needs a folder of the real files")
def test_mnist_5k_is_the_first_500_of_each_class_of_the_training_file(native):
    source = SOURCES["mnist"]
    folder = pathlib.Path(os.environ["LENET_JAX_DATA"]) / "mnist"
    published_images, published_labels = source.read(*(folder / file for file in source.train_files))
    images = np.concatenate([native.train_images, native.test_images])
    labels = np.concatenate([native.train_labels, native.test_labels])
    for number in CLASSES:
        expected = published_images[published_labels == number][:500]
        np.testing.assert_array_equal(images[labels == number], expected)
