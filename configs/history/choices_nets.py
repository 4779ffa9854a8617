"""What is chosen on validation images for Net-1 to Net-5.

    python -m experiments.ablate --config=configs/history/choices_nets.py --workdir=DIR

Minutes on two cores. An arm is a family and a candidate, as in net5-0.001; what is best on
validation images is written down in lenet_jax/tuned.py.
"""

from configs.history import tuned


def get_config():
    return tuned.sweep("usps", seeds=5)


def get_arms(config):
    return tuned.arms_of(tuned.FAMILIES_NETS)
