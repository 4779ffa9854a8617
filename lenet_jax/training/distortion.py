"""Random distortions of training images: shift, scale, squeeze and shear, as LeCun et al. 1998 added."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

DISTORTIONS = ("shift", "scale", "squeeze", "shear")


@dataclasses.dataclass(frozen=True)
class Distortion:
    """How far images are distorted; every amount is drawn uniformly up to its limit, either way.

    The paper (section III-B) names the four kinds, not their ranges.

    Attributes:
      probability: of the presented images that are distorted, in [0, 1].
      shift: pixels, vertically and horizontally.
      scale: logarithm of the factor by which a digit grows.
      squeeze: logarithm of the factor by which it grows in width and shrinks in height.
      shear: pixels to the side for each pixel up.
      background: grey level of what enters an image.
    """

    probability: float
    shift: float
    scale: float
    squeeze: float
    shear: float
    background: float

    def apply(self, key: jax.Array, images_NHWC: jax.Array) -> jax.Array:
        """Images of the same shape, each distorted by its own draw."""
        return jax.vmap(self._distort)(jax.random.split(key, len(images_NHWC)), images_NHWC)

    def _distort(self, key: jax.Array, image_HWC: jax.Array) -> jax.Array:
        limits = jnp.array([self.shift, self.shift, self.scale, self.squeeze, self.shear])
        chosen_key, amounts_key = jax.random.split(key)
        down, right, scale, squeeze, shear = limits * jax.random.uniform(amounts_key, (5,), minval=-1)
        size = image_HWC.shape[0]
        middle = (size - 1) / 2
        rows, columns = jnp.mgrid[:size, :size].astype(jnp.float32) - middle
        # Where each pixel of the distorted image comes from.
        from_rows = (rows - down) * jnp.exp(squeeze - scale) + middle
        from_columns = (columns - right + shear * (rows - down)) * jnp.exp(-squeeze - scale) + middle
        distorted = map_coordinates(
            image_HWC[..., 0], [from_rows, from_columns], order=1, mode="constant", cval=self.background
        )
        is_chosen = jax.random.bernoulli(chosen_key, self.probability)
        return jnp.where(is_chosen, distorted[..., None], image_HWC)
