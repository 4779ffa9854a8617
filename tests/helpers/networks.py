"""The wirings, small networks for tests, and the counts of networks that configs describe."""

from collections.abc import Sequence
from typing import Any

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.models.counts import ModelCounts
from lenet_jax.models.networks import CNN, MLP, Stage
from lenet_jax.models.wiring import CONNECTIVITY, SHARING

GRID = [(connectivity, sharing) for connectivity in CONNECTIVITY for sharing in SHARING]


def cnn(
    connectivity: Sequence[str],
    sharing: Sequence[str],
    maps: Sequence[int],
    kernel_size: int,
    hidden: tuple[int, ...],
    pooling: str = "average",
    activation: str = "tanh",
) -> CNN:
    """Stages that differ in wiring and number of maps only, then an MLP; layers are numbered from 1."""
    stages = tuple(
        Stage(maps=count, kernel_size=kernel_size, connectivity=name, sharing=shared, pooling=pooling)
        for name, shared, count in zip(connectivity, sharing, maps, strict=True)
    )
    return CNN(stages, MLP(hidden, activation, first=1 + 2 * len(stages)))


def counts_of(fields: dict[str, Any]) -> ModelCounts:
    """The counts of the default config's network with these fields."""
    return resolve(override(default_config(), fields)).counts
