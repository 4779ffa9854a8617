"""Compiles every arm for TPU chips that are not here, and says what a population needs on each of them.

    make tpu-check

which installs `jax[tpu]` into an environment of its own and calls `python -m benchmarks.tpu`; arguments name
some of the arms. A population of each arm of configs/ablation.py on MNIST is compiled for 4 chips, and
one of the convolution for 256. The table is printed; a program that doesn't compile is named, and the exit
status is 1. Expect a minute or more per arm.
"""

import sys
import time

import jax
from absl import logging
from jax.experimental import topologies

from configs import ablation
from lenet_jax import backend
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.data import split_counts
from lenet_jax.report import tables
from lenet_jax.runs.provenance import provenance, versions
from lenet_jax.training.engine import DEMANDING, bytes_needed, population_functions
from lenet_jax.training.epoch import EVALUATION_BATCH

RUNS = 40  # on each chip: 10,240 on 256 chips
FEW, MANY = "v5e:2x2", "v5e:16x16"
CONVOLUTION = "local_shared"
CHIP_BYTES = 16 * 2**30  # HBM of a v5e chip, as Google states it


def main() -> None:
    arms = {arm.name: arm for arm in ablation.get_arms(ablation.get_config())}
    names = sys.argv[1:] or list(arms)
    if unknown := [name for name in names if name not in arms]:
        sys.exit(f"error: {unknown[0]} is not an arm: choose from {', '.join(arms)}.")
    ran_on = provenance()  # before a file in the checkout changes
    logging.set_verbosity(logging.ERROR)  # libtpu looks for chips, and says that there are none
    rows, failed = [], []
    with backend.compiling_for("tpu"):
        for topology, name in [(FEW, name) for name in names] + [(MANY, CONVOLUTION)] * (not sys.argv[1:]):
            print(f"Compiling {name} for {topology} ...", file=sys.stderr, flush=True)
            try:
                rows.append(compile_arm(arms[name], topology))
            except jax.errors.JaxRuntimeError as error:
                failed.append(f"{name} for {topology}: {error}")
    print(tables.to_markdown(rows))
    notes = (
        f"Compiled, not run: populations of {RUNS} runs per chip on MNIST, batch 64, in float32.",
        "`MB per chip`: arguments, results and temporary arrays of the function that needs most, with the "
        "images; `MB per run`: without the images, divided by the runs of a chip, temporary copies of the "
        f"images included; `runs that fit`: at least these, by that number, into a chip's "
        f"{CHIP_BYTES / 2**30:.0f} GiB.",
        "`arithmetic`: operations of a forward pass as compiled, over those of the layers' definition.",
        f"{versions(ran_on)}; revision {ran_on['revision']}.",
    )
    print("\n" + "\n".join(f"- {note}" for note in notes))
    for sentence in failed:
        print(f"error: does not compile: {sentence}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def compile_arm(arm: Arm, topology: str) -> dict[str, str]:
    """The row of an arm. Raises jax.errors.JaxRuntimeError if one of its functions doesn't compile."""
    devices = tuple(topologies.get_topology_desc(topology, platform="tpu").devices)
    resolved = resolve(override(default_config(), {**arm.overrides, "dataset": "mnist"}))
    counts = split_counts(resolved.dataset, resolved.config.data)
    program, images = resolved.make_program(counts), sum(counts.values())
    functions = population_functions(devices, side_by_side=True)
    started = time.monotonic()
    to_compile = functions.to_compile(program, images, RUNS * len(devices))
    compiled = {name: one.compile() for name, one in to_compile.items()}
    seconds = time.monotonic() - started
    needed = max(bytes_needed(compiled[name]) + to_compile[name].held for name in DEMANDING)
    images_bytes = 4 * images * program.channels * program.image_size**2  # float32, on each chip
    per_run = (needed - images_bytes) / RUNS
    cost = compiled["outputs"].cost_analysis()
    assert cost is not None, "this compiler does not report costs"
    scored = RUNS * EVALUATION_BATCH
    return {
        "arm": arm.name,
        "chips": str(len(devices)),
        "runs": f"{RUNS * len(devices):,}",
        "MB per chip": f"{needed / 1e6:,.0f}",
        "MB per run": f"{per_run / 1e6:,.1f}",
        "runs that fit": f"{(CHIP_BYTES - images_bytes) / per_run:,.0f}",
        "arithmetic": f"{cost['flops'] / scored / (2 * resolved.counts.macs):.2f}",
        "s to compile": f"{seconds:.0f}",
    }


if __name__ == "__main__":
    main()
