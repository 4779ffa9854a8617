"""Figure 9 of LeCun et al. 1998 on MNIST as one would train it today, with and without distorted images.

    python -m experiments.ablate --config=configs/history/figure9_today.py --workdir=DIR

About an hour on two cores. Cross-entropy, mini-batches of 64, SGD with momentum, a cosine; learning rates
were chosen on validation images by choices_today.py. LeNet-5 is today's: max pooling, ReLU, all maps.
"""

from lenet_jax import historic
from lenet_jax.config import default_sweep, override
from lenet_jax.historic import DISTORTED, LENET5_TODAY, PROTOCOL_TODAY
from lenet_jax.historic_choices import as_chosen, chosen


def get_config():
    config = override(default_sweep(), PROTOCOL_TODAY | {"dataset": "mnist", "data.validation_fraction": 0.0})
    config.seeds = 3
    return config


def get_arms(config):
    rate = chosen("mlp_today")
    mlps = {
        name: historic.mlp_of_1998(*hidden) | PROTOCOL_TODAY | rate
        for name, hidden in historic.MLPS_1998.items()
    }
    networks = {
        "lenet5": as_chosen("lenet5_today"),
        "lenet1": as_chosen("lenet1_today"),
        "lenet4_nearest": historic.LENET4
        | LENET5_TODAY
        | {"model.pooling": "max,max,none"}
        | PROTOCOL_TODAY
        | chosen("lenet5_today"),
        "linear": as_chosen("linear_today"),
        **mlps,
    }
    return {
        **networks,
        **{f"{name}_dist": networks[name] | DISTORTED for name in historic.DISTORTED_NETWORKS},
    }


def get_contrasts():
    return {f"distorted images, {name}": (f"{name}_dist", name) for name in historic.DISTORTED_NETWORKS}


def get_references():
    return historic.FIGURE_9
