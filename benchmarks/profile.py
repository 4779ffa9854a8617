"""Where the time of a training step goes, by layer and operation.

    python -m benchmarks.profile local shared

Trains LeNet-5, batch 128, under JAX's profiler, and prints the milliseconds per step of each layer's compiled
operations, forward and backward. Operations may run at the same time, so their sum can exceed the time of
the step. A CPU's profile names the operations; an accelerator's may not.
"""

import collections
import itertools
import pathlib
import re
import sys
import tempfile
from typing import Any

import jax

from benchmarks.rows import LENET5
from benchmarks.workloads import prepare
from lenet_jax.models import wiring
from lenet_jax.report import tables

BATCH, STEPS = 128, 100


def main(connectivity: str, sharing: str) -> None:
    """Prints the profile of one wiring."""
    fields = {"model.connectivity": connectivity, "model.sharing": sharing, "train.batch_size": BATCH}
    engine, program, data, hyperparameters = prepare(LENET5 | fields, STEPS * BATCH, [0.1])
    state = engine.init_state(program, hyperparameters)
    train_epoch: Any = engine.train_epoch  # jitted
    names = operation_names(train_epoch.lower(program, state, data, 0).compile().as_text())
    state, means = train_epoch(program, state, data, 0)
    jax.block_until_ready(means)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            _, means = train_epoch(program, state, data, 1)
            jax.block_until_ready(means)
        [trace] = pathlib.Path(folder).rglob("*.xplane.pb")
        nanoseconds = collections.Counter()
        for plane in jax.profiler.ProfileData.from_file(str(trace)).planes:
            for line in plane.lines:
                for event in line.events:
                    if event.name in names:
                        nanoseconds[names[event.name]] += event.duration_ns
    rows = [
        {
            "part": part,
            "direction": direction,
            "operation": operation,
            "ms per step": f"{total / STEPS / 1e6:.3f}",
        }
        for (part, direction, operation), total in nanoseconds.most_common(25)
    ]
    print(tables.to_markdown(rows))
    print(f"\nAll operations: {sum(nanoseconds.values()) / STEPS / 1e6:.2f} ms per step.")


def operation_names(compiled: str) -> dict[str, tuple[str, str, str]]:
    """Compiled operations of the training loop -> (layer, "forward" or "backward", JAX operation).

    Args:
      compiled: the text of a compiled program.
    """
    names = {}
    for name, path in re.findall(r"%([\w.-]+) = .*op_name=\"([^\"]*while/body[^\"]*)\"", compiled):
        layers = re.findall(r"\b(stage_\d+|pool_\d+|dense_\d+|output|activation)\b", path)
        differentiated = "jvp" in path
        not_a_layer = "images, loss" if differentiated else "optimizer, order of images"
        part = layers[-1] if differentiated and layers else not_a_layer
        direction = "backward" if "transpose(jvp" in path else "forward"
        names[name] = (part, direction, path.rsplit("/", 1)[-1])
    return names


if __name__ == "__main__":
    if tuple(sys.argv[1:]) not in itertools.product(wiring.CONNECTIVITY, wiring.SHARING):
        sys.exit(
            f"error: name a connectivity of {', '.join(wiring.CONNECTIVITY)} and a sharing of "
            f"{', '.join(wiring.SHARING)}, such as: python -m benchmarks.profile local shared"
        )
    main(*sys.argv[1:])
