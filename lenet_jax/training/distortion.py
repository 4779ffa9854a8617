"""Random distortions of training images: shift, scale, squeeze and shear, as in LeCun et al. 1998."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from lenet_jax.training.hyperparameters import Hyperparameters

DISTORTIONS = ("shift", "scale", "squeeze", "shear")


@dataclasses.dataclass(frozen=True)
class Distortion:
    """Distorts images by amounts drawn uniformly between minus and plus their limits.

    The paper (section III-B) names the four kinds, not their ranges. The limits, and the probability that an
    image is distorted at all, are the hyperparameters `distortion_*`.

    Attributes:
      background: grey level of pixels that come from outside the image.
      whole_pixels: whether images are shifted by whole numbers of pixels, each as likely as the others up to
        the limit, where without other distortions no grey levels are interpolated.
    """

    background: float
    whole_pixels: bool = False

    def apply(self, key: jax.Array, images_NHWC: jax.Array, hyperparameters: Hyperparameters) -> jax.Array:
        """Images of the same shape, every one distorted by its own draw, all its channels alike."""
        distort = functools.partial(self._distort, hyperparameters)
        return jax.vmap(distort)(jax.random.split(key, len(images_NHWC)), images_NHWC)

    def _distort(self, hyperparameters: Hyperparameters, key: jax.Array, image_HWC: jax.Array) -> jax.Array:
        limits = jnp.stack([
            hyperparameters.distortion_shift,
            hyperparameters.distortion_shift,
            hyperparameters.distortion_scale,
            hyperparameters.distortion_squeeze,
            hyperparameters.distortion_shear,
        ])  # fmt: skip
        chosen_key, amounts_key = jax.random.split(key)
        amounts = jax.random.uniform(amounts_key, (5,), minval=-1)
        down, right, scale, squeeze, shear = limits * amounts
        if self.whole_pixels:
            # From -n to n, for a limit of n up to, but not including, n + 1.
            steps = jnp.floor(limits[0])
            down, right = jnp.floor((steps + 0.5) * amounts[:2] + 0.5)
        size = image_HWC.shape[0]
        middle = (size - 1) / 2
        rows, columns = jnp.mgrid[:size, :size].astype(jnp.float32) - middle
        # Where each pixel of the distorted image comes from.
        from_rows = (rows - down) * jnp.exp(squeeze - scale) + middle
        from_columns = (columns - right + shear * (rows - down)) * jnp.exp(-squeeze - scale) + middle
        resample = functools.partial(
            map_coordinates,
            coordinates=[from_rows, from_columns],
            order=1,
            mode="constant",
            cval=self.background,
        )
        distorted = jax.vmap(resample, in_axes=-1, out_axes=-1)(image_HWC)
        is_chosen = jax.random.bernoulli(chosen_key, hyperparameters.distortion_probability)
        return jnp.where(is_chosen, distorted, image_HWC)
