"""The zip code network of 1989 with what was learned later, one change upon the other.

    python -m experiments.ablate --config=configs/history/zipcode_later.py --workdir=DIR

About fifteen minutes on two cores. In the manner of a public diary, "Deep Neural Nets: 33 years ago
and 33 years from now" (Karpathy, 2022), which chose on the test set; here rates were chosen on
validation images, a tenth of the training images that no arm trains on: those of `original`, `softmax`
and `adam` by choices_1989.py, that of `decay`, which later steps keep, by choices_later.py.
"""

import itertools

from configs.history import common
from configs.history.tuned import VALIDATION, as_chosen
from lenet_jax.config.fields import default_sweep, override

STEPS = {
    "original": ({}, "plain SGD, squared error, constant order"),
    "softmax": (as_chosen("zipcode_softmax"), "softmax and cross-entropy"),
    "adam": (as_chosen("zipcode_adam"), "Adam"),
    "decay": (as_chosen("zipcode_decay"), "learning rate falling to 0"),
    "shuffled": ({"train.order": "shuffled"}, "a new order in each pass"),
    "shifted": (
        {
            "distortion.probability": 1.0,
            "distortion.shift": 1.0,
            "distortion.scale": 0.0,
            "distortion.squeeze": 0.0,
            "distortion.shear": 0.0,
        },
        "images shifted by up to a pixel",
    ),
    "longer": ({"train.epochs": 60}, "60 passes"),
    "relu": ({"model.activation": "relu"}, "ReLU"),
    "dropout": ({"model.dropout": 0.25}, "a quarter of H3's inputs dropped"),
}


def get_config():
    return override(default_sweep(), as_chosen("zipcode_sgd") | VALIDATION)


def get_arms(config):
    steps = common.steps_from(as_chosen("zipcode_sgd"), {name: change for name, (change, _) in STEPS.items()})
    return {name: fields | VALIDATION for name, fields in steps.items()}


def get_contrasts():
    steps = {STEPS[now][1]: (now, before) for before, now in itertools.pairwise(STEPS)}
    return steps | {"all steps together": ("dropout", "original")}


def get_references():
    return {name: {"note": note} for name, (_, note) in STEPS.items()}
