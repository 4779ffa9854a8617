"""A sweep that trains in seconds, with an arm that diverges; tests pass it to --config."""

from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep


def get_config():
    config = default_sweep()
    config.dataset = "digits"
    config.data.image_size = 16
    config.data.box = 16
    config.model.maps = (2,)
    config.model.hidden = (8,)
    config.train.epochs = 2
    config.train.batch_size = 431  # a third of the 1,293 training images
    config.seeds = 2
    return config


def get_arms(config):
    mlp = {"model.name": "mlp"}
    return [
        Arm("local_shared", {}, baselines={"convolution": "mlp_8"}),
        Arm("mlp_8", mlp, baselines={"width": "mlp_4", "step size": "too_fast"}),
        Arm("mlp_4", mlp | {"model.hidden": (4,)}),
        Arm("too_fast", mlp | {"train.learning_rate": 1e38}),  # weights overflow in epoch 1
    ]
