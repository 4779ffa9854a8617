"""Trains and scores runs of one program together."""

import functools
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from lenet_jax.config.resolve import Resolved
from lenet_jax.data import DatasetInfo, Split, dataset_info, load_splits, split_counts
from lenet_jax.errors import UserError
from lenet_jax.training import memory
from lenet_jax.training.engine import Engine, make_engine
from lenet_jax.training.epoch import Answers, State
from lenet_jax.training.hyperparameters import Hyperparameters, stack_hyperparameters
from lenet_jax.training.program import Program

Metrics = dict[str, float]  # of an epoch

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
    counts = split_counts(resolved.dataset, config.data)
    program = resolved.make_program(counts, engine.batch_devices)
    _check_memory(resolved, program, sum(counts.values()))
    check_dataset(resolved)
    images = _images_on_devices(config.dataset, resolved.dataset, config.data, engine)
    if program.draw:
        images = _split(images.data, {name: getattr(program.draw, name) for name in images.count})
    return Prepared(engine, program, images)


def _check_memory(resolved: Resolved, program: Program, images: int) -> None:
    """Raises UserError if a run is estimated to need more memory than there is; nothing is allocated."""
    needed, limit = memory.bytes_needed(program, resolved.counts, images), memory.memory_limit()
    if needed > limit:
        side, model = program.image_size, resolved.config.model
        wired = "" if model.name == "mlp" else f" ({model.connectivity}, {model.sharing})"
        raise UserError(
            f"A {model.name}{wired} on {images:,} images of {side}x{side} has {resolved.counts.parameters:,} "
            f"parameters and needs about {needed:,} bytes of memory, but there are {limit:,.0f}: use smaller "
            "images or fewer maps, or leave the arm out with --config.arms."
        )


def check_dataset(resolved: Resolved) -> None:
    """Raises UserError if the images at `config.dataset` are not those that the config was resolved with."""
    path, found = resolved.config.dataset, dataset_info(resolved.config.dataset)
    if found.identity != resolved.dataset.identity:
        raise UserError(
            f"{path} holds other images ({found.identity}) than the run's ({resolved.dataset.identity}): put "
            "those back, or start anew in another --workdir."
        )


@functools.lru_cache(maxsize=4)  # a sweep reads images in two sizes, on the devices of one run and of many
def _images_on_devices(
    dataset: str, version: DatasetInfo, data: ml_collections.FrozenConfigDict, engine: Engine
) -> Images:
    splits = load_splits(dataset, data)  # train first, as the program expects
    together = Split(*(np.concatenate(arrays) for arrays in zip(*splits, strict=True)))
    return _split(engine.put(together), {name: len(split.labels) for name, split in splits._asdict().items()})


def _split(data: Split, count: Mapping[str, int]) -> Images:
    start = dict(zip(count, itertools.accumulate(count.values(), initial=0), strict=False))
    return Images(data, start, count)


class Network(NamedTuple):
    """A trained network.

    Attributes:
      epoch: after which epoch, from 1.
      variables: "params" and "wiring", nested dicts of numpy arrays.
    """

    epoch: int
    variables: dict[str, Any]


class Outcome(NamedTuple):
    """How a run's training ended.

    Attributes:
      status: "done", or "diverged" if the loss is no longer finite.
      epoch: the last epoch that was trained, from 1.
      scored: the epochs that were scored on all splits, with their losses and accuracies.
      network: the one that `config.keep` names; None for "none", and if the run diverged.
      answers: to the validation and test images, of the epoch that counts, by split; {} if the run diverged.
    """

    status: str
    epoch: int
    scored: list[dict[str, float]]
    network: Network | None
    answers: dict[str, Answers]


class Trained(NamedTuple):
    """What is left of a run: its row of results.csv, and as in `Outcome` its network and answers."""

    result: dict[str, Any]
    network: Network | None
    answers: dict[str, Answers]


