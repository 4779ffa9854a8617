"""One LeNet-5 on the embedded digits.

    python -m experiments.train --config=configs/lenet5.py --workdir=runs/lenet5

Takes seconds on two cores; leaves metrics.jsonl and record.json in the folder. Every field is in
`lenet_jax.config.default_config`, with what it means.
"""

from lenet_jax.config.fields import default_config


def get_config():
    return default_config()
