"""Results of runs, and arms as config.json records them, for tests that train nothing."""

from typing import Any

COUNTS = {"parameters": 61706, "connections": 423038, "wired_connections": 363904, "macs": 416520}


def result(arm: str, seed: int, test_accuracy: float | None, **fields: Any) -> dict[str, Any]:
    """A run's result; diverged if `test_accuracy` is None."""
    return {
        "arm": arm, "dataset": "digits", "seed": seed,
        "status": "diverged" if test_accuracy is None else "done",
        **COUNTS, "epochs": 30,
        "train_accuracy": None if test_accuracy is None else 1.0,
        "val_accuracy": None if test_accuracy is None else test_accuracy / 2,
        "test_accuracy": test_accuracy,
        "test_error_percent": None if test_accuracy is None else 100 * (1 - test_accuracy),
        "train_loss": None if test_accuracy is None else 0.25,
        "test_loss": None if test_accuracy is None else 0.5,
        "wall_seconds": 1.5,
    } | fields  # fmt: skip


def unscored(arm: str, seed: int, val_accuracy: float | None, **fields: Any) -> dict[str, Any]:
    """The result of a run that only selects hyperparameters: it does not score the test images."""
    no_test = {"test_accuracy": None, "test_error_percent": None, "test_loss": None}
    return result(arm, seed, val_accuracy) | no_test | {"val_accuracy": val_accuracy} | fields


def arm(name: str, **fields: Any) -> dict[str, Any]:
    """An arm as config.json records it."""
    return {
        "name": name,
        "overrides": {},
        "label": "",
        "baselines": {},
        "paper": None,
        "reading": "",
        "group": "",
    } | fields
