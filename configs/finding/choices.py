"""Selects each arm's learning rate, and the best MLP, on validation images.

    python -m experiments.tune --config=configs/finding/choices.py:mnist \\
        --output=configs/finding/tuned/mnist.json --workdir=DIR

Arguments: a dataset, for the core and the study of pooling; or a secondary or exploratory study, where arms
that nothing is selected for adopt choices of other studies, mostly of the core. The other files of
configs/finding read what is selected. With dropout_mnist and so on, without --output, it looks for better
rates of MLPs with dropout than the core's candidates have. It has seeds of its own, 900 and 901, and scores
no test images. On two cores, two hours for mnist and fashion_mnist each, one for usps.
"""

import dataclasses
from collections.abc import Callable, Mapping

import ml_collections

from configs.finding.common import DATASETS, sweep
from configs.finding.families import MLP_FINALISTS, dropouts, families
from configs.finding.sharing_studies import ADOPTED, DATASET_OF, EXPLORATORY
from configs.finding.studies import STUDIES
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import override
from lenet_jax.errors import UserError

SEED = 900
DROPOUTS = {f"dropout_{dataset}": dataset for dataset in MLP_FINALISTS}
OF_STUDIES: Mapping[str, Callable[[], list[Arm]]] = {**STUDIES, **EXPLORATORY}
KNOWN = (*DATASETS, *OF_STUDIES, *DROPOUTS)


def get_config(study: str = "mnist") -> ml_collections.ConfigDict:
    if study not in KNOWN:
        raise UserError(
            f"configs/finding/choices.py has no study {study!r}: name one of {', '.join(KNOWN)}, as in "
            "--config=configs/finding/choices.py:mnist."
        )
    if study in OF_STUDIES and not _selecting(study):
        raise UserError(
            f"The study {study} selects nothing, as its arms have the core's choices: run experiments.ablate "
            "with configs/finding/secondary.py or exploratory.py."
        )
    dataset = study if study in DATASETS else {**DROPOUTS, **DATASET_OF}.get(study, "mnist")
    config = sweep(dataset, seeds=2)
    return override(config, {"seed": SEED, "keep": "none"})


def get_arms(config: ml_collections.ConfigDict, study: str = "mnist") -> list[Arm]:
    if study in DATASETS:
        return families(study)
    if study in DROPOUTS:
        return dropouts(DROPOUTS[study])
    return _selecting(study)


def _selecting(study: str) -> list[Arm]:
    """The study's arms of which something is selected for themselves."""
    return [
        dataclasses.replace(arm, baselines={})
        for arm in OF_STUDIES[study]()
        if arm.candidates and arm.name not in ADOPTED.get(study, {})
    ]
