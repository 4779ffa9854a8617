"""Which input pixels units read, and which of their weights are equal: read off a layer by derivatives."""

import jax
import jax.numpy as jnp
import numpy as np

from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.wired_layer import Wired
from lenet_jax.models.wiring import output_size

WIRING_SEED = 0  # of the positions that random wirings draw


def neighbours_weights(connectivity: str, sharing: str, size: int, kernel_size: int) -> np.ndarray:
    """Which weights two neighbouring units of one feature map use, and where.

    A layer of one map is built whose weights are all different. A unit's output is linear in the image, so
    its derivative by a pixel is the weight through which it reads that pixel, or 0.

    Returns:
      (2, size, size) int: for a unit near the middle and its right neighbour, 0 where a pixel is not read,
      and elsewhere the number of its weight. Equal numbers are one weight; they count from 1, in the order
      in which weights appear, row by row, in the first unit and then in the second.
    """
    layer = Wired(1, kernel_size, connectivity, sharing)
    image = jnp.zeros((1, size, size, 1))
    rngs = {"params": jax.random.key(0), "wiring": jax.random.key(WIRING_SEED)}
    variables = dict(layer.init(rngs, FeatureMaps.from_images(image)))
    kernel = variables["params"]["kernel"]
    distinct = jnp.arange(1.0, kernel.size + 1).reshape(kernel.shape)
    variables["params"] = {**variables["params"], "kernel": distinct}

    out = output_size(size, kernel_size)
    row, column = out // 2, (out - 1) // 2

    def two_units(image: jax.Array) -> jax.Array:
        maps = layer.apply(variables, FeatureMaps.from_images(image))
        assert isinstance(maps, FeatureMaps)
        return maps.images[0, row, column : column + 2, 0]

    weights_2SS = jax.jacrev(two_units)(image)[:, 0, :, :, 0]
    weights_2SS = np.rint(weights_2SS).astype(int)  # some products go through a Fourier transform
    numbers = {0: 0}
    for weight in weights_2SS.flat:
        numbers.setdefault(int(weight), len(numbers))
    return np.vectorize(numbers.__getitem__)(weights_2SS)
