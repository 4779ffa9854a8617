"""What is chosen on validation images for the networks of figure 9 as one would train them today.

    python -m experiments.ablate --config=configs/history/choices_today.py --workdir=DIR

About ten minutes on two cores. An arm is a family and a candidate, as in mlp_today-0.03; what is
best on validation images is written down in lenet_jax/tuned.py.
"""

from configs.history import tuned


def get_config():
    return tuned.sweep("mnist", seeds=1)


def get_arms(config):
    return tuned.arms_of(tuned.FAMILIES_TODAY)
