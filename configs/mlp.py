"""One multilayer perceptron, 784-300-10, on mnist_5k.

    python -m experiments.train --config=configs/mlp.py --workdir=runs/mlp

Takes seconds on two cores. Other widths: --config.model.hidden=300,100; or one hidden layer that meets a
parameter budget: --config.model.hidden="()" --config.model.parameter_budget=61706.
"""

import ml_collections

from lenet_jax.config.fields import default_config


def get_config() -> ml_collections.ConfigDict:
    config = default_config()
    config.model.name = "mlp"
    config.model.hidden = (300,)
    return config
