"""Trains and scores runs of one program together."""

import functools
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from lenet_jax.config.resolve import Resolved
from lenet_jax.data import Split, load_splits
from lenet_jax.runs.progress import Progress
from lenet_jax.training.engine import Engine, make_engine
from lenet_jax.training.epoch import State
from lenet_jax.training.hyperparameters import Hyperparameters, stack_hyperparameters
from lenet_jax.training.program import Program

SPLITS = {"train": "train", "validation": "val", "test": "test"}  # split -> its prefix in results


class Run(NamedTuple):
    """One repetition of one arm."""

    arm: str
    resolved: Resolved

    @property
    def key(self) -> tuple[str, int]:
        return self.arm, self.seed

    @property
    def seed(self) -> int:
        return self.resolved.config.seed

    @property
    def epochs(self) -> int:
        return self.resolved.config.train.epochs

    @property
    def name(self) -> str:
        return f"{self.arm} seed {self.seed}"


class Images(NamedTuple):
    """All images of a dataset on the devices, and which of them belong to each split.

    If runs draw their own images, `start` and `count` refer to the images drawn.
    """

    data: Split
    start: Mapping[str, int]
    count: Mapping[str, int]


class Prepared(NamedTuple):
    """Everything that runs of one program need before their first step."""

    engine: Engine
    program: Program
    images: Images

    @property
    def capacity(self) -> int:
        """The largest number of runs that one call trains."""
        return self.engine.capacity(self.program, len(self.images.data.labels))


def prepare(resolved: Resolved, runs: int = 1) -> Prepared:
    """Loads the data and makes the program for `runs` runs. Raises UserError for what cannot be run."""
    config = resolved.config
    engine = make_engine(config.parallel, runs)
    images = _images_on_devices(config.dataset, ml_collections.FrozenConfigDict(config.data), engine)
    program = resolved.make_program(images.count, engine.batch_devices)
    if program.draw:
        images = _split(images.data, {name: getattr(program.draw, name) for name in images.count})
    return Prepared(engine, program, images)


@functools.lru_cache(maxsize=4)  # a sweep reads images in two sizes, on the devices of one run and of many
def _images_on_devices(dataset: str, data: ml_collections.FrozenConfigDict, engine: Engine) -> Images:
    splits = load_splits(dataset, data)  # train first, as the program expects
    together = Split(*(np.concatenate(arrays) for arrays in zip(*splits, strict=True)))
    return _split(engine.put(together), {name: len(split.labels) for name, split in splits._asdict().items()})


def _split(data: Split, count: Mapping[str, int]) -> Images:
    start = dict(zip(count, itertools.accumulate(count.values(), initial=0), strict=False))
    return Images(data, start, count)


class Outcome(NamedTuple):
    """How a run's training ended.

    Attributes:
      status: "done", or "diverged" if the loss is no longer finite.
      epoch: the last epoch that was trained, from 1.
      scored: the epochs that were scored on all splits, with their losses and accuracies.
    """

    status: str
    epoch: int
    scored: list[dict[str, float]]


def train_runs(
    runs: Sequence[Run],
    prepared: Prepared,
    progress: Progress,
    log_epoch: Callable[[Run, int, dict[str, float]], None],
    score_test: bool = True,
) -> list[dict[str, Any]]:
    """Trains runs of one program together and scores each; returns one result per run.

    Every image of the test set is scored once, after the last epoch. If `config.train.select_epoch` is
    "best_validation", every epoch is scored, the one with the best validation accuracy counts (the first of
    equals), and two more test accuracies are reported alongside: that of the last epoch, and the best of
    all epochs, which is selected on the test set as some papers did. A run whose training or validation
    loss is no longer finite stops there as `diverged`, without accuracies.

    Args:
      log_epoch: called after each epoch with its run, number and metrics.
      score_test: whether to score the test images; if not, their results are None.

    Losses are in the unit of the loss, accuracies fractions in [0, 1], None if a run diverged or a split was
    not scored. Seconds are the population's, divided by its number of runs.
    """
    started = time.monotonic()
    outcomes = _train(runs, prepared, progress, log_epoch, score_test)
    wall_seconds = round((time.monotonic() - started) / len(runs), 3)
    return [
        _result(run, outcome, score_test, wall_seconds) for run, outcome in zip(runs, outcomes, strict=True)
    ]


