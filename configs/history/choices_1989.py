"""What is chosen on validation images for the zip code net of 1989 and its control.

    python -m experiments.ablate --config=configs/history/choices_1989.py --workdir=DIR

About eight minutes on two cores. An arm is a family and a candidate, as in zipcode_sgd-0.03; what
is best on validation images is written down in lenet_jax/tuned.py.
"""

from configs.history import tuned


def get_config():
    return tuned.sweep("usps", seeds=5)


def get_arms(config):
    return tuned.arms_of(tuned.FAMILIES_1989)
