"""How long it takes from the start of a process to the end of its first 20 steps, here or in PyTorch.

    python -m benchmarks.startup FILE local shared
    python -m benchmarks.startup FILE torch

Trains LeNet-5 for one epoch on the images and labels in FILE (.npz). Prints the seconds since the process
was started, and the seconds from the loaded data to the end of the epoch, which make, compile and run the
program.
"""

import os
import sys
import time

import numpy as np


def first_epoch(images_NHWC: np.ndarray, labels_N: np.ndarray, connectivity: str, sharing: str) -> float:
    """Seconds for making, compiling and running the program of a wiring."""
    import jax

    from lenet_jax.config.fields import default_config, override
    from lenet_jax.config.resolve import resolve
    from lenet_jax.data import Split
    from lenet_jax.native import form
    from lenet_jax.runs.run import hyperparameters_of
    from lenet_jax.training.compilation_cache import keep_compilations
    from lenet_jax.training.engine import make_engine
    from lenet_jax.training.jax_settings import make_gpus_deterministic

    make_gpus_deterministic()
    keep_compilations()
    fields = {"model.connectivity": connectivity, "model.sharing": sharing}
    run = resolve(override(default_config(), fields))
    engine = make_engine("jit")
    data = engine.put(Split(images_NHWC, labels_N))
    started = time.perf_counter()
    program = run.make_program({"train": len(labels_N)}, engine.batch_devices, form.current())
    state = engine.init_state(program, hyperparameters_of([run], engine.run_devices))
    _, means = engine.train_epoch(program, state, data, 1)
    jax.block_until_ready(means)
    return time.perf_counter() - started


def first_epoch_in_torch(images_NHWC: np.ndarray, labels_N: np.ndarray) -> float:
    """Seconds for the same epoch in PyTorch."""
    from benchmarks import torch_peer

    started = time.perf_counter()
    torch_peer.train_on(images_NHWC, labels_N, "lenet5", "eager", 64, [0.1])()
    return time.perf_counter() - started


def seconds_since_start() -> float:
    """The age of this process, by the kernel's clocks."""
    with open("/proc/self/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    with np.load(sys.argv[1]) as arrays:
        loaded = arrays["images"], arrays["labels"]
    names = sys.argv[2:]
    seconds = first_epoch_in_torch(*loaded) if names == ["torch"] else first_epoch(*loaded, *names)
    print(seconds_since_start(), seconds)
