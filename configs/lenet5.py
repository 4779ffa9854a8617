"""One LeNet-5 on the embedded digits.

    python -m experiments.train --config=configs/lenet5.py --workdir=runs/lenet5

Takes seconds on two cores and leaves config.json, runs.jsonl and epochs.jsonl in the folder. Every field
and its meaning are in lenet_jax/config/fields.py.
"""

from lenet_jax.config.fields import default_config


def get_config():
    return default_config()
