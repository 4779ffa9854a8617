"""What is chosen on validation images for LeNet-5, LeNet-1 and the linear classifier of figure 9.

    python -m experiments.ablate --config=configs/history/choices_1998.py --workdir=DIR

Minutes on two cores. An arm is a family and a candidate, as in
lenet5-1-j10; what is best on validation images is written down in
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
    return historic_choices.arms_of(historic_choices.FAMILIES_1998)
