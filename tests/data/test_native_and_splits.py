"""Splits: their sizes, what a seed changes and what it must not change, and refusals."""

import itertools

import numpy as np
import pytest
from ml_collections import FrozenConfigDict
from sklearn.datasets import load_digits

from lenet_jax.config.fields import default_config
from lenet_jax.data import DATASETS, dataset_info, load_native, load_splits, native_splits, split_counts
from lenet_jax.data.preprocessing import preprocess
from lenet_jax.data.splits import carve_validation, choose_subset
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


SMALL = {"image_size": 8, "box": 8}  # so that each pixel is that of the native image
LEVELS = {"background": -0.1, "ink": 1.175}


def test_pixels_of_all_images_are_permuted_alike():
    before = load_splits("digits", data_config(**SMALL))
    after = load_splits("digits", data_config(**SMALL, permutation_seed=0))
    order = np.random.default_rng(0).permutation(64)
    assert (order != np.arange(64)).any()
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(other.images.reshape(-1, 64), one.images.reshape(-1, 64)[:, order])
        np.testing.assert_array_equal(other.labels, one.labels)


def test_permutations_depend_on_their_seed_and_not_on_the_data_seed():
    def test_images(**fields):
        return load_splits("digits", data_config(**SMALL, **fields)).test.images

    first = test_images(permutation_seed=0)
    np.testing.assert_array_equal(first, test_images(permutation_seed=0, seed=1))
    assert not np.array_equal(first, test_images(permutation_seed=1))
    sorted_pixels = [np.sort(test_images(permutation_seed=seed).reshape(360, 64)) for seed in (-1, 0, 1)]
    np.testing.assert_array_equal(sorted_pixels[0], sorted_pixels[1])
    np.testing.assert_array_equal(sorted_pixels[0], sorted_pixels[2])


def test_subsets_are_nested_and_balanced_and_in_the_order_of_the_file():
    labels = load_native("digits").train_labels
    subsets = [choose_subset(labels, count, seed=0) for count in (10, 11, 55, 1_000, 1_437)]
    for smaller, larger in itertools.pairwise(subsets):
        assert set(smaller) < set(larger)
    for subset in subsets:
        assert (np.diff(subset) > 0).all()
    for subset in subsets[:4]:
        counts = np.bincount(labels[subset], minlength=10)
        assert counts.min() >= 1 and counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(subsets[-1], np.arange(1_437))
    assert set(choose_subset(labels, 10, seed=1)) != set(subsets[0])


def test_a_class_that_is_used_up_loses_its_turns():
    labels = np.array([0] * 2 + [1] * 50 + [2] * 5)
    counts = [np.bincount(labels[choose_subset(labels, count, seed=0)]).tolist() for count in (3, 10, 20)]
    assert counts == [[1, 1, 1], [2, 4, 4], [2, 13, 5]]


def test_a_subset_changes_the_training_images_alone():
    everything, subset, larger = (
        load_splits("digits", data_config(**SMALL, train_images=count)) for count in (0, 100, 200)
    )
    for split in ("validation", "test"):
        for one, other in zip(getattr(everything, split), getattr(subset, split), strict=True):
            np.testing.assert_array_equal(one, other)
    known = {image.tobytes(): label for image, label in zip(*everything.train, strict=True)}
    assert [known[image.tobytes()] for image in subset.train.images] == subset.train.labels.tolist()
    assert {image.tobytes() for image in subset.train.images} < {
        image.tobytes() for image in larger.train.images
    }
    assert np.bincount(subset.train.labels).tolist() == [10] * 10


def test_by_default_all_images_that_are_not_held_out_are_for_training():
    native, data = load_native("digits"), data_config(**SMALL)
    index, _ = carve_validation(count=1437, fraction=0.1, seed=0)
    for found in (
        native_splits(native, data),
        native_splits(native, data_config(**SMALL, train_images=1293)),
    ):
        np.testing.assert_array_equal(found.train.images, native.train_images[index])
        np.testing.assert_array_equal(found.train.labels, native.train_labels[index])
    plain = preprocess(native.test_images, native.low, native.high, image_size=8, box=8, **LEVELS)
    np.testing.assert_array_equal(load_splits("digits", data).test.images, plain)


@pytest.mark.parametrize("fields", [{}, {"validation_fraction": 0.0}, {"seed": 3}], ids=str)
@pytest.mark.parametrize("count", [0, 10, 777])
def test_counts_are_those_of_what_is_loaded(fields, count):
    data = data_config(**SMALL, **fields, train_images=count)
    loaded = native_splits(load_native("digits"), data)
    counts = split_counts(dataset_info("digits"), data)
    assert counts == {name: len(split.labels) for name, split in loaded._asdict().items()}
    assert counts["train"] == count or not count


def test_subsets_and_permutations_of_own_images_in_colour(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 8, 8, 3), np.uint8), np.array(["a", "b", "c"] * 20)
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels, x_test=images[:9], y_test=labels[:9])
    path = str(tmp_path / "own.npz")
    plain, permuted = (
        load_splits(path, data_config(**SMALL, train_images=7, permutation_seed=seed)) for seed in (-1, 5)
    )
    assert split_counts(dataset_info(path), data_config(train_images=7)) == {
        "train": 7, "validation": 6, "test": 9,
    }  # fmt: skip
    assert sorted(np.bincount(plain.train.labels)) == [2, 2, 3]
    order = np.random.default_rng(5).permutation(64)
    for one, other in zip(plain, permuted, strict=True):
        before, after = (split.images.reshape(-1, 64, 3) for split in (one, other))
        np.testing.assert_array_equal(after, before[:, order])


@pytest.mark.parametrize(
    "fields, sentence",
    [
        ({"validation_fraction": 0.0001}, "leaves no validation image"),
        ({"validation_fraction": 0.9999}, "leaves no training image"),
        ({"image_size": 16}, "data.box=20 is larger than config.data.image_size=16"),
        ({"train_images": 1294}, "train_images=1294 is more than the 1,293 available training images: dec"),
        ({"train_images": 9}, "train_images=9 is fewer than the 10 classes: increase it, or set it to 0 for"),
    ],
)
def test_fields_that_do_not_fit_the_images_are_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        load_splits("digits", data_config(**fields))
    if "image_size" not in fields:
        with pytest.raises(UserError, match=sentence):
            split_counts(dataset_info("digits"), data_config(**fields))


def test_an_unknown_dataset_is_refused_with_the_known_names():
    sentence = (
        "imagenet.*digits, mnist_5k, mnist, fashion_mnist, usps, or the path of an .npz file or of a folder "
        "with your own images"
    )
    with pytest.raises(UserError, match=sentence):
        load_splits("imagenet", data_config())
