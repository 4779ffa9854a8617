"""Exploratory studies of weight sharing: between its ends, and against translated images.

    python -m experiments.ablate --config=configs/finding/exploratory.py:plane --workdir=DIR

Arguments: plane, kernels of any size that any part of the units share; mixtures, kernels that are mixed from
a few; translations, shared, unshared and averaged kernels on translated images; lasso, networks with fully
connected stages whose small weights are set to 0. These are on MNIST; translations_fashion_mnist is
translations on Fashion-MNIST. With _small at the end, such as plane_small: 200 images and one epoch, to try
it.
"""

import ml_collections

from configs.finding.sharing_studies import DATASET_OF, EXPLORATORY
from configs.finding.variants import Variant, read_variant
from lenet_jax.config.arms import Arm

SEEDS = {"mixtures": 10}  # the others have 5
OF_SUBSETS = ("translations", "translations_fashion_mnist")


def get_config(study: str = "plane") -> ml_collections.ConfigDict:
    variant = _variant(study)
    dataset = DATASET_OF.get(variant.study, "mnist")
    return variant.config(SEEDS.get(variant.study, 5), of_subsets=OF_SUBSETS, dataset=dataset)


def get_arms(config: ml_collections.ConfigDict, study: str = "plane") -> list[Arm]:
    return _variant(study).arms(EXPLORATORY)


def _variant(study: str) -> Variant:
    return read_variant(study, EXPLORATORY, "configs/finding/exploratory.py")
