"""The secondary studies of docs/protocol.md, on MNIST.

    python -m experiments.ablate --config=configs/finding/secondary.py:stages --workdir=DIR

Arguments: decay, fit, stages, distance, wiring, permuted, start, matched, curves; or with _small at the end,
such as stages_small: 200 images and one epoch, to try it. On two cores, half an hour to three hours each.
"""

import dataclasses

import ml_collections

from configs.finding.common import sweep
from configs.finding.studies import STUDIES
from configs.finding.tuned import chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import override
from lenet_jax.errors import UserError

SMALL = "_small"
SEEDS = {"wiring": 3, "curves": 5}  # the others have 10
# Fields that the small variants do without.
OF_ALL_IMAGES = ("train.epochs", "train.constrained_epochs", "train.batch_size", "data.train_images")


def get_config(study: str = "stages") -> ml_collections.ConfigDict:
    name = _name(study)
    config = sweep("small" if study.endswith(SMALL) else "mnist", SEEDS.get(name, 10))
    if name == "curves" and study == name:
        # Validation images would be scored after every epoch, of which small subsets have thousands.
        config = override(config, {"data.validation_fraction": 0.0})
    return config


def get_arms(config: ml_collections.ConfigDict, study: str = "stages") -> list[Arm]:
    name = _name(study)
    arms = []
    for arm in STUDIES[name]():
        if study.endswith(SMALL):  # with the first candidate, as there may be no choice yet
            fields = {**arm.overrides, **next(iter(arm.candidates.values()), {})}
            fields = {field: value for field, value in fields.items() if field not in OF_ALL_IMAGES}
        else:
            fields = {**arm.overrides, **(chosen(name, arm.name) if arm.candidates else {})}
        arms.append(dataclasses.replace(arm, overrides=fields, candidates={}))
    return arms


def _name(study: str) -> str:
    """The study without _small. Raises UserError for an unknown study."""
    name = study.removesuffix(SMALL)
    if name not in STUDIES:
        raise UserError(
            f"configs/finding/secondary.py has no study {study!r}: name one of {', '.join(STUDIES)}, as in "
            "--config=configs/finding/secondary.py:stages."
        )
    return name
