"""What 10,000 runs take on many devices, and what becomes the bottleneck: from recorded runs and counts.

    python -m benchmarks.scale

The runs are those of configs/ablation.py on MNIST, an equal share for each arm. Nothing is trained; it takes
seconds.
"""

import collections
import math
import pathlib
import statistics
from typing import NamedTuple

from benchmarks.rows import training_macs
from configs import ablation
from experiments import cli
from lenet_jax.data import split_counts
from lenet_jax.report import tables
from lenet_jax.runs.loaded import Sweep, load_sweep
from lenet_jax.training.engine import LARGEST_POPULATION

RESULTS = pathlib.Path(__file__).parent.parent / "results"
RECORDED = RESULTS / "mnist"
RECORDED_ON_GPU = RESULTS / "benchmark" / "gpu"
RUNS = 10_000
FLOAT = 4  # bytes
SAVED = 2  # arrays of the size of the weights in a checkpoint: weights, momentum
SHARE = 0.1  # of a device's full rate that small products reach
LATENCY = 500e-6  # seconds of a step in which a device waits


class Cluster(NamedTuple):
    """Devices, as their vendors describe them.

    Attributes:
      flops: of one device, per second, as `source` says.
      passes: how many products of that kind a product in float32 takes.
      kind: the kind of these products.
      source: the vendor's page.
    """

    name: str
    devices: int
    flops: float
    passes: int
    kind: str
    source: str


CLUSTERS = (
    Cluster("64 H100 GPUs (SXM)", 64, 67e12, 1, "float32", "https://www.nvidia.com/en-us/data-center/h100/"),
    # The matrix unit multiplies bfloat16, six times for a product of float32: `jax.lax.Precision.HIGHEST`.
    Cluster("a v5e-256", 256, 197e12, 6, "bfloat16", "https://docs.cloud.google.com/tpu/docs/v5e"),
)


def main() -> None:
    """Prints the table."""
    sweep = load_sweep(RECORDED)
    arms = ablation.get_arms(ablation.get_config())
    runs = math.ceil(RUNS / len(arms))
    rows, flops, hours, kept, saved, steps, measured = [], 0.0, 0.0, 0.0, 0.0, 0, []
    for arm in arms:
        recorded = list(sweep.select(arm.name))
        measured.append(len(recorded))
        config, parameters = recorded[0].config, recorded[0].counts.parameters
        images = split_counts(recorded[0].dataset, config.data)["train"] * config.train.epochs
        seconds = statistics.median(run.result["wall_seconds"] for run in recorded)
        of_run = 2 * training_macs(arm.overrides) * images
        rows.append({
            "arm": arm.name,
            "runs": f"{runs:,}",
            "s per run, measured": f"{seconds:.1f}",
            "steps": f"{images // config.train.batch_size:,}",
            "Tflop per run": f"{of_run / 1e12:.2f}",
            "GB of networks": f"{FLOAT * parameters * runs / 1e9:.1f}",
        })  # fmt: skip
        flops += runs * of_run
        hours += runs * seconds / 3600
        kept += FLOAT * parameters * runs / 1e9
        saved = max(saved, SAVED * FLOAT * parameters * runs / 1e9)
        steps += images // config.train.batch_size
    print(tables.to_markdown(rows))
    ran_on = sweep.records[0]["provenance"]
    notes = [
        f"Measured: medians over at least {min(measured)} recorded runs of each arm in results/mnist, on "
        f"{ran_on['device']}, {ran_on['host']}; one after the other, all {runs * len(arms):,} runs would "
        f"take {hours:,.0f} hours there.",
        "`Tflop per run`: additions and multiplications of all training steps, by the layers' definition.",
        _on_gpu(load_sweep(RECORDED_ON_GPU)),
        *(_arithmetic(cluster, runs * len(arms), flops) for cluster in CLUSTERS),
        f"A process claims up to {LARGEST_POPULATION:,} runs of one program per device.",
        f"Arms follow one another on a device, {steps:,} steps in sequence. At {LATENCY * 1e6:.0f} µs of "
        f"launches and latencies per step (assumed), these take {steps * LATENCY:.0f} s, however many "
        "devices there are.",
        f"`GB of networks`: what --config.keep=last keeps, {kept:,.0f} GB for all arms. One checkpoint of "
        f"all runs of the largest arm, weights and momentum, has {saved:,.0f} GB.",
    ]
    print("\n" + "\n".join(f"- {note}" for note in notes))


def _on_gpu(sweep: Sweep) -> str:
    """How long runs took whose programs were trained side by side on one GPU, by one process each."""
    seconds = collections.defaultdict(float)
    for run in sweep:
        family, _, _ = run.arm.rpartition("-")  # all candidates of an arm share its program
        seconds[family] += run.result["wall_seconds"]  # each has its share of the population's time
    config, ran_on = run.config, sweep.records[0]["provenance"]
    return (
        f"Measured on one {ran_on['device']} (host: {ran_on['host']}): {len(sweep)} runs of {len(seconds)} "
        f"programs, by one process for each, took {max(seconds.values()):.0f} s once these were compiled: "
        f"{config.train.epochs} epochs of {config.dataset}, batches of {config.train.batch_size}, wirings "
        "with max pooling and with padded edges (results/benchmark/gpu)."
    )


def _arithmetic(cluster: Cluster, runs: int, flops: float) -> str:
    seconds = cluster.passes * flops / cluster.devices / cluster.flops
    each, rate = math.ceil(runs / cluster.devices), cluster.flops / 1e12
    passes = f", {cluster.passes} of which make one in float32" if cluster.passes > 1 else ""
    return (
        f"On {cluster.name}, with {each:,} runs per device, arithmetic alone takes {seconds:.0f} s at the "
        f"full rate of {rate:.0f} Tflop/s for products in {cluster.kind}{passes} "
        f"([vendor's figure]({cluster.source})), and {seconds / SHARE:.0f} s at {SHARE:.0%} of it (assumed)."
    )


if __name__ == "__main__":
    cli.run(main)
