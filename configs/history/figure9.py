"""Figure 9 of LeCun et al. 1998 on MNIST: by the paper's protocol, or as one would train it today.

    python -m experiments.ablate --config=configs/history/figure9.py:1998 --workdir=DIR
    python -m experiments.ablate --config=configs/history/figure9.py:today --workdir=DIR

1998 takes about two hours on two cores: 20 passes over all 60,000 images, one at a time, by stochastic
diagonal Levenberg-Marquardt. With the paper's initial weights its damping of 0.02 fails (`lenet5_damping`),
and it gives no value for j of eq. 9; both were chosen on validation images (choices.py:1998). The schedule
is LeNet-5's; the other networks adopt it, with rates, damping and initial weights chosen by choices.py:1998
and choices.py:mlps.

today takes about half an hour: cross-entropy, mini-batches of 64, SGD with momentum, cosine decay; learning
rates were chosen by choices.py:today. LeNet-5 and LeNet-4 are today's: max pooling, ReLU, all maps; LeNet-1
and the fully connected networks keep their units. The paper doesn't specify how far images are distorted:
the ranges are a guess, which two rows vary for LeNet-5.
"""

import ml_collections

from configs.history import common
from configs.history.common import LENET5_TODAY, PROTOCOL_1998, PROTOCOL_TODAY
from configs.history.tuned import as_chosen, chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep, override
from lenet_jax.errors import UserError
from lenet_jax.training.distortion import DISTORTIONS

PROTOCOLS = ("1998", "today")
COMPARED_1998 = {
    "lenet5": {
        "LeNet-5 against LeNet-1": "lenet1",
        "LeNet-5 against 28x28-300-100-10": "mlp_300_100",
    }
}
# What the paper leaves open, and its damping: name -> (network, change, label).
VARIATIONS_1998 = {
    "lenet5_eq8": ("lenet5", {"train.loss": "rbf"}, "LeNet-5, eq. 8: no competition between classes"),
    "lenet5_average": (
        "lenet5",
        {"model.pooling": "trainable_average,trainable_average,none"},
        "LeNet-5, subsampling by average, not by sum",
    ),
    "lenet5_root_fan_in": (
        "lenet5",
        {"model.initialisation": "root_fan_in"},
        "LeNet-5, weights within 2.4 / sqrt(F), not 2.4 / F",
    ),
    "lenet5_damping": ("lenet5", {"train.damping": 0.02}, "LeNet-5, the paper's damping of 0.02"),
    "lenet5_damping_root": (
        "lenet5",
        {"train.damping": 0.02, "model.initialisation": "root_fan_in"},
        "LeNet-5, the paper's damping of 0.02 and weights within 2.4 / sqrt(F)",
    ),
    "mlp_300_fan_in": (
        "mlp_300",
        {"model.initialisation": "fan_in"},
        "28x28-300-10, weights within 2.4 / F, not 2.4 / sqrt(F)",
    ),
    "linear_activated": (
        "linear",
        {"model.output": "activated"},
        "linear classifier, its ten sums passed through f",
    ),
}
# Name -> (factor of all the distortions' ranges, label).
RANGES_TODAY = {
    "lenet5_dist_half": (0.5, "LeNet-5, distorted images, half as far"),
    "lenet5_dist_wide": (1.5, "LeNet-5, distorted images, one and a half times as far"),
}


def get_config(protocol: str = "1998") -> ml_collections.ConfigDict:
    _require_protocol(protocol)
    fields = {
        "1998": as_chosen("lenet5"),
        "today": PROTOCOL_TODAY | {"data.validation_fraction": 0.0},
    }
    config = override(default_sweep(), fields[protocol] | {"dataset": "mnist"})
    config.seeds = 3
    return config


def get_arms(config: ml_collections.ConfigDict, protocol: str = "1998") -> list[Arm]:
    _require_protocol(protocol)
    if protocol == "1998":
        networks, compared, variations = _networks_1998(), COMPARED_1998, VARIATIONS_1998
    else:
        networks, compared, variations = _networks_today(), {}, _variations_today(config)
    networks = common.with_distorted(networks)
    baselines = compared | {
        f"{name}_dist": {f"distorted images, {name}": name} for name in common.DISTORTED_NETWORKS
    }
    papers = [
        Arm(name, fields, label=label, baselines=baselines.get(name, {}), paper=paper)
        for name, fields in networks.items()
        for label, paper in [common.FIGURE_9[name]]
    ]
    return papers + [
        Arm(name, networks[network] | change, label=label, baselines={label: network})
        for name, (network, change, label) in variations.items()
    ]


def _networks_1998() -> dict[str, dict]:
    adopted = {1: "mlp_one", 2: "mlp_two"}  # number of hidden layers -> the family whose choice is adopted
    return {
        "lenet5": as_chosen("lenet5"),
        "lenet1": as_chosen("lenet1"),
        "lenet4_nearest": common.LENET4 | PROTOCOL_1998 | chosen("lenet1"),
        "linear": as_chosen("linear"),
        **{
            name: common.mlp_of_1998(*hidden) | PROTOCOL_1998 | chosen(adopted[len(hidden)])
            for name, hidden in common.MLPS_1998.items()
        },
    }


def _networks_today() -> dict[str, dict]:
    lenet4 = common.LENET4 | LENET5_TODAY | {"model.pooling": "max,max,none"}
    return {
        "lenet5": as_chosen("lenet5_today"),
        "lenet1": as_chosen("lenet1_today"),
        "lenet4_nearest": lenet4 | PROTOCOL_TODAY | chosen("lenet5_today"),
        "linear": as_chosen("linear_today"),
        **{
            name: common.mlp_of_1998(*hidden) | PROTOCOL_TODAY | chosen("mlp_today")
            for name, hidden in common.MLPS_1998.items()
        },
    }


def _variations_today(config: ml_collections.ConfigDict) -> dict[str, tuple[str, dict, str]]:
    """LeNet-5 with other ranges of the distortions, in the form of VARIATIONS_1998."""
    ranges = {f"distortion.{kind}": config.distortion[kind] for kind in DISTORTIONS}
    return {
        name: ("lenet5_dist", {field: factor * limit for field, limit in ranges.items()}, label)
        for name, (factor, label) in RANGES_TODAY.items()
    }


def _require_protocol(protocol: str) -> None:
    if protocol not in PROTOCOLS:
        raise UserError(
            f"configs/history/figure9.py has no protocol {protocol!r}: name one of {', '.join(PROTOCOLS)}, "
            "as in --config=configs/history/figure9.py:1998."
        )
