"""Depth, width and kernel size, each changed alone in LeNet-5: what many layers and many maps are worth.

    python -m experiments.ablate --config=configs/sizes.py --workdir=runs/sizes

A few minutes on two cores, on mnist_5k; --config.dataset selects another dataset. All arms share their
training and seeds, and are compared with LeNet-5, which has two stages, 6 and 16 maps, kernels of 5x5 and two
hidden layers. The classifier reads what the last stage leaves, so that its inputs change as well: 1,176 after
one stage, and the 784 pixels without any. A third stage reads maps of 5x5, with kernels of 3x3 and without
pooling.
"""

import ml_collections

from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep

LENET5 = "lenet5"
ARMS = {
    LENET5: {},
    "stages_0": {"model.name": "mlp", "model.hidden": (120, 84)},
    "stages_1": {"model.maps": (6,)},
    "stages_3": {
        "model.maps": (6, 16, 32),
        "model.kernel_size": (5, 5, 3),
        "model.pooling": "average,average,none",
    },
    "hidden_0": {"model.hidden": ()},
    "hidden_1": {"model.hidden": (120,)},
    "hidden_3": {"model.hidden": (120, 84, 84)},
    "maps_1_3": {"model.maps": (1, 3)},
    "maps_3_8": {"model.maps": (3, 8)},
    "maps_12_32": {"model.maps": (12, 32)},
    "maps_24_64": {"model.maps": (24, 64)},
    "kernel_1": {"model.kernel_size": (1,)},
    "kernel_3": {"model.kernel_size": (3,)},
    "kernel_7": {"model.kernel_size": (7,)},
}


def get_config() -> ml_collections.ConfigDict:
    return default_sweep()


def get_arms(config: ml_collections.ConfigDict) -> list[Arm]:
    return [
        Arm(
            name,
            {"model.name": "cnn"} | fields,
            baselines={} if name == LENET5 else {f"{name} against {LENET5}": LENET5},
        )
        for name, fields in ARMS.items()
    ]
