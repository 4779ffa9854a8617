"""Figure 9 of LeCun et al. 1998 on MNIST as one would train it today, with and without distorted images.

    python -m experiments.ablate --config=configs/history/figure9_today.py --workdir=DIR

About half an hour on two cores. Cross-entropy, mini-batches of 64, SGD with momentum, a cosine; learning
rates were chosen on validation images by choices_today.py. LeNet-5 and LeNet-4 are today's: max pooling,
ReLU, all maps; LeNet-1 and the fully connected networks keep their units. How far images are distorted is a
guess, as the paper doesn't tell it, and varied for LeNet-5.
"""

from configs.history import common
from configs.history.common import LENET5_TODAY, PROTOCOL_TODAY
from configs.history.tuned import as_chosen, chosen
from lenet_jax.config.fields import default_sweep, override
from lenet_jax.training.distortion import DISTORTIONS

# Name -> (factor of all the distortions' ranges, what it is).
VARIATIONS = {
    "lenet5_dist_half": (0.5, "LeNet-5 [dist], half as far"),
    "lenet5_dist_wide": (1.5, "LeNet-5 [dist], one and a half times as far"),
}


def get_config():
    config = override(default_sweep(), PROTOCOL_TODAY | {"dataset": "mnist", "data.validation_fraction": 0.0})
    config.seeds = 3
    return config


def get_arms(config):
    rate = chosen("mlp_today")
    mlps = {
        name: common.mlp_of_1998(*hidden) | PROTOCOL_TODAY | rate for name, hidden in common.MLPS_1998.items()
    }
    networks = {
        "lenet5": as_chosen("lenet5_today"),
        "lenet1": as_chosen("lenet1_today"),
        "lenet4_nearest": common.LENET4
        | LENET5_TODAY
        | {"model.pooling": "max,max,none"}
        | PROTOCOL_TODAY
        | chosen("lenet5_today"),
        "linear": as_chosen("linear_today"),
        **mlps,
    }
    arms = common.with_distorted(networks)
    ranges = {f"distortion.{kind}": config.distortion[kind] for kind in DISTORTIONS}
    variations = {
        name: arms["lenet5_dist"] | {field: factor * limit for field, limit in ranges.items()}
        for name, (factor, _) in VARIATIONS.items()
    }
    return arms | variations


def get_contrasts():
    variations = {note: (name, "lenet5_dist") for name, (_, note) in VARIATIONS.items()}
    return common.DISTORTED_CONTRASTS | variations


def get_references():
    return common.FIGURE_9 | {name: {"note": note} for name, (_, note) in VARIATIONS.items()}
