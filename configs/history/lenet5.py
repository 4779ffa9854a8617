"""The LeNet-5 of 1998 with its own loss, schedule and output units: one run on MNIST.

    python -m experiments.train --config=configs/history/lenet5.py --workdir=DIR

About two minutes on two cores. experiments.summary prints its layers, experiments.bitmaps draws the bitmaps
of its output units.
"""

import ml_collections

from configs.history.tuned import as_chosen
from lenet_jax.config.fields import default_config, override


def get_config() -> ml_collections.ConfigDict:
    return override(default_config(), as_chosen("lenet5") | {"dataset": "mnist"})