def train_runs(
    runs: Sequence[Run],
    prepared: Prepared,
    log_epoch: Callable[[Run, int, dict[str, float]], None],
    score_test: bool = True,
) -> list[Trained]:
    """Trains runs of one program together and scores each.

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
    outcomes = _train(runs, prepared, log_epoch, score_test)
    wall_seconds = round((time.monotonic() - started) / len(runs), 3)
    return [
        Trained(_result(run, outcome, score_test, wall_seconds), outcome.network, outcome.answers)
        for run, outcome in zip(runs, outcomes, strict=True)
    ]


def _train(
    runs: Sequence[Run],
    prepared: Prepared,
    log_epoch: Callable[[Run, int, dict[str, float]], None],
    score_test: bool,
) -> list[Outcome]:
    """The outcome of each run."""
    engine, program, images = prepared
    train, keep = runs[0].resolved.config.train, runs[0].resolved.config.keep
    by_validation = train.select_epoch == "best_validation"
    state = engine.init_state(program, hyperparameters_of([run.resolved for run in runs], engine.run_devices))
    outcomes: dict[int, Outcome] = {}
    scored: list[list[dict[str, float]]] = [[] for _ in runs]
    best = [-1.0 for _ in runs]  # validation accuracy so far
    networks: dict[int, Network] = {}
    answers: dict[int, dict[str, Answers]] = {}
    for epoch in range(1, train.epochs + 1):
        started = time.monotonic()
        state, means = engine.train_epoch(program, state, images.data, epoch)
        columns = {"train_loss": np.asarray(means.loss), "train_accuracy": np.asarray(means.accuracy)}
        validation = score(prepared, state, "validation")
        columns |= validation.columns
        seconds = (time.monotonic() - started) / len(runs)
        is_last = epoch == train.epochs
        full_score = {}
        answered = {"validation": validation.answers}
        if is_last or by_validation:
            # Scores of the weights after the epoch replace the means over its steps.
            full_score = columns | score(prepared, state, "train").columns
            if score_test:
                test = score(prepared, state, "test")
                full_score |= test.columns
                answered["test"] = test.answers
        variables = None  # on the host, once they are needed
        for index, run in enumerate(runs):
            if index in outcomes:  # diverged before
                continue
            metrics, run_score = _select_run(columns, index), _select_run(full_score, index)
            log_epoch(run, epoch, {**metrics, "seconds": seconds})
            if run_score:
                scored[index].append(run_score)
            is_best = metrics.get("val_accuracy", -1.0) > best[index]
            if is_best:
                best[index] = metrics["val_accuracy"]
            if (is_last and keep == "last") or (is_best and keep == "best"):
                variables = variables or jax.device_get(state.variables)
                networks[index] = Network(epoch, _select_network(variables, index))
            if is_best if by_validation else is_last:
                answers[index] = {
                    split: Answers(*(column[index] for column in found))
                    for split, found in answered.items()
                    if found is not None
                }
            if not all(map(math.isfinite, (metrics | run_score).values())):
                outcomes[index] = Outcome("diverged", epoch, scored[index], None, {})
            elif is_last:
                outcomes[index] = Outcome("done", epoch, scored[index], networks.get(index), answers[index])
        if len(outcomes) == len(runs):
            break
    return [outcomes[index] for index in range(len(runs))]


def _select_network(variables: dict[str, Any], index: int) -> dict[str, Any]:
    return jax.tree.map(lambda leaf: np.array(leaf[index]), variables)


def _select_run(columns: Mapping[str, np.ndarray], index: int) -> dict[str, float]:
    return {name: float(column[index]) for name, column in columns.items()}


def hyperparameters_of(resolved: Sequence[Resolved], devices: int) -> Hyperparameters:
    """The runs' hyperparameters, (R,) each; the last run is repeated until R is a multiple of `devices`."""
    rows = [run.hyperparameters for run in resolved]
    return stack_hyperparameters(rows + [rows[-1]] * (-len(rows) % devices))


class SplitScore(NamedTuple):
    """How the runs do on one split.

    Attributes:
      columns: mean loss and accuracy, (R,) each, named `test_loss`, `test_accuracy`; {} if the split has no
        images. Losses are in the unit of the loss, accuracies in [0, 1].
      answers: (R, N) each; None if the split has no images.
    """

    columns: dict[str, np.ndarray]
    answers: Answers | None


def score(prepared: Prepared, state: State, split: str) -> SplitScore:
    """Scores every image of a split."""
    engine, program, images = prepared
    count, prefix = images.count[split], SPLITS[split]
    if not count:
        return SplitScore({}, None)
    total, answers = engine.evaluate(program, state, images.data, images.start[split], count)
    columns: dict[str, np.ndarray] = {
        f"{prefix}_loss": total.loss_sum.astype(np.float64) / count,
        f"{prefix}_accuracy": total.correct.astype(np.int64) / count,
    }
    return SplitScore(columns, answers)


def _result(run: Run, outcome: Outcome, score_test: bool, wall_seconds: float) -> dict[str, Any]:
    config, counts = run.resolved.config, run.resolved.counts
    return {
        "arm": run.arm,
        "dataset": run.resolved.dataset.name,
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
