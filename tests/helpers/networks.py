"""Small networks for tests, and what networks of configs count."""

from lenet_jax.config.build_model import build_model
from lenet_jax.config.fields import default_config, override
from lenet_jax.models.counts import ModelCounts, count_model
from lenet_jax.models.networks import CNN, MLP, Stage


def cnn(connectivity, sharing, maps, kernel_size, hidden, pooling="average", activation="tanh") -> CNN:
    """Stages that differ in wiring and maps alone, then an MLP; layers are numbered from 1."""
    stages = tuple(
        Stage(maps=maps, kernel_size=kernel_size, connectivity=connectivity, sharing=sharing, pooling=pooling)
        for connectivity, sharing, maps in zip(connectivity, sharing, maps, strict=True)
    )
    return CNN(stages, MLP(hidden, activation, first=1 + 2 * len(stages)))


def counts_of(fields: dict) -> ModelCounts:
    """Of the default config's network with these fields."""
    config = override(default_config(), fields)
    return count_model(build_model(config.model, config.data.image_size), config.data.image_size)
