"""Small networks for tests."""

from lenet_jax.models import CNN, MLP, Stage


def cnn(connectivity, sharing, maps, kernel_size, hidden, pooling="average", activation="tanh") -> CNN:
    """Stages that differ in wiring and maps alone, then an MLP; layers are numbered from 1."""
    stages = tuple(
        Stage(maps=maps, kernel_size=kernel_size, connectivity=connectivity, sharing=sharing, pooling=pooling)
        for connectivity, sharing, maps in zip(connectivity, sharing, maps, strict=True)
    )
    return CNN(stages, MLP(hidden, activation, first=1 + 2 * len(stages)))
