"""Simulates sweeps whose true error rates are known, and counts how often intervals cover the truth.

    python -m experiments.coverage > results/coverage.md

--sweeps=N sets how many are drawn for each number of seeds.
"""

from absl import flags

from experiments import cli
from lenet_jax.analysis.coverage import MNIST_LIKE, coverage
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.report.tables import to_markdown

SEEDS = (2, 3, 5, 20)
INTERVALS = {"crossed": "seeds and test images, crossed", "seeds": "seeds alone, Student's t"}


def main() -> None:
    sweeps = flags.FLAGS.sweeps
    rows = [
        {
            "seeds": seeds,
            "scale": scale,
            "interval over": INTERVALS[method],
            "covers the truth": f"{100 * share:.1f}%",
            "mean length": f"{length:.3f}",
        }
        for seeds in SEEDS
        for scale, method, share, length in coverage(MNIST_LIKE, seeds, sweeps)
    ]
    errors = ", ".join(f"{100 * error:.1f}% ({arm})" for arm, error in MNIST_LIKE.errors.items())
    print(to_markdown(rows))
    print(
        f"\n- Of {sweeps:,} simulated sweeps for each number of seeds, with {MNIST_LIKE.images:,} test "
        f"images and true error rates of {errors}: how often the {CONFIDENCE:.0%} intervals of the "
        "connectivity effect, the sharing effect, their interaction and the gap cover the truth, pooled over "
        "the four. Lengths are in errors per hundred, or in log error.\n"
        f"- Standard deviations in log-odds: {MNIST_LIKE.hardness} over images, {MNIST_LIKE.of_arm} over "
        f"images for each arm, {MNIST_LIKE.luck} over seeds "
        "([the model](../lenet_jax/analysis/coverage.py)).\n"
        f"- Command: `python -m experiments.coverage --sweeps={sweeps}`"
    )


if __name__ == "__main__":
    flags.DEFINE_integer("sweeps", 1000, "Simulated sweeps for each number of seeds.", lower_bound=1)
    cli.run(main)
