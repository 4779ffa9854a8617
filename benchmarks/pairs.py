"""Whether what computes a network changes results: the native kernel against matrix products, after training.

    python -m benchmarks.pairs

Trains the sparse wirings and an MLP on mnist_5k, ten seeds each, in both forms, and prints the paired
differences of their test accuracies. This takes about six minutes on two cores.
"""

import math
import statistics
import sys

from benchmarks import report
from configs import ablation
from experiments import cli
from lenet_jax import override, train
from lenet_jax.analysis.stats import mean_interval
from lenet_jax.config.fields import default_config
from lenet_jax.native import form
from lenet_jax.report import tables
from lenet_jax.runs.trained import TrainedRun

ARMS = ("local_shared", "local_unshared", "random_shared", "random_unshared", "mlp_300")
SEEDS, EPOCHS = 10, 5


def main() -> None:
    """Prints the table."""
    if form.current() != form.NATIVE:
        sys.exit(f"error: there is no native kernel to compare: {form.why_products()}.")
    ran_on = report.ran_on()  # before a file in the checkout changes
    rows = []
    for arm in ablation.get_arms(ablation.get_config()):
        if arm.name not in ARMS:
            continue
        pairs = [
            [_trained({**arm.overrides, "seed": seed}, name) for name in (form.NATIVE, form.PRODUCTS)]
            for seed in range(SEEDS)
        ]
        accuracies = [[100 * run.result["test_accuracy"] for run in pair] for pair in pairs]
        losses = [[run.result["test_loss"] for run in pair] for pair in pairs]
        differences = [native - products for native, products in accuracies]
        mean, low, high = mean_interval(differences, (-math.inf, math.inf))
        rows.append({
            "arm": arm.name,
            "mean difference": f"{mean:+.3f}",
            "95% interval": f"{low:+.3f} to {high:+.3f}",
            "largest difference": f"{max(map(abs, differences)):.3f}",
            "SD of seeds": f"{statistics.stdev(products for _, products in accuracies):.3f}",
            "largest relative difference of losses": f"{max(abs(a / b - 1) for a, b in losses):.1g}",
        })  # fmt: skip
    print(tables.to_markdown(rows))
    print(
        f"\n- Test accuracy in percentage points, kernel minus products; {SEEDS} seeds, {EPOCHS} epochs on "
        "mnist_5k; intervals from Student's t.\n"
        f"- {ran_on}"
    )


def _trained(overrides: dict, computed_by: str) -> TrainedRun:
    with form.using(computed_by):
        return train(override(default_config(), {**overrides, "train.epochs": EPOCHS}))


if __name__ == "__main__":
    cli.run(main)
