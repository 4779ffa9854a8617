"""A sweep over numbers of training images and over wirings, in seconds."""

from lenet_jax.config.arms import Arm
from tests.helpers import tiny_sweep


def get_config():
    config = tiny_sweep.get_config()
    config.train.batch_size = 50
    config.seeds = 3
    return config


def get_arms(config):
    sizes = {f"{name}_{images}": (fields, images) for name, fields in
             (("conv", {}), ("mlp", {"model.name": "mlp"})) for images in (50, 400)}  # fmt: skip
    drawn = {"model.connectivity": "random"}
    wirings = [Arm(f"random_{seed}", drawn | {"model.wiring_seed": seed}) for seed in range(3)]
    return wirings + [
        Arm(name, fields | {"data.train_images": images, "train.epochs": 1600 // images})
        for name, (fields, images) in sizes.items()
    ]
