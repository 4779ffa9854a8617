"""Selects on validation images what the papers leave open: rates, damping, j of eq. 9, some initial weights.

    python -m experiments.tune --config=configs/history/choices.py:1989 --output=configs/history/tuned.json \\
        --workdir=DIR

Trains every candidate of the families of an era (configs/history/families.py) and writes the best on
validation images to tuned.json, which the other sweeps of configs/history read. On two cores:

=========  =================================================================  ======================
1989       the zip code net and its fully connected control                   about ten minutes
damping    the two networks of 1989, rate and damping chosen together         a quarter of an hour
nets       Net-1 to Net-5                                                     minutes
1998       LeNet-5, LeNet-1 and the linear classifier, protocol of 1998       about an hour
curvature  LeNet-5, by how its curvature is estimated, at two dampings        about forty minutes
mlps       the fully connected networks of figure 9, protocol of 1998         about an hour
today      the networks of figure 9, as one would train them today            about half an hour
later      the steps from the networks of 1989 and 1998 to today's            about three quarters
=========  =================================================================  ======================

Eras that are not in results/history are still to be run; tuned.json has nothing for them.
"""

import dataclasses

import ml_collections

from configs.history.common import VALIDATION
from configs.history.families import ERAS
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep, override
from lenet_jax.errors import UserError

USPS_ERAS = ("1989", "damping", "nets")  # the other eras' networks read MNIST
# Of curvature, two say which is best on average, but are too few to name ties.
SEEDS = {"usps": 5, "mnist": 3, "curvature": 2}
SEED = 100  # the first seed of the tuning runs; the seeds of the tables start at 0


def get_config(era: str = "1989") -> ml_collections.ConfigDict:
    _require_era(era)
    dataset = "usps" if era in USPS_ERAS else "mnist"
    seeds = SEEDS.get(era, SEEDS[dataset])
    return override(default_sweep(), {"dataset": dataset, "seed": SEED, "seeds": seeds})


def get_arms(config: ml_collections.ConfigDict, era: str = "1989") -> list[Arm]:
    """The era's families, with a validation split if their protocol has none."""
    _require_era(era)
    return [
        dataclasses.replace(family, overrides={**family.overrides, **_validation_split(family)})
        for family in ERAS[era]
    ]


def _validation_split(family: Arm) -> dict:
    return {} if "data.draw" in family.overrides else VALIDATION  # a draw includes validation images


def _require_era(era: str) -> None:
    if era not in ERAS:
        raise UserError(
            f"configs/history/choices.py has no era {era!r}: name one of {', '.join(ERAS)}, as in "
            "--config=configs/history/choices.py:1989."
        )
