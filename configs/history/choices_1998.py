"""What is chosen on validation images for the networks of figure 9 by the protocol of 1998.

    python -m experiments.ablate --config=configs/history/choices_1998.py --workdir=DIR

About twenty minutes on two cores. An arm is a family and a candidate, as in lenet5-1-j10; what is
best on validation images is written down in lenet_jax/historic_choices.py.
"""

from lenet_jax import historic_choices


def get_config():
    return historic_choices.sweep("mnist", seeds=1)


def get_arms(config):
    return historic_choices.arms_of(historic_choices.FAMILIES_1998)
