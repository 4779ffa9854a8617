"""The LeNet-5 of 1998 with its own loss, schedule and output units: one run on MNIST.

    python -m experiments.train --config=configs/history/lenet5.py --workdir=DIR

About two minutes on two cores. Its layers: experiments.summary; its output units: experiments.bitmaps.
"""

from lenet_jax.config import default_config, override
from lenet_jax.historic_choices import as_chosen


def get_config():
    return override(default_config(), as_chosen("lenet5") | {"dataset": "mnist"})
