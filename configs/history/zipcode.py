"""The zip code network of 1989 on its own digits, its fully connected control, and what is unsettled.

    python -m experiments.ablate --config=configs/history/zipcode.py --workdir=DIR

About ten minutes on two cores. All by the paper's protocol: 23 passes over all 7,291 images in
constant order, one pattern at a time; learning rates were chosen on validation images by choices_1989.py.
The unsettled choices are varied one by one from `zipcode_lm`.
"""

from configs.history.common import CONTROL_MEASURED, ZIPCODE_MEASURED
from configs.history.tuned import as_chosen
from lenet_jax.config.fields import default_sweep, override

VARIATIONS = {
    "table_cyclic": ({"model.map_table": "all,h2_cyclic"}, "H2: map m reads maps m to m + 7, modulo 12"),
    "table_thirds": ({"model.map_table": "all,h2_thirds"}, "H2: map m leaves out the maps m, m + 3, ..."),
    "border_before_1": (
        {"model.pad_before": (1,), "model.pad_after": (2,)},
        "border of one row before and two behind, instead of two and one",
    ),
    "root_fan_in": ({"model.initialisation": "root_fan_in"}, "weights within 2.4 / sqrt(F), not 2.4 / F"),
    "targets_0.8": (
        {"train.target_low": -0.8, "train.target_high": 0.8},
        "targets -0.8 and 0.8, not -1 and 1",
    ),
    "targets_limit": (
        {"train.target_low": -1.7159, "train.target_high": 1.7159},
        "targets at the sigmoid's limits, not -1 and 1",
    ),
    "exact_curvature": (
        {"train.curvature": "exact"},
        "exact Gauss-Newton diagonal, not the backpropagated",
    ),
    "shuffled": ({"train.order": "shuffled"}, "a new order in each pass"),
}


def get_config():
    config = override(default_sweep(), as_chosen("zipcode_lm"))
    config.seeds = 10
    return config


def get_arms(config):
    return {
        **{name: as_chosen(name) for name in ("zipcode_lm", "zipcode_sgd", "control_lm", "control_sgd")},
        **{name: as_chosen("zipcode_lm") | change for name, (change, _) in VARIATIONS.items()},
    }


def get_contrasts():
    return {
        "local, shared kernels against full, Newton": ("zipcode_lm", "control_lm"),
        "local, shared kernels against full, SGD": ("zipcode_sgd", "control_sgd"),
        "diagonal Newton against SGD": ("zipcode_lm", "zipcode_sgd"),
        **{note: (name, "zipcode_lm") for name, (_, note) in VARIATIONS.items()},
    }


def get_references():
    return {
        "zipcode_lm": ZIPCODE_MEASURED | {"note": "zip code net, diagonal Levenberg-Marquardt"},
        "zipcode_sgd": ZIPCODE_MEASURED | {"note": "zip code net, plain SGD"},
        "control_lm": CONTROL_MEASURED | {"note": "one hidden layer of 40, diagonal Levenberg-Marquardt"},
        "control_sgd": CONTROL_MEASURED | {"note": "one hidden layer of 40, plain SGD"},
        **{name: {"note": note} for name, (_, note) in VARIATIONS.items()},
    }
