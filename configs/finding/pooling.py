"""The corners with max pooling, and shared stencils that are padded instead of wrapping round.

    python -m experiments.ablate --config=configs/finding/pooling.py:mnist --workdir=DIR

docs/protocol.md has the study; configs/finding/core.py has the corners with average pooling and without. Also
with fashion_mnist, usps, or small. On two cores, about half an hour for each dataset but small.
"""

import ml_collections

from configs.finding.common import CORNERS, sweep
from configs.finding.families import as_chosen
from lenet_jax.config.arms import Arm


def get_config(dataset: str = "mnist") -> ml_collections.ConfigDict:
    return sweep(dataset, seeds=10)


def get_arms(config: ml_collections.ConfigDict, dataset: str = "mnist") -> list[Arm]:
    arms = [Arm(f"{name}_max", as_chosen(dataset, f"{name}_max"), group="max pooling") for name in CORNERS]
    for wrapped in ("random_shared", "full_shared"):
        padded = f"{wrapped}_padded"
        arms += [
            Arm(wrapped, as_chosen(dataset, wrapped)),
            Arm(padded, as_chosen(dataset, padded), baselines={f"{padded} against {wrapped}": wrapped}),
        ]
    return arms
