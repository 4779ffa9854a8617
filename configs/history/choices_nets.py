"""What is chosen on validation images for Net-1 to Net-5.

    python -m experiments.ablate --config=configs/history/choices_nets.py --workdir=DIR

Minutes on two cores. An arm is a family and a candidate, as in net5-0.001; what is best on
validation images is written down in lenet_jax/historic_choices.py.
"""

from lenet_jax import historic_choices


def get_config():
    return historic_choices.sweep("usps", seeds=5)


def get_arms(config):
    return historic_choices.arms_of(historic_choices.FAMILIES_NETS)
