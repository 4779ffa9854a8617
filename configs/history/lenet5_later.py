"""From the LeNet-5 of 1998 to what bears its name today, one change upon the other, on MNIST.

    python -m experiments.ablate --config=configs/history/lenet5_later.py --workdir=DIR

About an hour on two cores. What a step's optimizer needs was chosen on 6,000 validation images, which no
arm trains on: damping by choices_1998.py for the original and by choices_later.py for `softmax`, and the
rates of `momentum` and `adam` by the latter. The steps from `average` to `initialisation` keep the damping
of `softmax`.
"""

import itertools

from configs.history.tuned import VALIDATION, as_chosen, later_steps
from lenet_jax.config.fields import default_sweep, override

NOTES = {
    "original": "RBF units and eq. 9, trainable subsampling, C3's table, scaled tanh, 20 passes one by one",
    "softmax": "softmax and cross-entropy, damping chosen anew",
    "average": "average pooling without weights",
    "max": "max pooling",
    "all_maps": "C3 reads all maps",
    "tanh": "tanh",
    "relu": "ReLU",
    "initialisation": "weights of variance 1 / F",
    "momentum": "SGD with momentum, batches of 64, a cosine",
    "adam": "Adam",
}


def get_config():
    config = override(default_sweep(), as_chosen("lenet5") | VALIDATION | {"dataset": "mnist"})
    config.seeds = 3
    return config


def get_arms(config):
    return {name: fields | VALIDATION for name, fields in later_steps().items()}


def get_contrasts():
    steps = {NOTES[now]: (now, before) for before, now in itertools.pairwise(NOTES)}
    return steps | {"all steps together": ("adam", "original")}


def get_references():
    return {name: {"note": note} for name, note in NOTES.items()}
