"""What is chosen on validation images for the fully connected networks of figure 9 by the protocol of 1998.

    python -m experiments.ablate --config=configs/history/choices_mlps.py --workdir=DIR

About twenty minutes on two cores. An arm is a family and a candidate, as in mlp_one-0.02; what is
best on validation images is written down in lenet_jax/tuned.py.
"""

from configs.history import tuned


def get_config():
    return tuned.sweep("mnist", seeds=1)


def get_arms(config):
    return tuned.arms_of(tuned.FAMILIES_MLPS)
