"""The zip code network of 1989 on its own digits, its fully connected control, and open choices.

    python -m experiments.ablate --config=configs/history/zipcode.py --workdir=DIR

About ten minutes on two cores. All arms follow the paper's protocol: 23 passes over all 7,291 images in
constant order, one pattern at a time; learning rates were chosen on validation images by choices.py:1989.
Each unsettled choice is varied alone, starting from `zipcode_lm`.
"""

import ml_collections

from configs.history.common import CONTROL_PAPER, ZIPCODE_PAPER
from configs.history.tuned import as_chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep, override

# Name -> (change, label).
VARIATIONS = {
    "table_cyclic": ({"model.map_table": "all,h2_cyclic"}, "H2: map m reads maps m to m + 7, modulo 12"),
    "table_thirds": ({"model.map_table": "all,h2_thirds"}, "H2: map m leaves out the maps m, m + 3, ..."),
    "border_before_1": (
        {"model.pad_before": (1,), "model.pad_after": (2,)},
        "one row of padding before and two after, not two and one",
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
        "exact Gauss-Newton diagonal, not the backpropagated one",
    ),
    "shuffled": ({"train.order": "shuffled"}, "a new order in each pass"),
}


def get_config() -> ml_collections.ConfigDict:
    config = override(default_sweep(), as_chosen("zipcode_lm"))
    config.seeds = 10
    return config


def get_arms(config: ml_collections.ConfigDict) -> list[Arm]:
    newton = as_chosen("zipcode_lm")
    return [
        Arm(
            "zipcode_lm",
            newton,
            label="zip code net, diagonal Levenberg-Marquardt",
            baselines={
                "local, shared kernels against full, Newton": "control_lm",
                "diagonal Newton against SGD": "zipcode_sgd",
            },
            paper=ZIPCODE_PAPER,
        ),
        Arm(
            "zipcode_sgd",
            as_chosen("zipcode_sgd"),
            label="zip code net, plain SGD",
            baselines={"local, shared kernels against full, SGD": "control_sgd"},
            paper=ZIPCODE_PAPER,
        ),
        Arm(
            "control_lm",
            as_chosen("control_lm"),
            label="one hidden layer of 40, diagonal Levenberg-Marquardt",
            paper=CONTROL_PAPER,
        ),
        Arm(
            "control_sgd",
            as_chosen("control_sgd"),
            label="one hidden layer of 40, plain SGD",
            paper=CONTROL_PAPER,
        ),
        *(
            Arm(name, newton | change, label=label, baselines={label: "zipcode_lm"})
            for name, (change, label) in VARIATIONS.items()
        ),
    ]
