"""Figure 9 of LeCun et al. 1998 on MNIST by the paper's protocol, and what it leaves open.

    python -m experiments.ablate --config=configs/history/figure9.py --workdir=DIR

About two hours on two cores. 20 passes over all 60,000 images, one at a time, by stochastic diagonal
Levenberg-Marquardt. The paper's damping of 0.02 fails with its initial weights (`lenet5_damping`), so that
damping, and j of eq. 9, which it doesn't tell, were chosen on validation images by choices_1998.py. The
schedule is LeNet-5's; the other networks take it over, with the rates, damping and initial weights that
choices_1998.py and choices_mlps.py chose. figure9_today.py trains them as one would today.
"""

from configs.history import common
from configs.history.common import PROTOCOL_1998
from configs.history.tuned import as_chosen, chosen
from lenet_jax.config.fields import default_sweep, override

# What the paper leaves open, and its damping: name -> (the network, its change, what it is).
VARIATIONS = {
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


def get_config():
    config = override(default_sweep(), as_chosen("lenet5") | {"dataset": "mnist"})
    config.seeds = 3
    return config


def get_arms(config):
    mlps = {
        name: common.mlp_of_1998(*hidden)
        | PROTOCOL_1998
        | chosen("mlp_one" if len(hidden) == 1 else "mlp_two")
        for name, hidden in common.MLPS_1998.items()
    }
    networks = {
        "lenet5": as_chosen("lenet5"),
        "lenet1": as_chosen("lenet1"),
        "lenet4_nearest": common.LENET4 | PROTOCOL_1998 | chosen("lenet1"),
        "linear": as_chosen("linear"),
        **mlps,
    }
    variations = {name: networks[network] | change for name, (network, change, _) in VARIATIONS.items()}
    return common.with_distorted(networks) | variations


def get_contrasts():
    return {
        "LeNet-5 against LeNet-1": ("lenet5", "lenet1"),
        "LeNet-5 against 28x28-300-100-10": ("lenet5", "mlp_300_100"),
        **common.DISTORTED_CONTRASTS,
        **{note: (name, network) for name, (network, _, note) in VARIATIONS.items()},
    }


def get_references():
    return common.FIGURE_9 | {name: {"note": note} for name, (_, _, note) in VARIATIONS.items()}
