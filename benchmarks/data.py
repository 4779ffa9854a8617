"""The images that both sides train on."""

import numpy as np


def random_images(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Random images (count, size, size, 1) float32 and labels (count,) int32: only speed is measured."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((count, size, size, 1), np.float32)
    return images, rng.integers(0, 10, count).astype(np.int32)
