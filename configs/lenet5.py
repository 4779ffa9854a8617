"""One LeNet-5 on mnist_5k.

    python -m experiments.train --config=configs/lenet5.py --workdir=runs/lenet5

Takes seconds on two cores and records the run, with its network, in the folder. Every field
and its meaning are in lenet_jax/config/fields.py.
"""

import ml_collections

from lenet_jax.config.fields import default_config


def get_config() -> ml_collections.ConfigDict:
    return default_config()
