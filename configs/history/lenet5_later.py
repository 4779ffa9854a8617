"""From the LeNet-5 of 1998 to what is called LeNet-5 today, one change after another, on MNIST.

    python -m experiments.ablate --config=configs/history/lenet5_later.py --workdir=DIR

About an hour on two cores. Each optimizer's settings were selected on 6,000 validation images, which no
arm trains on: the damping of `original` by choices.py:1998; the damping of `softmax` and the rates of
`momentum` and `adam` by choices.py:later. The steps from `average` to `initialisation` keep the damping of
`softmax`.
"""

import ml_collections

from configs.history.common import VALIDATION
from configs.history.families import LATER_CHANGES, SOFTMAX
from configs.history.steps import arms_of_steps, steps_from
from configs.history.tuned import as_chosen, chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep, override

LABELS = {
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


def get_config() -> ml_collections.ConfigDict:
    config = override(default_sweep(), as_chosen("lenet5") | VALIDATION | {"dataset": "mnist"})
    config.seeds = 3
    return config


def get_arms(config: ml_collections.ConfigDict) -> list[Arm]:
    changes = LATER_CHANGES | {"softmax": SOFTMAX | chosen("later_softmax")}
    steps = steps_from(as_chosen("lenet5"), changes)
    # The families of these two start from the last of the changes.
    steps |= {"momentum": as_chosen("later_momentum"), "adam": as_chosen("later_adam")}
    return arms_of_steps({name: fields | VALIDATION for name, fields in steps.items()}, LABELS)
