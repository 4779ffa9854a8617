"""Selects each arm's learning rate, and the best MLP, on validation images.

    python -m experiments.tune --config=configs/finding/choices.py:mnist \\
        --output=configs/finding/tuned/mnist.json --workdir=DIR

The other files of configs/finding read what is selected. With seeds of its own, 900 and 901; test images
are not scored. On two cores, two hours for mnist and fashion_mnist each, one for usps.
"""

import ml_collections

from configs.finding.common import DATASETS, sweep
from configs.finding.families import families
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import override

SEED = 900


def get_config(study: str = "mnist") -> ml_collections.ConfigDict:
    families(study)  # refuses an unknown one
    config = sweep(study if study in DATASETS else "mnist", seeds=2)
    return override(config, {"seed": SEED, "keep": "none"})


def get_arms(config: ml_collections.ConfigDict, study: str = "mnist") -> list[Arm]:
    return families(study)
