"""What is chosen on validation images for the steps from the networks of 1989 and 1998 to today's.

    python -m experiments.ablate --config=configs/history/choices_later.py --workdir=DIR

About a quarter of an hour on two cores. An arm is a family and a candidate, as in later_adam-0.001;
what is best on validation images is written down in lenet_jax/tuned.py.
"""

from configs.history import tuned


def get_config():
    return tuned.sweep("mnist", seeds=1)


def get_arms(config):
    return tuned.arms_of(tuned.FAMILIES_LATER)
