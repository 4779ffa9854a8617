"""What is chosen on validation images for the steps from the networks of 1989 and 1998 to today's.

    python -m experiments.ablate --config=configs/history/choices_later.py --workdir=DIR

Minutes on two cores. An arm is a family and a candidate, as in
later_adam-0.001; what is best on validation images is written down in
lenet_jax/historic_choices.py. The seeds are of no other table.
"""

from lenet_jax import historic_choices
from lenet_jax.config import default_sweep


def get_config():
    config = default_sweep()
    config.dataset = "mnist"
    config.seed = 100
    config.seeds = 1
    return config


def get_arms(config):
    return historic_choices.arms_of(historic_choices.FAMILIES_LATER)
