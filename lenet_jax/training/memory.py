"""An estimate of the memory that a run needs, made before anything is allocated.

It counts the images, the weights with what training adds to them, random wirings while they are drawn, and
the largest arrays of a batch. It is 1.2 to 2.5 times what XLA reports for the compiled programs on a CPU,
which does not include the images on the host.
"""

import contextlib
import math
import os
import pathlib

import jax

from lenet_jax import backend
from lenet_jax.models import wiring
from lenet_jax.models.counts import ModelCounts
from lenet_jax.models.networks import CNN, Stage
from lenet_jax.models.partial_sharing import PARTIAL_SHARING
from lenet_jax.training.epoch import EVALUATION_BATCH
from lenet_jax.training.program import Program

BYTES = 4  # of a float32 or int32
COPIES = 3  # of the images: while they are preprocessed, on the host, on the device
CGROUP_LIMIT = pathlib.Path("/sys/fs/cgroup/memory.max")  # of a container


def bytes_needed(program: Program, counts: ModelCounts, images: int) -> int:
    """Bytes for one run on `images` images of all splits; `counts` are those of the program's model."""
    pixels = program.image_size**2 * program.channels
    held = COPIES * images * pixels + counts.parameters * (1 + program.optimizer.slots)
    read, units, drawing, for_all = _sizes(program, counts)
    steps = {
        "initialisation": 3 * counts.parameters + drawing,
        "training": counts.parameters + for_all + program.batch_size * (2 * sum(read) + 6 * sum(units)),
        "evaluation": EVALUATION_BATCH * (max(read, default=0) + 4 * max(units)),
    }
    return BYTES * (held + max(steps.values()))


def _sizes(program: Program, counts: ModelCounts) -> tuple[list[int], list[int], int, int]:
    """Numbers per image: gathered by each wired layer, units of each layer.

    Also those of drawing wirings, and of what is computed from weights or reads for all images together.
    """
    stages = program.model.stages if isinstance(program.model, CNN) else ()
    read, drawing, spread, masks = [], [0], 0, 0
    size, channels = program.image_size, program.channels
    for number, (stage, layer) in enumerate(zip(stages, counts.wired.layers, strict=True)):
        rows, _, maps = layer.output_shape
        size += sum(stage.padding)
        drawn = wiring.CONNECTIVITY[stage.connectivity].is_drawn
        if drawn and stage.sharing == "unshared":
            drawing.append(5 * rows**2 * wiring.window_side(size, stage.radius) ** 2)
        if drawn or (stage.connectivity == "local" and stage.sharing != "shared"):
            read.append(layer.macs // maps)
            if number and not backend.is_cpu():  # for the gradient, which images do not have
                masks += layer.macs // maps // channels * size**2
        spread += layer.macs if stage.sharing in PARTIAL_SHARING else 0
        read.append(_padded_at_the_edges(stage, size, channels))
        channels = maps
        size = rows if stage.pooling == "none" else rows // 2
    units = [math.prod(layer.output_shape) for layer in counts.layers]
    return read, units, max(drawing), 3 * spread + masks


def _padded_at_the_edges(stage: Stage, size: int, channels: int) -> int:
    """Numbers per image of inputs that are padded at the edges, and of what is computed from them."""
    connectivity = wiring.CONNECTIVITY[stage.connectivity]
    if not connectivity.has_padded_edges(stage.sharing, stage.edges):
        return 0
    return 4 * channels * (size + wiring.reach(size, stage.kernel_size, stage.stride)) ** 2


def memory_limit() -> float:
    """Bytes that a run may use: the smallest device's, or of this machine for CPUs; inf if unknown."""
    if not backend.is_cpu():
        limits = [(device.memory_stats() or {}).get("bytes_limit") for device in jax.local_devices()]
        return min((limit for limit in limits if limit), default=float("inf"))
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with contextlib.suppress(OSError, ValueError):  # there is no such file, or it says "max"
        limits.append(int(CGROUP_LIMIT.read_text()))
    return float(min(limits))