def _train(
    runs: Sequence[Run],
    prepared: Prepared,
    progress: Progress,
    log_epoch: Callable[[Run, int, dict[str, float]], None],
    score_test: bool,
) -> list[Outcome]:
    """The outcome of each run."""
    engine, program, images = prepared
    train = runs[0].resolved.config.train
    state = engine.init_state(program, hyperparameters_of([run.resolved for run in runs], engine.run_devices))
    outcomes: dict[int, Outcome] = {}
    scored: list[list[dict[str, float]]] = [[] for _ in runs]
    for epoch in range(1, train.epochs + 1):
        started = time.monotonic()
        state, means = engine.train_epoch(program, state, images.data, epoch)
        columns = {"train_loss": np.asarray(means.loss), "train_accuracy": np.asarray(means.accuracy)}
        columns |= score(prepared, state, "validation")
        seconds = (time.monotonic() - started) / len(runs)
        full_score = {}
        if epoch == train.epochs or train.select_epoch == "best_validation":
            # Scores of the weights after the epoch replace the means over its steps.
            full_score = columns | score(prepared, state, "train")
            full_score |= score(prepared, state, "test") if score_test else {}
        for index, run in enumerate(runs):
            if index in outcomes:  # diverged before
                continue
            metrics, run_score = _select_run(columns, index), _select_run(full_score, index)
            log_epoch(run, epoch, {**metrics, "seconds": seconds})
            progress.epoch(run.name, epoch, train.epochs, metrics)
            if run_score:
                scored[index].append(run_score)
            finite = all(map(math.isfinite, (metrics | run_score).values()))
            if not finite or epoch == train.epochs:
                outcomes[index] = Outcome("done" if finite else "diverged", epoch, scored[index])
        if len(outcomes) == len(runs):
            break
    return [outcomes[index] for index in range(len(runs))]


def _select_run(columns: Mapping[str, np.ndarray], index: int) -> dict[str, float]:
    return {name: float(column[index]) for name, column in columns.items()}


def hyperparameters_of(resolved: Sequence[Resolved], devices: int) -> Hyperparameters:
    """The runs' hyperparameters, (R,) each; the last run is repeated until R is a multiple of `devices`."""
    rows = [run.hyperparameters for run in resolved]
    return stack_hyperparameters(rows + [rows[-1]] * (-len(rows) % devices))


def score(prepared: Prepared, state: State, split: str) -> dict[str, np.ndarray]:
    """Mean loss and accuracy over every image of a split, (R,) each, as `test_loss`, `test_accuracy`.

    Losses are in the unit of the loss, accuracies in [0, 1]. {} if the split has no images.
    """
    engine, program, images = prepared
    count, prefix = images.count[split], SPLITS[split]
    if not count:
        return {}
    total = engine.evaluate(program, state, images.data, images.start[split], count)
    return {
        f"{prefix}_loss": np.asarray(total.loss_sum, np.float64) / count,
        f"{prefix}_accuracy": np.asarray(total.correct, np.int64) / count,
    }


def _result(run: Run, outcome: Outcome, score_test: bool, wall_seconds: float) -> dict[str, Any]:
    config, counts = run.resolved.config, run.resolved.counts
    return {
        "arm": run.arm,
        "dataset": config.dataset,
        "seed": run.seed,
        "status": outcome.status,
        "parameters": counts.parameters,
        "connections": counts.connections,
        "wired_connections": counts.wired.connections,
        "macs": counts.macs,
        "epochs": outcome.epoch,
        **_scores(outcome, config.train.select_epoch == "best_validation", score_test),
        "wall_seconds": wall_seconds,
    }


def _scores(outcome: Outcome, by_validation: bool, score_test: bool) -> dict[str, float | None]:
    """The accuracies and losses of the epoch that counts; None if the run diverged."""
    counted: Mapping[str, float] = {}
    last: Mapping[str, float] = {}
    if outcome.status == "done":
        last = outcome.scored[-1]
        counted = max(outcome.scored, key=lambda epoch: epoch["val_accuracy"]) if by_validation else last
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
        has_test = outcome.status == "done" and score_test
        best = max(epoch["test_accuracy"] for epoch in outcome.scored) if has_test else None
        scores |= {
            "test_selected_accuracy": best,
            "last_accuracy": last.get("test_accuracy"),
            "last_train_accuracy": last.get("train_accuracy"),
        }
    return scores


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
