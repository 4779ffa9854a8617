"""A sweep that trains in a moment, with an arm that diverges: what tests give to --config."""

from lenet_jax.config.fields import default_config


def get_config():
    config = default_config()
    config.data.image_size = 16
    config.data.box = 16
    config.model.maps = (2,)
    config.model.hidden = (8,)
    config.train.epochs = 2
    config.train.batch_size = 431  # a third of the 1,293 training images
    with config.unlocked():
        config.seeds = 2
        config.arms = ""
    return config


def get_arms(config):
    return {
        "local_shared": {},
        "mlp_8": {"model.name": "mlp"},
        "mlp_4": {"model.name": "mlp", "model.hidden": (4,)},
        "too_fast": {"model.name": "mlp", "train.learning_rate": 1e38},  # weights overflow in epoch 1
    }


def get_contrasts():
    return {
        "convolution": ("local_shared", "mlp_8"),
        "width": ("mlp_8", "mlp_4"),
        "step size": ("mlp_8", "too_fast"),
    }
