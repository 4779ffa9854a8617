"""Trains and scores runs of one program together."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from lenet_jax.analysis.summaries import RATES
from lenet_jax.runs import group, interruption
from lenet_jax.runs.run import Prepared, Run, hyperparameters_of
from lenet_jax.training.epoch import Answers, State
from lenet_jax.training.jax_settings import own_settings

Metrics = dict[str, float]  # of an epoch

SPLITS = {"train": "train", "validation": "val", "test": "test"}  # split -> its prefix in results


class Network(NamedTuple):
    """A trained network.

    Attributes:
      epoch: after which epoch, from 1; 0 before training.
      variables: "params" and "wiring", nested dicts of numpy arrays.
    """

    epoch: int
    variables: dict[str, Any]


@dataclasses.dataclass
class Attempt:
    """What is known of a run in training or after it.

    Attributes:
      status: "running"; then "done", or "diverged" if the loss is no longer finite.
      epoch: the last epoch that was trained, from 1.
      seconds: how long it took; a population's time is divided by its number of runs.
      metrics: of each epoch.
      scored: the epochs that were scored on all splits, with their losses and accuracies.
      best: the best validation accuracy; -1 if there is none.
      network: the one that `config.keep` names; None for "none", and if the run diverged.
      answers: to the validation and test images, of the epoch that counts, by split; {} if the run diverged.
    """

    status: str = "running"
    epoch: int = 0
    seconds: float = 0.0
    metrics: list[Metrics] = dataclasses.field(default_factory=list)
    scored: list[Metrics] = dataclasses.field(default_factory=list)
    best: float = -1.0
    network: Network | None = None
    answers: dict[str, Answers] = dataclasses.field(default_factory=dict)


class Saved(NamedTuple):
    """A run after one of its epochs, from which training goes on exactly.

    Attributes:
      epoch: that of its population, from 1; one that diverged before has ended.
      attempt: what is known of the run.
      leaves: the arrays of its `State`, on the host, in the order of `jax.tree.leaves`.
    """

    epoch: int
    attempt: Attempt
    leaves: list[np.ndarray]


LogEpoch = Callable[[Run, int, Metrics], None]
Save = Callable[[Sequence[Run], Callable[[], list[Saved]]], None]


def _nothing() -> None:
    pass


def train_runs(
    runs: Sequence[Run],
    prepared: Prepared,
    log_epoch: LogEpoch,
    score_test: bool = True,
    saved: Sequence[Saved] = (),
    save: Save = lambda runs, take: None,
    log_compiled: Callable[[], None] = _nothing,
) -> list[Attempt]:
    """Trains runs of one program together and scores each; in a group of processes, each passes its own runs.

    Every image of the test set is scored once, after the last epoch. If `config.train.select_epoch` is
    "best_validation", every epoch is scored, the one with the best validation accuracy counts (the first of
    equals), and two more test accuracies are reported alongside: that of the last epoch, and the best of
    all epochs, which is selected on the test set as some papers did. A run whose training or validation
    loss is no longer finite stops there as `diverged`.

    Args:
      runs: of this process. In a group it may have none.
      log_epoch: called after each epoch with its run, number and metrics.
      score_test: whether to score the test images.
      saved: where each of the runs goes on, all after the same epoch; empty to start.
      save: called after each epoch but the last with the runs, and a function that takes what `saved` needs
        off the devices.
      log_compiled: called once the program is compiled and trains its first epoch.

    Raises interruption.Interrupted after the epoch in which this process, or another of the group, was told
    to end, once `save` has been called.
    """
    train = prepared.resolved.config.train
    attempts = [one.attempt for one in saved] or [Attempt() for _ in runs]
    counts, epochs = group.gather(len(runs), saved[0].epoch if saved else 0).T.tolist()
    together, first_epoch = sum(counts), max(epochs) + 1
    started = time.monotonic()
    state = _start(runs, max(counts), prepared)
    if first_epoch > 1:
        state = _put_saved(prepared, state, saved)
    for epoch in range(first_epoch, train.epochs + 1):
        epoch_started = time.monotonic()
        state, columns, validation_answers = _train_epoch(prepared, state, epoch, log_compiled)
        log_compiled = _nothing
        seconds = (time.monotonic() - epoch_started) / together
        is_last = epoch == train.epochs
        full_score = {}
        answered = {"validation": validation_answers}
        if is_last or train.select_epoch == "best_validation":
            # Scores of the weights after the epoch replace the means over its steps.
            full_score = columns | score(prepared, state, "train").columns
            if score_test:
                test = score(prepared, state, "test")
                full_score |= test.columns
                answered["test"] = test.answers
        variables = None  # on the host, once they are needed
        for index, (run, attempt) in enumerate(zip(runs, attempts, strict=True)):
            if attempt.status == "diverged":
                continue
            is_kept = _note_epoch(
                attempt,
                run,
                {**_select_run(columns, index), "seconds": seconds},
                _select_run(full_score, index),
                {split: _select_answers(found, index) for split, found in answered.items() if found},
            )
            log_epoch(run, epoch, attempt.metrics[-1])
            if is_kept:
                variables = variables or _fetch(prepared, state.variables)
                attempt.network = Network(epoch, _select_network(variables, index))
        now = time.monotonic()
        for attempt in attempts:
            attempt.seconds += (now - started) / together
        started = now
        have_diverged = all(attempt.status == "diverged" for attempt in attempts)
        if is_last or group.gather(have_diverged).all():
            break
        is_stopping = group.is_stopping()
        save(runs, lambda epoch=epoch, state=state: _take(epoch, _fetch(prepared, state), attempts))
        if is_stopping:  # otherwise a signal that has just arrived waits for the next epoch, which is saved
            interruption.check()
    return attempts


@own_settings()
def _start(runs: Sequence[Run], most: int, prepared: Prepared) -> State:
    """The state of the runs before the first epoch.

    `most` is the largest number of runs of a process. All have as many rows; those without a run are computed
    for nothing.
    """
    engine = prepared.engine
    rows = [run.resolved for run in runs] + [prepared.resolved] * (most - len(runs))
    hyperparameters = engine.spread(hyperparameters_of(rows, engine.run_devices))
    return engine.init_state(prepared.program, hyperparameters)


@own_settings()
def _train_epoch(
    prepared: Prepared, state: State, epoch: int, log_compiled: Callable[[], None]
) -> tuple[State, dict[str, np.ndarray], Answers | None]:
    """The state after an epoch, means over its steps with the validation scores, and the answers to these."""
    engine, program, images = prepared.engine, prepared.program, prepared.images
    state, means = engine.train_epoch(program.in_epoch(epoch), state, images.data, epoch)
    log_compiled()  # the epoch itself goes on
    means = engine.fetch(means)
    columns = {"train_loss": means.loss, "train_accuracy": means.accuracy}
    if means.rates:
        columns |= {f"rate_{name}": rate for name, rate in means.rates._asdict().items()}
    validation = score(prepared, state, "validation")
    return state, columns | validation.columns, validation.answers


@own_settings()
def _fetch(prepared: Prepared, tree: Any) -> Any:
    return prepared.engine.fetch(tree)


def _note_epoch(
    attempt: Attempt,
    run: Run,
    metrics: Metrics,
    full_score: Metrics,
    answers: dict[str, Answers],
) -> bool:
    """Adds an epoch to what is known of a run; returns whether the network after it is kept.

    `full_score` is {} if not all splits were scored.
    """
    config = run.resolved.config
    attempt.epoch += 1
    attempt.metrics.append(metrics)
    if full_score:
        attempt.scored.append(full_score)
    is_last = attempt.epoch == config.train.epochs
    is_best = metrics.get("val_accuracy", -1.0) > attempt.best
    if is_best:
        attempt.best = metrics["val_accuracy"]
    scores = {name: value for name, value in (metrics | full_score).items() if name not in RATES}
    if not all(map(math.isfinite, scores.values())):
        attempt.status, attempt.network, attempt.answers = "diverged", None, {}
        return False
    if is_last:
        attempt.status = "done"
    if is_best if config.train.select_epoch == "best_validation" else is_last:
        attempt.answers = answers
    return (is_last and config.keep == "last") or (is_best and config.keep == "best")


def _take(epoch: int, state: State, attempts: Sequence[Attempt]) -> list[Saved]:
    """What each run needs to go on after `epoch`; `state` is on the host."""
    leaves = jax.tree.leaves(state)
    return [Saved(epoch, attempt, [leaf[index] for leaf in leaves]) for index, attempt in enumerate(attempts)]


@own_settings()
def _put_saved(prepared: Prepared, state: State, saved: Sequence[Saved]) -> State:
    """`state` with the saved runs in its first rows.

    Raises ValueError if the arrays are not those of such a state.
    """
    leaves, structure = jax.tree.flatten(prepared.engine.fetch(state))
    joined = []
    for leaf, *of_runs in zip(leaves, *(one.leaves for one in saved), strict=True):
        for row in of_runs:
            if (leaf.shape[1:], leaf.dtype) != (row.shape, row.dtype):
                raise ValueError(f"{row.shape} {row.dtype} instead of {leaf.shape[1:]} {leaf.dtype}")
        joined.append(np.stack([*of_runs, *leaf[len(of_runs) :]]))
    return prepared.engine.place(jax.tree.unflatten(structure, joined))


def _select_network(variables: dict[str, Any], index: int) -> dict[str, Any]:
    return jax.tree.map(lambda leaf: np.array(leaf[index]), variables)


def _select_answers(answers: Answers, index: int) -> Answers:
    return Answers(*(column[index] for column in answers))


def _select_run(columns: Mapping[str, np.ndarray], index: int) -> Metrics:
    return {name: float(column[index]) for name, column in columns.items()}


class SplitScore(NamedTuple):
    """How the runs do on one split.

    Attributes:
      columns: mean loss and accuracy, (R,) each, named `test_loss`, `test_accuracy`; {} if the split has no
        images. Losses are in the unit of the loss, accuracies in [0, 1].
      answers: (R, N) each; None if the split has no images.
    """

    columns: dict[str, np.ndarray]
    answers: Answers | None


@own_settings()
def score(prepared: Prepared, state: State, split: str) -> SplitScore:
    """Scores every image of a split."""
    engine, program, images = prepared.engine, prepared.program, prepared.images
    count, prefix = images.count[split], SPLITS[split]
    if not count:
        return SplitScore({}, None)
    total, answers = engine.evaluate(program, state, images.data, images.start[split], count)
    columns: dict[str, np.ndarray] = {
        f"{prefix}_loss": total.loss_sum.astype(np.float64) / count,
        f"{prefix}_accuracy": total.correct.astype(np.int64) / count,
    }
    return SplitScore(columns, answers)
