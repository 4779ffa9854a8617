"""Compiles every arm for TPU chips without TPU hardware, and says what a population needs on each of them.

    make tpu-check

which installs `jax[tpu]` into an environment of its own and calls `python -m benchmarks.tpu`; arguments name
some of the arms. A population of each arm of configs/ablation.py on MNIST is compiled for 4 chips, and
one of the convolution for 256. What has been compiled is recorded in results/benchmark/tpu.jsonl, and is
compiled again only after a change of the code, the config or the compiler, so that a stopped check goes on
with the same command. A program that doesn't compile is named, and the exit status is 1. Expect minutes per
arm, on two cores.
"""

import json
import pathlib
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import jax
from absl import logging
from jax.experimental import topologies

from configs import ablation
from lenet_jax import backend, files
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import Resolved, resolve
from lenet_jax.data import split_counts
from lenet_jax.report import tables
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.provenance import provenance, versions
from lenet_jax.training.engine import DEMANDING, bytes_needed, population_functions
from lenet_jax.training.epoch import EVALUATION_BATCH

RESULTS = pathlib.Path(__file__).parent.parent / "results" / "benchmark"
RUNS = 40  # on each chip: 10,240 on 256 chips
FEW, MANY = "v5e:2x2", "v5e:16x16"
CONVOLUTION = "local_shared"
CHIP_BYTES = 16 * 10**9  # HBM of a v5e chip: https://docs.cloud.google.com/tpu/docs/v5e
COMPILERS = ("jax", "jaxlib", "libtpu")

Record = Mapping[str, Any]


def main() -> None:
    arms = {arm.name: arm for arm in ablation.get_arms(ablation.get_config())}
    names = sys.argv[1:] or list(arms)
    if unknown := [name for name in names if name not in arms]:
        sys.exit(f"error: {unknown[0]} is not an arm: choose from {', '.join(arms)}.")
    provenance()  # before a file in the checkout changes
    logging.set_verbosity(logging.ERROR)  # libtpu looks for chips, and says that there are none
    wanted = [(name, FEW) for name in names] + [(CONVOLUTION, MANY)] * (not sys.argv[1:])
    recorded = {(one["arm"], one["topology"]): one for one in read_records()}
    failed = []
    with backend.compiling_for("tpu"):
        for name, topology in wanted:
            resolved, record = resolve_arm(arms[name]), recorded.pop((name, topology), None)
            if record is None or record["identity"] != identity(resolved):
                print(f"Compiling {name} for {topology} ...", file=sys.stderr, flush=True)
                try:
                    record = compile_arm(name, resolved, topology)
                except jax.errors.JaxRuntimeError as error:
                    failed.append(f"{name} for {topology}: {error}")
                    record = None
            if record is not None:
                recorded[name, topology] = record
            order = [(arm, topology) for topology in (FEW, MANY) for arm in arms]
            write_records([recorded[key] for key in order if key in recorded])
    print(describe(read_records()), end="")
    for sentence in failed:
        print(f"error: does not compile: {sentence}", file=sys.stderr)
    sys.exit(1 if failed else 0)


def resolve_arm(arm: Arm) -> Resolved:
    """The config of an arm's runs."""
    return resolve(override(default_config(), {**arm.overrides, "dataset": "mnist"}))


def identity(resolved: Resolved) -> dict[str, Any]:
    """What a compiled program depends on, as JSON types."""
    return {
        "runs_per_chip": RUNS,
        "fields": json.loads(json.dumps(resolved.compiled_fields)),
        "code": code_digest(),
        "compilers": {name: version(name) for name in COMPILERS},
    }


def compile_arm(name: str, resolved: Resolved, topology: str) -> Record:
    """The record of an arm. Raises jax.errors.JaxRuntimeError if one of its functions doesn't compile."""
    devices = tuple(topologies.get_topology_desc(topology, platform="tpu").devices)
    counts = split_counts(resolved.dataset, resolved.config.data)
    program, images = resolved.make_program(counts), sum(counts.values())
    functions = population_functions(devices, side_by_side=True)
    to_compile = functions.to_compile(program, images, RUNS * len(devices))
    compiled = {name: one.compile() for name, one in to_compile.items()}
    cost = compiled["outputs"].cost_analysis()
    assert cost is not None, "this compiler does not report costs"
    return {
        "arm": name,
        "topology": topology,
        "chips": len(devices),
        "bytes_per_chip": max(bytes_needed(compiled[one]) + to_compile[one].held for one in DEMANDING),
        "bytes_of_images": 4 * images * program.channels * program.image_size**2,  # float32, on each chip
        "flops_per_image": cost["flops"] / (RUNS * EVALUATION_BATCH),
        "macs_per_image": resolved.counts.macs,
        "identity": identity(resolved),
        "provenance": provenance(),
    }


def read_records() -> list[Record]:
    """What has been compiled; [] if nothing has."""
    path = RESULTS / "tpu.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def write_records(records: Iterable[Record]) -> None:
    """Replaces the records and their table."""
    files.write(RESULTS / "tpu.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    files.write(RESULTS / "tpu.md", describe(read_records()))


def describe(records: Iterable[Record]) -> str:
    """The table of what has been compiled, for a page; "" if nothing has."""
    rows, chips, programs, found = [], {}, {}, {}
    for record in records:
        runs, fields = record["identity"]["runs_per_chip"], record["identity"]["fields"]
        per_run = (record["bytes_per_chip"] - record["bytes_of_images"]) / runs
        rows.append({
            "arm": record["arm"],
            "runs": f"{runs * record['chips']:,}",
            "MB per chip": f"{record['bytes_per_chip'] / 1e6:,.0f}",
            "MB per run": f"{per_run / 1e6:,.1f}",
            "runs that fit": f"{(CHIP_BYTES - record['bytes_of_images']) / per_run:,.0f}",
            "arithmetic": f"{record['flops_per_image'] / (2 * record['macs_per_image']):.2f}",
        })  # fmt: skip
        ran_on, compilers = record["provenance"], record["identity"]["compilers"]
        found[f"{versions(ran_on)}, libtpu {compilers['libtpu']}; revision {ran_on['revision']}"] = None
        chips[record["chips"]] = None
        programs[f"{runs} runs per chip, on MNIST, batch {fields['train.batch_size']}"] = None
    if not rows:
        return ""
    notes = (
        f"Compiled, not run: for {' or '.join(map(str, chips))} chips, populations of "
        f"{' or '.join(programs)}, in float32.",
        "`MB per chip`: arguments, results and temporary arrays of the function that needs most, with the "
        "images; `MB per run`: without the images, divided by the runs of a chip, temporary copies of the "
        f"images included; `runs that fit`: at least these, by that number, into a chip's "
        f"{CHIP_BYTES / 1e9:.0f} GB.",
        "`arithmetic`: operations of a forward pass as compiled, over those of the layers' definition.",
        *(f"{one}." for one in found),
    )
    return tables.to_markdown(rows) + "\n\n" + "\n".join(f"- {note}" for note in notes) + "\n"


if __name__ == "__main__":
    main()
