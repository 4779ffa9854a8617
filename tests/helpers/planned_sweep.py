"""A sweep with planned contrasts and candidates, for experiments.tune, experiments.margins and ablate."""

from lenet_jax.config.arms import Arm, PlannedContrast
from tests.helpers import tiny_sweep

RATES = {f"{rate:g}": {"train.learning_rate": rate} for rate in (0.05, 0.1)}


def get_config():
    config = tiny_sweep.get_config()
    config.seed = 10
    return config


def get_arms(config):
    mlp = {"model.name": "mlp", "train.learning_rate": 0.1}
    return [
        Arm("wide", mlp | {"model.hidden": (8,)}, candidates=RATES),
        Arm("narrow", mlp | {"model.hidden": (4,)}, candidates=RATES),
    ]


def get_planned_contrasts(config):
    return [
        PlannedContrast("width", {"wide": 1.0, "narrow": -1.0}, 5.0, seeds=2),
        PlannedContrast("wide against narrow, twice", {"wide": 2.0, "narrow": -2.0}),
    ]
