"""The secondary studies of docs/protocol.md, on MNIST.

    python -m experiments.ablate --config=configs/finding/secondary.py:stages --workdir=DIR

Arguments: decay, fit, stages, distance, wiring, permuted, start, matched, curves; or with _small at the end,
such as stages_small: 200 images and one epoch, to try it. On two cores, half an hour to three hours each.
"""

import ml_collections

from configs.finding.studies import STUDIES
from configs.finding.variants import Variant, read_variant
from lenet_jax.config.arms import Arm

SEEDS = {"wiring": 3, "curves": 5}  # the others have 10


def get_config(study: str = "stages") -> ml_collections.ConfigDict:
    variant = _variant(study)
    return variant.config(SEEDS.get(variant.study, 10), of_subsets=("curves",))


def get_arms(config: ml_collections.ConfigDict, study: str = "stages") -> list[Arm]:
    return _variant(study).arms(STUDIES)


def _variant(study: str) -> Variant:
    return read_variant(study, STUDIES, "configs/finding/secondary.py")
