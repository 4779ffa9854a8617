"""A run's row of results.csv, from how its training ended."""

import math
from collections.abc import Mapping
from typing import Any

from lenet_jax.analysis.summaries import RATES
from lenet_jax.runs.population import Attempt
from lenet_jax.runs.run import Run


def result_of(run: Run, attempt: Attempt, score_test: bool = True) -> dict[str, Any]:
    """A run's row of results.csv.

    Losses are in the unit of the loss, accuracies fractions in [0, 1], None if a run diverged or a split was
    not scored. `score_test` says whether the test images were. Runs by Levenberg-Marquardt also have the
    range of their effective learning rates in the first epoch.
    """
    config, counts = run.resolved.config, run.resolved.counts
    return {
        "arm": run.arm,
        "dataset": run.resolved.dataset.name,
        "seed": run.seed,
        "status": attempt.status,
        "parameters": counts.parameters,
        "connections": counts.connections,
        "wired_connections": counts.wired.connections,
        "macs": counts.macs,
        "epochs": attempt.epoch,
        **_scores(attempt, config.train.select_epoch == "best_validation", score_test),
        **_first_rates(attempt),
        "wall_seconds": round(attempt.seconds, 3),
    }


def _scores(attempt: Attempt, by_validation: bool, score_test: bool) -> dict[str, float | None]:
    """The accuracies and losses of the epoch that counts; None if the run diverged."""
    counted: Mapping[str, float] = {}
    last: Mapping[str, float] = {}
    if attempt.status == "done":
        last = attempt.scored[-1]
        counted = max(attempt.scored, key=lambda epoch: epoch["val_accuracy"]) if by_validation else last
    test_accuracy = counted.get("test_accuracy")
    scores = {
        "train_accuracy": counted.get("train_accuracy"),
        "val_accuracy": counted.get("val_accuracy"),
        "test_accuracy": test_accuracy,
        "test_error_percent": None if test_accuracy is None else 100 - 100 * test_accuracy,
        "train_loss": counted.get("train_loss"),
        "test_loss": counted.get("test_loss"),
    }
    if by_validation:
        has_test = attempt.status == "done" and score_test
        best = max(epoch["test_accuracy"] for epoch in attempt.scored) if has_test else None
        scores |= {
            "test_selected_accuracy": best,
            "last_accuracy": last.get("test_accuracy"),
            "last_train_accuracy": last.get("train_accuracy"),
        }
    return scores


def _first_rates(attempt: Attempt) -> dict[str, float | None]:
    """The effective rates of the first epoch, None if they are not finite; {} of optimizers without them."""
    rates = {name: rate for name, rate in attempt.metrics[0].items() if name in RATES}
    return {name: rate if math.isfinite(rate) else None for name, rate in rates.items()}


def describe(result: Mapping[str, Any]) -> str:
    """One line: how a run ended."""
    if result["status"] == "diverged":
        return f"diverged in epoch {result['epochs']}"
    splits = {"test": "test_accuracy", "validation": "val_accuracy", "train": "train_accuracy"}
    scores = {split: result[column] for split, column in splits.items() if result[column] is not None}
    if "test" in scores:
        scores.pop("validation", None)
    split, accuracy = next(iter(scores.items()))
    return f"{split} accuracy {accuracy:.4f}, train {scores['train']:.4f}, {result['wall_seconds']:.1f} s"
