"""The zip code network of 1989 with what was learned later, one change after another.

    python -m experiments.ablate --config=configs/history/zipcode_later.py --workdir=DIR

About fifteen minutes on two cores. After the blog post "Deep Neural Nets: 33 years ago
and 33 years from now" (Karpathy, 2022), which selected its steps on the test set. Here rates were chosen on
validation images, a tenth of the training images that no arm trains on: those of `original`, `softmax`
and `adam` by choices.py:1989; that of `decay`, which later steps keep, by choices.py:later.
"""

import ml_collections

from configs.history.common import VALIDATION
from configs.history.steps import arms_of_steps, steps_from
from configs.history.tuned import as_chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep, override

LABELS = {
    "original": "plain SGD, squared error, constant order",
    "softmax": "softmax and cross-entropy",
    "adam": "Adam",
    "decay": "learning rate falling to 0",
    "shuffled": "a new order in each pass",
    "shifted": "images shifted by up to a pixel",
    "longer": "60 passes",
    "relu": "ReLU",
    "dropout": "a quarter of H3's inputs dropped",
}


def get_config() -> ml_collections.ConfigDict:
    return override(default_sweep(), as_chosen("zipcode_sgd") | VALIDATION)


def get_arms(config: ml_collections.ConfigDict) -> list[Arm]:
    changes = {
        "original": {},
        "softmax": as_chosen("zipcode_softmax"),
        "adam": as_chosen("zipcode_adam"),
        "decay": as_chosen("zipcode_decay"),
        "shuffled": {"train.order": "shuffled"},
        "shifted": {
            "distortion.probability": 1.0,
            "distortion.shift": 1.0,
            "distortion.scale": 0.0,
            "distortion.squeeze": 0.0,
            "distortion.shear": 0.0,
        },
        "longer": {"train.epochs": 60},
        "relu": {"model.activation": "relu"},
        "dropout": {"model.dropout": 0.25},
    }
    steps = steps_from(as_chosen("zipcode_sgd"), changes)
    return arms_of_steps({name: fields | VALIDATION for name, fields in steps.items()}, LABELS)
