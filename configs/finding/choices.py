"""Selects each arm's learning rate, and the best MLP, on validation images.

    python -m experiments.tune --config=configs/finding/choices.py:mnist \\
        --output=configs/finding/tuned/mnist.json --workdir=DIR

Arguments: a dataset, for the core and the study of pooling; or a secondary or exploratory study, which takes
the core's choices on MNIST. The other files of configs/finding read what is selected. It has seeds of its
own, 900 and 901, and scores no test images. On two cores, two hours for mnist and fashion_mnist each, one for
usps.
"""

import dataclasses

import ml_collections

from configs.finding.common import DATASETS, sweep
from configs.finding.families import families
from configs.finding.sharing_studies import EXPLORATORY
from configs.finding.studies import STUDIES
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import override
from lenet_jax.errors import UserError

SEED = 900
# Those with candidates.
TUNED_STUDIES = {**STUDIES, **{study: EXPLORATORY[study] for study in ("plane", "mixtures")}}


def get_config(study: str = "mnist") -> ml_collections.ConfigDict:
    if study not in (*DATASETS, *TUNED_STUDIES):
        raise UserError(
            f"configs/finding/choices.py has no study {study!r}: name one of "
            f"{', '.join((*DATASETS, *TUNED_STUDIES))}, as in --config=configs/finding/choices.py:mnist."
        )
    config = sweep(study if study in DATASETS else "mnist", seeds=2)
    return override(config, {"seed": SEED, "keep": "none"})


def get_arms(config: ml_collections.ConfigDict, study: str = "mnist") -> list[Arm]:
    if study in DATASETS:
        return families(study)
    return [dataclasses.replace(arm, baselines={}) for arm in TUNED_STUDIES[study]() if arm.candidates]
