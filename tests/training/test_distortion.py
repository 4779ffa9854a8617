"""Random distortions: each does what its name says, and only to the images drawn for it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lenet_jax.training.distortion import DISTORTIONS, Distortion
from tests.helpers.hyperparameters import one_run

BACKGROUND = -0.1


def blob(count=64, size=21, height=6.0, width=4.0):
    """Images of a soft ellipse in the center."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    image = np.exp(-((rows / height) ** 2) - (columns / width) ** 2) + BACKGROUND
    return jnp.array(np.repeat(image[None, :, :, None], count, 0), jnp.float32)


@functools.partial(jax.jit, static_argnames="whole_pixels")
def apply(key, images, numbers, whole_pixels):
    return Distortion(BACKGROUND, whole_pixels).apply(key, images, numbers)


def distorted(images, seed=0, probability=1.0, whole_pixels=False, **limits):
    """The images, distorted up to these limits; those not given are 0."""
    limits = {f"distortion_{kind}": limits.get(kind, 0.0) for kind in DISTORTIONS}
    numbers = one_run(distortion_probability=probability, **limits)
    return np.asarray(apply(jax.random.key(seed), images, numbers, whole_pixels))


def moments(images):
    """Center of the ink (row, column), its standard deviations and its slant, for each image."""
    ink = images[..., 0] - BACKGROUND
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    mass = ink.sum((1, 2))
    row, column = ((ink * position).sum((1, 2)) / mass for position in (rows, columns))
    down, right = rows[None] - row[:, None, None], columns[None] - column[:, None, None]
    height, width = (np.sqrt((ink * offset**2).sum((1, 2)) / mass) for offset in (down, right))
    slant = (ink * down * right).sum((1, 2)) / mass / height**2
    return row, column, height, width, slant


def test_without_amounts_images_stay_as_they_are():
    images = blob(4)
    np.testing.assert_allclose(distorted(images), images, atol=1e-6)


def test_images_that_are_not_drawn_stay_as_they_are():
    images = blob(400)
    moved = (np.abs(distorted(images, probability=0.25, shift=2.0) - images) > 1e-6).any((1, 2, 3))
    assert 0.15 < moved.mean() < 0.35


def test_shift_moves_the_middle_by_at_most_its_limit():
    row, column, height, width, _ = moments(distorted(blob(), shift=2.0))
    for middle in (row, column):
        assert 1.5 < np.abs(middle - 10).max() < 2.1
        assert np.abs((middle - 10).mean()) < 0.5  # either way
    assert height.std() < 0.1 and width.std() < 0.1


def test_shift_by_whole_pixels_only_moves_grey_levels():
    """By -2 to 2 pixels, each in about a fifth of the images, down and to the right apart."""
    image = np.full((32, 32, 1), BACKGROUND, np.float32)
    image[12:20, 12:20, 0] = np.random.default_rng(0).random((8, 8))
    out = distorted(jnp.array(np.repeat(image[None], 1000, 0)), shift=2.0, whole_pixels=True)
    moved = {
        (down, right): (out == np.roll(image, (down, right), (0, 1))).all((1, 2, 3)).sum()
        for down in range(-2, 3)
        for right in range(-2, 3)
    }
    assert sum(moved.values()) == 1000
    assert min(moved.values()) > 15 and max(moved.values()) < 70  # of 40


def test_scale_grows_both_ways_and_squeeze_against_each_other():
    for kind, sign in (("scale", 1), ("squeeze", -1)):
        row, _, height, width, _ = moments(distorted(blob(height=3.0, width=3.0), **{kind: 0.2}))
        logs = np.log(height / 3 * np.sqrt(2)), np.log(width / 3 * np.sqrt(2))
        assert np.corrcoef(*logs)[0, 1] * sign > 0.99
        assert 0.15 < np.abs(logs[0]).max() < 0.23
        np.testing.assert_allclose(row, 10, atol=0.05)


def test_shear_slants():
    *_, slant = moments(distorted(blob(height=3.0, width=3.0), shear=0.3))
    assert 0.2 < np.abs(slant).max() < 0.32 and slant.min() < 0 < slant.max()


def test_pixels_from_outside_are_background():
    image = jnp.ones((32, 9, 9, 1))
    out = distorted(image, shift=3.0)
    assert out.min() == pytest.approx(BACKGROUND) and out.max() == 1


def test_the_key_decides():
    one, again, other = (distorted(blob(3), seed, shift=2.0) for seed in (0, 0, 1))
    assert (one == again).all() and (one != other).any()
    assert (one[0] != one[1]).any()  # each image has its own draw
