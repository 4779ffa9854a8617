"""The config of a command that is called without --config: LeNet-5 on mnist_5k."""

import ml_collections

from lenet_jax.config.fields import default_config


def get_config() -> ml_collections.ConfigDict:
    return default_config()
