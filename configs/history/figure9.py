"""Figure 9 of LeCun et al. 1998 on MNIST by the paper's protocol, and what it leaves open.

    python -m experiments.ablate --config=configs/history/figure9.py --workdir=DIR

About an hour and a half on two cores. 20 passes over all 60,000 images, one at a time, by stochastic diagonal
Levenberg-Marquardt; damping, and j of eq. 9, were chosen on validation images by choices_1998.py. The paper
doesn't tell how the networks beside LeNet-5 were trained: the same is taken for all. figure9_today.py
trains them as one would today.
"""

from lenet_jax import historic
from lenet_jax.config import default_sweep, override
from lenet_jax.historic import DISTORTED, PROTOCOL_1998
from lenet_jax.historic_choices import as_chosen, chosen

MLP_FAN_IN = "28x28-300-10, weights within 2.4 / F, not 2.4 / sqrt(F)"
VARIATIONS = {
    "lenet5_eq8": ({"train.loss": "rbf"}, "LeNet-5, eq. 8: no competition between classes"),
    "lenet5_average": (
        {"model.pooling": "trainable_average,trainable_average,none"},
        "LeNet-5, subsampling by average, not by sum",
    ),
    "lenet5_root_fan_in": (
        {"model.initialisation": "root_fan_in"},
        "LeNet-5, weights within 2.4 / sqrt(F), not 2.4 / F",
    ),
}


def get_config():
    config = override(default_sweep(), as_chosen("lenet5") | {"dataset": "mnist"})
    config.seeds = 3
    return config


def get_arms(config):
    networks = {
        "lenet5": as_chosen("lenet5"),
        "lenet1": as_chosen("lenet1"),
        "lenet4_nearest": PROTOCOL_1998 | historic.LENET4 | chosen("lenet1"),
        "linear": as_chosen("linear"),
        **{
            name: PROTOCOL_1998
            | historic.mlp_of_1998(*hidden)
            | chosen("mlp_one" if len(hidden) == 1 else "mlp_two")
            for name, hidden in historic.MLPS_1998.items()
        },
    }
    return {
        **networks,
        "lenet5_dist": networks["lenet5"] | DISTORTED,
        "mlp_300_fan_in": networks["mlp_300"] | {"model.initialisation": "fan_in"},
        **{name: networks["lenet5"] | change for name, (change, _) in VARIATIONS.items()},
    }


def get_contrasts():
    return {
        "LeNet-5 against LeNet-1": ("lenet5", "lenet1"),
        "LeNet-5 against 784-300-100-10": ("lenet5", "mlp_300_100"),
        "distorted images, LeNet-5": ("lenet5_dist", "lenet5"),
        MLP_FAN_IN: ("mlp_300_fan_in", "mlp_300"),
        **{note: (name, "lenet5") for name, (_, note) in VARIATIONS.items()},
    }


def get_references():
    networks = ("lenet5", "lenet5_dist", "lenet1", "lenet4_nearest", "linear", *historic.MLPS_1998)
    return {
        **{name: historic.FIGURE_9[name] for name in networks},
        "mlp_300_fan_in": {"note": MLP_FAN_IN},
        **{name: {"note": note} for name, (_, note) in VARIATIONS.items()},
    }
