"""The arms and the training of the finding: docs/protocol.md says why they are what they are.

A study is one file of this folder, with the dataset as its argument, such as configs/finding/core.py:mnist.
`small` stands for 200 images of mnist_5k and one epoch, with the choices made for mnist.
"""

import ml_collections

from lenet_jax.config.fields import default_sweep, override
from lenet_jax.errors import UserError
from lenet_jax.models.wiring import CONNECTIVITY, SHARING

FIRST_SEED = 1000  # of the runs that score test images
# Dataset -> its fields: 4,210 steps with MNIST's 54,000 images, 3,060 with the 6,562 of USPS.
DATASETS = {
    "mnist": {"dataset": "mnist", "train.epochs": 10},
    "fashion_mnist": {"dataset": "fashion_mnist", "train.epochs": 10},
    "usps": {"dataset": "usps", "train.epochs": 60},
    "small": {
        "dataset": "mnist_5k",
        "train.epochs": 1,
        "train.batch_size": 20,
        "data.draw": (200, 100, 100),
        "data.validation_fraction": 0.0,
    },
}

WIRINGS = {
    f"{connectivity}_{sharing}": {
        "model.name": "cnn",
        "model.connectivity": connectivity,
        "model.sharing": sharing,
    }
    for connectivity in CONNECTIVITY
    for sharing in SHARING
}
CORNERS = {name: fields for name, fields in WIRINGS.items() if not name.startswith("random")}
# What follows a stage instead of LeNet-5's average pooling. Without pooling, strides of 2 leave the maps that
# pooling leaves, 14x14 and 5x5.
POOLINGS = {
    "max": {"model.pooling": "max"},
    "none": {"model.pooling": "none", "model.stride": (2,)},
}
# Beyond the edge, stencils that are slid read the background instead of the other side.
PADDED = {"model.edges": "pad", "model.pad_value": -0.1}


def sweep(dataset: str, seeds: int) -> ml_collections.ConfigDict:
    """The sweep of a study on a dataset. Raises UserError for an unknown dataset."""
    if dataset not in DATASETS:
        raise UserError(
            f"The finding has no dataset {dataset!r}: name one of {', '.join(DATASETS)}, as in "
            "--config=configs/finding/core.py:mnist."
        )
    fields = {"train.batch_size": 128, "seed": FIRST_SEED, "seeds": 1 if dataset == "small" else seeds}
    return override(default_sweep(), fields | DATASETS[dataset])
