"""A sweep whose epochs take long enough to be killed in; what its arms draw, their seeds decide."""

from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep


def get_config():
    config = default_sweep()
    config.dataset = "digits"
    config.data.image_size = 16
    config.data.box = 16
    config.model.kernel_size = (3,)
    config.model.hidden = (30,)
    config.train.batch_size = 16
    return config


def get_arms(config):
    mlp = {"model.name": "mlp", "model.hidden": (100,)}
    return [
        Arm("convolution", {}, baselines={"wiring": "random", "dropout": "mlp"}),
        Arm("random", {"model.connectivity": "random", "model.sharing": "unshared", "keep": "best"}),
        Arm("distorted", {"distortion.probability": 0.5, "distortion.shift": 1.0}),
        Arm("mlp", mlp | {"model.dropout": 0.2, "train.select_epoch": "best_validation"}),
        Arm("too_fast", mlp | {"train.learning_rate": 1e38}),
    ]
