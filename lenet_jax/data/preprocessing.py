"""From native images to the square images that a network reads.

MNIST's digits were size-normalised into a 20x20 box and centred in 28x28 pixels. LeCun et al. 1998 (section
II-B) centre those in 32x32, so that strokes near the edge can still appear in the centre of the receptive
field of the highest-level feature detectors. Images smaller than 28x28 are first resized to the 20x20 box,
so that a receptive field covers a comparable part of a digit in every dataset. If the box is not 20x20,
images of 28x28 and larger are scaled about their centre, so that what was 20x20 fits the box.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lenet_jax.errors import UserError

# Images at least this high or wide already have MNIST's margin around the box.
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
    """Images (N, H, W) or (N, H, W, C) of any real dtype -> (N, image_size, image_size, C) float32, centred.

    C is 1 for images without channels.

    Grey levels are mapped linearly: `low` to `background`, `high` to `ink`. If the margin is odd, the extra
    row is at the bottom and the extra column on the right.

    Args:
      low, high: native pixel values of background and full ink.
      image_size: height and width of the result in pixels.
      box: height and width in pixels of the box that digits are scaled to, bilinearly. Images smaller than
        28x28 are resized to the box; larger ones keep their size, and their central 20x20 is scaled to it.
      background, ink: grey levels of the result.

    Raises:
      UserError: the images don't fit `image_size`.
    """
    if images.ndim == 3:
        images = images[..., None]
    count, *_, channels = images.shape
    # Channels as images of their own, (N * C, H, W): all that follows works on them one by one.
    images = np.moveaxis(images, 3, 1).reshape(count * channels, *images.shape[1:3])
    intensity = (images.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    if box > image_size:
        raise UserError(
            f"config.data.box={box} is larger than config.data.image_size={image_size}: decrease the box or "
            "increase the image size."
        )
    if max(images.shape[1:]) < _FULL_SIZE:
        intensity = resize_bilinear(intensity, box)
    elif box != _FULL_BOX:
        intensity = scale_about_centre(intensity, box / _FULL_BOX)
    _, height, width = intensity.shape
    if max(height, width) > image_size:
        raise UserError(
            f"config.data.image_size={image_size} is smaller than the {height}x{width} images of the "
            f"dataset: set it to at least {max(height, width)}."
        )
    canvas = np.full((count, image_size, image_size, channels), background, np.float32)
    top, left = (image_size - height) // 2, (image_size - width) // 2
    intensity = np.moveaxis(intensity.reshape(count, channels, height, width), 1, 3)
    # Added rather than assigned: the background inside the image then equals the margin's, bit for bit.
    canvas[:, top : top + height, left : left + width] += np.float32(ink - background) * intensity
    return canvas


def random_shift(
    images: np.ndarray, max_shift: int, rng: np.random.Generator, background: float
) -> np.ndarray:
    """Shifts each of the (N, S, S, C) images by up to `max_shift` pixels vertically and horizontally.

    Pixels shifted in are background; pixels shifted out are lost.
    """
    size = images.shape[1]
    margins = ((0, 0), (max_shift, max_shift), (max_shift, max_shift), (0, 0))
    padded = np.pad(images, margins, constant_values=np.float32(background))
    shifted = np.empty_like(images)
    shifts_N2 = rng.integers(0, 2 * max_shift + 1, size=(len(images), 2))
    for index, (row, column) in enumerate(shifts_N2.tolist()):
        shifted[index] = padded[index, row : row + size, column : column + size]
    return shifted


def shifted_copies(images: np.ndarray, positions: int, background: float) -> np.ndarray:
    """(N, S, S, C) images -> (N * positions, S, S, C): copies of each image at consecutive columns.

    The copies of an image follow each other, each one column further right; the first is shifted
    positions // 2 columns to the left. Pixels shifted in are background; pixels shifted out are lost.
    """
    size, left = images.shape[2], positions // 2
    margins = ((0, 0), (0, 0), (positions, left), (0, 0))
    padded = np.pad(images, margins, constant_values=np.float32(background))
    starts = [positions + left - position for position in range(positions)]
    copies = np.stack([padded[:, :, start : start + size] for start in starts], axis=1)
    return copies.reshape(-1, *images.shape[1:])


def permute_pixels(images: np.ndarray, seed: int) -> np.ndarray:
    """Permutes the S*S positions of (N, S, S, C) images, alike in all images; channels stay together.

    The permutation is drawn from `seed`, and depends on nothing else but S.
    """
    count, size, _, channels = images.shape
    order = np.random.default_rng(seed).permutation(size**2)
    return np.take(images.reshape(count, size**2, channels), order, axis=1).reshape(images.shape)


def resize_bilinear(images: np.ndarray, size: int) -> np.ndarray:
    """(N, H, W) float32 -> (N, size, size) float32; pixels are squares, and edge pixels are repeated."""
    return np.asarray(jax.image.resize(images, (len(images), size, size), "bilinear"))


def scale_about_centre(images: np.ndarray, factor: float) -> np.ndarray:
    """Scales (N, H, W) float32 images, keeping their shape: bilinear, antialiased, 0 outside the image."""
    shift = jnp.array(images.shape[1:]) * (1 - factor) / 2
    scale = jnp.full(2, factor)
    scaled = jax.image.scale_and_translate(images, images.shape, (1, 2), scale, shift, "bilinear")
    return np.array(scaled)
