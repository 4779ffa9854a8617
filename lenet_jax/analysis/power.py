"""How small a difference a sweep can rule out: margins of equivalence tests, from a pilot's answers.

The pilot's runs answer validation images; the sweep will have more seeds and other images. A contrast's
variance is that of `lenet_jax.analysis.crossed`, with three parts: of seeds, of images and of the rest. A
pilot has few seeds, so the part of the seeds is estimated for all contrasts together, relative to the rest.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from lenet_jax.analysis.crossed import mean_squares

ALPHA = 0.05  # of each of the two one-sided tests
POWER = 0.8  # of both, if the true difference is 0


class Margin(NamedTuple):
    """What a planned sweep can rule out in one contrast; accuracies are fractions.

    Attributes:
      standard_error: expected, of the mean contrast.
      margin: the smallest one with POWER.
    """

    standard_error: float
    margin: float


def margins(pilot: Sequence[np.ndarray], seeds: int, images: int) -> list[Margin]:
    """The margin of each contrast.

    Args:
      pilot: of each contrast, (S, I): its number for each of S >= 2 seeds and I images.
      seeds, images: of the planned sweep.
    """
    squares = np.array([mean_squares(y_SI) for y_SI in pilot])  # contrasts, (seeds, images, rest)
    of_seeds = float(squares[:, 0].sum() / squares[:, 2].sum()) if squares[:, 2].any() else 1.0
    # The two-sided quantile of POWER: both tests must reject, and each may fail.
    quantiles = float(special.ndtri(1 - ALPHA) + special.ndtri((1 + POWER) / 2))
    found = []
    for y_SI, (_, of_image, rest) in zip(pilot, squares, strict=True):
        pilot_seeds, pilot_images = y_SI.shape
        variance = (
            max(0.0, of_seeds - 1) * rest / pilot_images / seeds
            + max(0.0, of_image - rest) / pilot_seeds / images
            + rest / seeds / images
        )
        found.append(Margin(math.sqrt(variance), quantiles * math.sqrt(variance)))
    return found
