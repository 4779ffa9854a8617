"""Geometry and grey levels of the images that a network reads."""

import jax
import numpy as np
import pytest

from lenet_jax.data.preprocessing import preprocess, random_shift, resize_bilinear, shifted_copies
from lenet_jax.errors import UserError

LEVELS = dict(background=-0.1, ink=1.175)
BACKGROUND, INK = np.float32(-0.1), np.float32(1.175)


def inked(size: int, low: float, high: float, dtype) -> np.ndarray:
    """One image, all ink except for a top left quarter of background."""
    image = np.full((1, size, size), high, dtype)
    image[:, : size // 2, : size // 2] = low
    return image


def test_full_size_images_are_centred_and_not_resized():
    canvas = preprocess(inked(28, 0, 255, np.uint8), 0, 255, image_size=32, box=20, **LEVELS)
    expected = np.full((32, 32), BACKGROUND)
    expected[2:30, 2:30] = INK
    expected[2:16, 2:16] = BACKGROUND
    np.testing.assert_allclose(canvas[0, :, :, 0], expected, rtol=1e-6)
    assert canvas.shape == (1, 32, 32, 1) and canvas.dtype == np.float32
    # Background inside the image equals the background around it.
    assert (canvas[0, :16, :16, 0] == BACKGROUND).all()


def test_full_size_images_fill_a_canvas_of_their_size():
    images = np.random.default_rng(0).integers(256, size=(3, 28, 28), dtype=np.uint8)
    canvas = preprocess(images, 0, 255, image_size=28, box=20, background=0.0, ink=255.0)
    np.testing.assert_allclose(canvas[..., 0], images, atol=1e-4)


@pytest.mark.parametrize("size, low, high, dtype", [(8, 0, 16, np.uint8), (16, -1, 1, np.float32)])
def test_smaller_images_fill_the_box(size, low, high, dtype):
    images = np.full((4, size, size), high, dtype)
    canvas = preprocess(images, low, high, image_size=32, box=20, **LEVELS)[..., 0]
    np.testing.assert_allclose(canvas[:, 6:26, 6:26], INK, rtol=1e-6)
    canvas[:, 6:26, 6:26] = BACKGROUND
    assert (canvas == BACKGROUND).all()


def test_grey_levels_are_linear():
    image = np.full((1, 28, 28), 51, np.uint8)  # a fifth of 255
    canvas = preprocess(image, 0, 255, image_size=32, box=20, **LEVELS)
    np.testing.assert_allclose(canvas[0, 16, 16, 0], -0.1 + 1.275 / 5, rtol=1e-6)


def test_an_odd_margin_is_at_the_bottom_and_on_the_right():
    image = np.full((1, 28, 28), 255, np.uint8)
    inside = preprocess(image, 0, 255, image_size=31, box=20, **LEVELS)[0, :, :, 0] > 1
    assert inside[1:29, 1:29].all() and inside.sum() == 28 * 28


@pytest.mark.parametrize("size", [8, 16, 20])
def test_resizing_is_the_bilinear_interpolation_of_jax(size):
    images = np.random.default_rng(0).random((4, size, size), dtype=np.float32)
    expected = jax.image.resize(images, (4, 20, 20), "bilinear")
    np.testing.assert_allclose(resize_bilinear(images, 20), expected, atol=1e-5)


def test_preprocessing_does_not_change_its_input():
    images = np.random.default_rng(0).random((4, 16, 16), dtype=np.float32)
    before = images.copy()
    preprocess(images, 0, 1, image_size=32, box=20, **LEVELS)
    np.testing.assert_array_equal(images, before)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="data.image_size=27 is smaller than the 28x28 images"):
        preprocess(inked(28, 0, 255, np.uint8), 0, 255, image_size=27, box=20, **LEVELS)
    with pytest.raises(UserError, match="data.box=33 is larger than config.data.image_size=32"):
        preprocess(inked(8, 0, 16, np.uint8), 0, 16, image_size=32, box=33, **LEVELS)


def test_shifted_images_have_the_same_ink_elsewhere():
    rng = np.random.default_rng(0)
    images = np.full((200, 9, 9, 1), -0.1, np.float32)
    images[:, 3:6, 3:6, 0] = rng.uniform(0.2, 1, (200, 3, 3))
    shifted = random_shift(images, 2, np.random.default_rng(1), -0.1)
    shifts = set()
    for before, after in zip(images, shifted, strict=True):
        rows, columns = np.nonzero(after[..., 0] > 0)
        top, left = rows.min(), columns.min()
        shifts.add((top - 3, left - 3))
        np.testing.assert_array_equal(after[top : top + 3, left : left + 3], before[3:6, 3:6])
        assert np.isclose(after.sum(), before.sum(), rtol=1e-5)
    assert shifts == {(row, column) for row in range(-2, 3) for column in range(-2, 3)}


def test_another_box_scales_mnists_digits_about_their_centre():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 4:24] = 255
    canvas = preprocess(image, 0.0, 255.0, image_size=28, box=16, background=0.0, ink=1.0)[0, :, :, 0]
    assert (canvas[7:21, 7:21] > 0.95).all()
    assert np.allclose(canvas[:5], 0, atol=0.02) and np.allclose(canvas[:, 23:], 0, atol=0.02)
    assert canvas.sum() == pytest.approx(16 * 16, rel=0.02)


def test_an_image_at_four_positions_becomes_four_consecutive_images():
    images = np.full((2, 3, 7, 1), -1.0, np.float32)
    images[0, 1, 3], images[1, 2, 4] = 0.5, 0.7
    found = shifted_copies(images, 4, -1.0)
    assert found.shape == (8, 3, 7, 1)
    assert [tuple(np.argwhere(image[..., 0] > -1)[0]) for image in found] == [
        *((1, column) for column in (1, 2, 3, 4)),
        *((2, column) for column in (2, 3, 4, 5)),
    ]
    assert set(np.unique(found)) == {np.float32(-1.0), np.float32(0.5), np.float32(0.7)}
    np.testing.assert_array_equal(found[2::4], images)
