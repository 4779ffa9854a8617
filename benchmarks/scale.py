"""What 10,000 runs take on many devices, and what gives way first: from recorded runs and counts.

    python -m benchmarks.scale

The runs are those of configs/ablation.py on MNIST, an equal share for each arm. Nothing is trained; it takes
seconds.
"""

import math
import pathlib
import statistics
from typing import NamedTuple

from benchmarks.rows import training_macs
from configs import ablation
from lenet_jax.data import split_counts
from lenet_jax.report import tables
from lenet_jax.runs.loaded import load_sweep

RECORDED = pathlib.Path(__file__).parent.parent / "results" / "mnist"
RUNS = 10_000
FLOAT = 4  # bytes
SAVED = 2  # arrays of the size of the weights in a checkpoint: weights, momentum
SHARE = 0.1  # of a device's full rate that small products reach
LATENCY = 500e-6  # seconds of a step in which a device waits


class Cluster(NamedTuple):
    """Devices, as their vendors describe them.

    Attributes:
      flops: of one device, per second, in float32. The matrix unit of a TPU multiplies bfloat16; a product in
        float32 takes six passes (`lax.Precision.HIGHEST`).
    """

    name: str
    devices: int
    flops: float


CLUSTERS = (Cluster("64 H100 GPUs", 64, 67e12), Cluster("a v5e-256", 256, 197e12 / 6))


def main() -> None:
    """Prints the table."""
    sweep = load_sweep(RECORDED)
    arms = ablation.get_arms(ablation.get_config())
    runs = math.ceil(RUNS / len(arms))
    rows, flops, hours, kept, saved, steps = [], 0.0, 0.0, 0.0, 0.0, 0
    for arm in arms:
        recorded = list(sweep.select(arm.name))
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
        f"Measured: medians over the {len(recorded)} recorded runs of each arm in results/mnist, on "
        f"{ran_on['device']}, {ran_on['host']}; one after the other, all {runs * len(arms):,} runs would "
        f"take {hours:,.0f} hours there.",
        "`Tflop per run`: additions and multiplications of all training steps, by the layers' definition.",
        *(_arithmetic(cluster, flops) for cluster in CLUSTERS),
        f"Arms follow one another on a device, {steps:,} steps in sequence. At {LATENCY * 1e6:.0f} µs of "
        f"launches and latencies per step (assumed), these take {steps * LATENCY:.0f} s, however many "
        "devices there are.",
        f"`GB of networks`: what --config.keep=last keeps, {kept:,.0f} GB for all arms. One checkpoint of "
        f"all runs of the largest arm, weights and momentum, has {saved:,.0f} GB.",
    ]
    print("\n" + "\n".join(f"- {note}" for note in notes))


def _arithmetic(cluster: Cluster, flops: float) -> str:
    seconds = flops / cluster.devices / cluster.flops
    return (
        f"On {cluster.name}, arithmetic alone takes {seconds:.0f} s at the devices' full rate of "
        f"{cluster.flops / 1e12:.0f} Tflop/s in float32 (assumed: the vendor's figure), and "
        f"{seconds / SHARE:.0f} s at {SHARE:.0%} of it (assumed)."
    )


if __name__ == "__main__":
    main()
