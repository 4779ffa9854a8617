"""The figure of a sweep: test accuracy against trainable parameters."""

import pathlib

import matplotlib

matplotlib.use("Agg")  # files only; no display is needed

from matplotlib import pyplot as plt  # noqa: E402, after the backend is chosen

LABEL_GAP = 0.042  # of the axis height, between labels of arms with about the same parameters
NEAR = 1.6  # arms within this ratio of parameters compete for label space


def accuracy_against_parameters(rows: list[dict], title: str, path: pathlib.Path) -> None:
    """Draws the rows of `lenet_jax.tables.arm_rows` that have a mean, and saves a PNG or SVG.

    Parameters are on a logarithmic axis, bars are the rows' intervals, every arm is named.
    """
    rows = [row for row in rows if row["test_accuracy_mean"] is not None]
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for row in rows:
        mean, low, high = (
            100 * (row[f"test_accuracy_{part}"] or row["test_accuracy_mean"])
            for part in ("mean", "ci_low", "ci_high")
        )
        axes.errorbar(
            row["parameters"], mean, yerr=[[mean - low], [high - mean]],
            fmt="o", capsize=4, markersize=7,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("trainable parameters")
    axes.set_ylabel("test accuracy (%)")
    axes.set_title(title)
    axes.grid(True, which="major", alpha=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)
