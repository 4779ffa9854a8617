"""Native images to the square field a network reads.

MNIST's digits were size-normalised into a 20x20 box and centred in 28x28; LeCun et al. 1998
(section II-B) centre that in 32x32, so that strokes near the edge can still fall in the middle of
the highest feature detectors' receptive fields. Smaller images are resized to that box first:
then a receptive field covers a comparable part of a digit in every dataset. With another box, images of
28x28 and more are scaled about their middle, so that what was 20x20, as MNIST's digits are, fits it.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lenet_jax.errors import UserError

# Images of this height and width or more have a margin about the box that MNIST's digits fit.
_FULL_SIZE = 28
_FULL_BOX = 20


def preprocess(
    images: np.ndarray,
    low: float,
    high: float,
    *,
    image_size: int,
    box: int,
    background: float,
    ink: float,
) -> np.ndarray:
    """Images (N, H, W) of any numeric dtype -> (N, image_size, image_size, 1) float32.

    Grey levels go linearly from `low` -> `background` to `high` -> `ink`. Where the margin is odd,
    the extra row is below and the extra column to the right.

    Args:
      low, high: native pixel values of empty background and of full ink.
      image_size: height and width of the field in pixels.
      box: height and width that digits are resized to, bilinearly: images smaller than 28x28 as a
        whole, larger ones so that what was 20x20 fits it, within as many pixels as they have.
      background, ink: grey levels of the field.

    Raises:
      UserError: the image doesn't fit the field.
    """
    intensity = (images.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    if box > image_size:
        raise UserError(
            f"config.data.box={box} is larger than config.data.image_size={image_size}; lower the one "
            "or raise the other."
        )
    if max(images.shape[1:]) < _FULL_SIZE:
        intensity = resize_bilinear(intensity, box)
    elif box != _FULL_BOX:
        intensity = scale_about_middle(intensity, box / _FULL_BOX)
    count, height, width = intensity.shape
    if max(height, width) > image_size:
        raise UserError(
            f"config.data.image_size={image_size} is smaller than the {height}x{width} images of the "
            f"dataset; set it to at least {max(height, width)}."
        )
    field = np.full((count, image_size, image_size, 1), background, np.float32)
    top, left = (image_size - height) // 2, (image_size - width) // 2
    # Added to the field that is there, so that paper inside and outside the image is equal to the bit.
    field[:, top : top + height, left : left + width, 0] += np.float32(ink - background) * intensity
    return field


def move_at_random(
    images: np.ndarray, pixels: int, rng: np.random.Generator, background: float
) -> np.ndarray:
    """(N, S, S, 1) images, each moved by up to `pixels` rows and columns, either way.

    What enters is background, what leaves is lost.
    """
    size = images.shape[1]
    width = ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0))
    wider = np.pad(images, width, constant_values=np.float32(background))
    moved = np.empty_like(images)
    for number, (row, column) in enumerate(rng.integers(0, 2 * pixels + 1, (len(images), 2))):
        moved[number] = wider[number, row : row + size, column : column + size]
    return moved


def at_positions(images: np.ndarray, positions: int, background: float) -> np.ndarray:
    """(N, S, S, 1) images -> (N * positions, S, S, 1): each at so many consecutive columns, in a row.

    The first lies positions // 2 columns to the left. What enters is background, what leaves is lost.
    """
    size, left = images.shape[2], positions // 2
    width = ((0, 0), (0, 0), (positions, left), (0, 0))
    wider = np.pad(images, width, constant_values=np.float32(background))
    starts = [positions + left - position for position in range(positions)]
    moved = np.stack([wider[:, :, start : start + size] for start in starts], axis=1)
    return moved.reshape(-1, *images.shape[1:])


def resize_bilinear(images: np.ndarray, size: int) -> np.ndarray:
    """(N, H, W) float32 -> (N, size, size) float32; pixels are squares, the border is repeated."""
    return np.asarray(jax.image.resize(images, (len(images), size, size), "bilinear"))


def scale_about_middle(images: np.ndarray, factor: float) -> np.ndarray:
    """(N, H, W) float32 of the same shape, scaled bilinearly and antialiased; what enters is 0."""
    shift = jnp.array(images.shape[1:]) * (1 - factor) / 2
    scale = jnp.full(2, factor)
    scaled = jax.image.scale_and_translate(images, images.shape, (1, 2), scale, shift, "bilinear")
    return np.array(scaled)
