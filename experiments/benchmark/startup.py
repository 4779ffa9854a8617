"""From the start of a process to the end of its first 20 steps, here or in PyTorch.

    python -m experiments.benchmark.startup local shared
    python -m experiments.benchmark.startup torch

Trains LeNet-5 for an epoch on digits and prints the seconds since the process was started, and those of them
that go from the loaded data to the end of the epoch: making, compiling and running the program.
"""

import os
import sys
import time


def first_epoch(connectivity: str, sharing: str) -> float:
    """Seconds for making, compiling and running the program of a wiring."""
    import jax

    from lenet_jax.config import default_config, override
    from lenet_jax.jax_settings import fix_numerics, keep_compilations
    from lenet_jax.run import numbers_of, prepare

    fix_numerics()
    keep_compilations()
    fields = {"model.connectivity": connectivity, "model.sharing": sharing}
    config = override(default_config(), fields)
    engine, program, images = prepare(config)
    started = time.perf_counter()
    numbers = numbers_of([config], engine.run_devices)
    state = engine.init_state(program, numbers)
    _, means = engine.train_epoch(program, state, images.data, numbers.seed, 1)
    jax.block_until_ready(means)
    return time.perf_counter() - started


def first_epoch_in_torch() -> float:
    """The same in PyTorch, the images prepared in the same way."""
    from experiments.benchmark import torch_peer
    from lenet_jax.config import default_config
    from lenet_jax.data import load_splits

    config = default_config()
    train = load_splits(config.dataset, config.data).train
    started = time.perf_counter()
    torch_peer.train_on(train.images, train.labels, "lenet5", config.train.batch_size, [0.1])()
    return time.perf_counter() - started


def seconds_since_start() -> float:
    """How long this process has existed, by the kernel's clocks."""
    with open("/proc/self/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    seconds = first_epoch_in_torch() if sys.argv[1:] == ["torch"] else first_epoch(*sys.argv[1:])
    print(seconds_since_start(), seconds)
