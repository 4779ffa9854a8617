"""Runs: from resolved configs to their records."""

import contextlib
import functools
import itertools
import math
import pathlib
import time
from typing import NamedTuple

import ml_collections
import numpy as np

from lenet_jax.config import fields as config_lib
from lenet_jax.config.build_program import check_fields, make_draw, make_program
from lenet_jax.data import Split, load_splits
from lenet_jax.models.counts import count_model
from lenet_jax.runs import records
from lenet_jax.runs.metrics_log import MetricsLog
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.provenance import provenance
from lenet_jax.training.engine import Engine, make_engine
from lenet_jax.training.epoch import State
from lenet_jax.training.hyperparameters import Hyperparameters, stack_hyperparameters
from lenet_jax.training.program import Program


class Images(NamedTuple):
    """All images of a dataset on the devices, and which of them each split has.

    Where runs draw theirs, the places are among those drawn.
    """

    data: Split
    start: dict[str, int]
    count: dict[str, int]


class Prepared(NamedTuple):
    """All that runs need before their first step."""

    engine: Engine
    program: Program
    images: Images


class Job(NamedTuple):
    """One run to do: an arm's name, the resolved config, and the folder for the records."""

    arm: str
    config: ml_collections.ConfigDict
    directory: pathlib.Path

    @property
    def name(self) -> str:
        return f"{self.arm} seed {self.config.seed}"


def check(config: ml_collections.ConfigDict) -> None:
    """Raises UserError for what cannot be run, as far as it can be told without the data."""
    make_engine(config.parallel)
    check_fields(config)


def prepare(config: ml_collections.ConfigDict, runs: int = 1) -> Prepared:
    """Loads the data and builds the program for so many runs. Raises UserError for what cannot be run."""
    check(config)
    engine = make_engine(config.parallel, runs)
    images = _images_on_devices(config.dataset, ml_collections.FrozenConfigDict(config.data), engine)
    draw = make_draw(config, images.count["train"], images.count["test"])
    if draw:
        images = _split(images.data, {name: getattr(draw, name) for name in images.count})
    program = make_program(config, images.count["train"], engine.batch_devices, draw)
    return Prepared(engine, program, images)


@functools.lru_cache(maxsize=4)  # a sweep reads two presentations, on the devices of one run and of many
def _images_on_devices(dataset: str, data, engine: Engine) -> Images:
    splits = load_splits(dataset, data)  # train first, as the program expects
    together = Split(*(np.concatenate(arrays) for arrays in zip(*splits, strict=True)))
    return _split(engine.put(together), {name: len(split.labels) for name, split in splits._asdict().items()})


def _split(data: Split, count: dict[str, int]) -> Images:
    start = dict(zip(count, itertools.accumulate(count.values(), initial=0), strict=False))
    return Images(data, start, count)


def train_and_record(jobs: list[Job], prepared: Prepared, progress: Progress) -> list[dict]:
    """Trains runs of one program together, and scores and records each; returns the records' results.

    The test set is scored once, after the last epoch. Where `config.train.select_epoch` is
    "validation", every epoch is scored, the one with the best validation accuracy counts (the first of
    several), and two more test accuracies are told beside it: that of the last epoch, and the best of
    all epochs, which is chosen on the test set as some papers did. A run whose training or validation
    loss is no longer finite ends there as `diverged`, with no accuracies.

    Files in each job's directory: `metrics.jsonl`, a line an epoch as it comes, and `record.json` at
    the end. Losses are in their own unit, accuracies fractions in [0, 1], None where a run diverged or
    there is no validation split. Seconds are the population's, divided by its runs.
    """
    ran_on = {**provenance(), "devices": prepared.engine.batch_devices, "trained_together": len(jobs)}
    started = time.monotonic()
    ends = _train(jobs, prepared, progress)
    wall_seconds = round((time.monotonic() - started) / len(jobs), 3)

    counts = count_model(prepared.program.model, prepared.program.image_size)
    results = []
    for job, end in zip(jobs, ends, strict=True):
        result = {
            "arm": job.arm,
            "dataset": job.config.dataset,
            "seed": job.config.seed,
            "status": end.status,
            "parameters": counts.parameters,
            "connections": counts.connections,
            "wired_connections": counts.wired.connections,
            "macs": counts.macs,
            "epochs": end.epoch,
            **_accuracies(end, job.config.train.select_epoch),
            "wall_seconds": wall_seconds,
        }
        content = {
            "result": result,
            "images": prepared.images.count,
            "config": config_lib.to_record(job.config),
            "provenance": ran_on,
        }
        records.write_record(job.directory / records.RECORD, content)
        progress.run_done(job.name, describe(result), job.config.train.epochs - end.epoch)
        results.append(result)
    return results


class Outcome(NamedTuple):
    """How a run's training ended: `done` or `diverged`, after which epoch, scored how.

    Attributes:
      scored: the epochs that were scored on all splits, with their losses and accuracies.
    """

    status: str
    epoch: int
    scored: list[dict]


def _accuracies(end: Outcome, select_epoch: str) -> dict:
    """The accuracies and losses of a result, of the epoch that counts; None where a run diverged."""
    by_validation = select_epoch == "best_validation"
    counted = last = {}
    test_selected = None
    if end.status == "done":
        last = end.scored[-1]
        counted = max(end.scored, key=lambda epoch: epoch["val_accuracy"]) if by_validation else last
        test_selected = max(epoch["test_accuracy"] for epoch in end.scored)
    accuracies = {
        "train_accuracy": counted.get("train_accuracy"),
        "val_accuracy": counted.get("val_accuracy"),
        "test_accuracy": counted.get("test_accuracy"),
        "test_error_percent": 100 - 100 * counted["test_accuracy"] if counted else None,
        "train_loss": counted.get("train_loss"),
        "test_loss": counted.get("test_loss"),
    }
    if by_validation:
        accuracies |= {
            "test_selected_accuracy": test_selected,
            "last_accuracy": last.get("test_accuracy"),
            "last_train_accuracy": last.get("train_accuracy"),
        }
    return accuracies


def _train(jobs: list[Job], prepared: Prepared, progress: Progress) -> list[Outcome]:
    """Each job's end; a line of metrics an epoch goes to each job's log."""
    engine, program, images = prepared
    train = jobs[0].config.train
    hyperparameters = hyperparameters_of([job.config for job in jobs], engine.run_devices)
    state = engine.init_state(program, hyperparameters)
    ends: list[Outcome | None] = [None] * len(jobs)
    scored: list[list[dict]] = [[] for _ in jobs]
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(MetricsLog(job.directory, job.config.tensorboard)) for job in jobs]
        for epoch in range(1, train.epochs + 1):
            started = time.monotonic()
            state, means = engine.train_epoch(program, state, images.data, epoch)
            columns = {"train_loss": np.asarray(means.loss), "train_accuracy": np.asarray(means.accuracy)}
            columns |= score(prepared, state, "validation", "val")
            seconds = (time.monotonic() - started) / len(jobs)
            full_score = {}
            if epoch == train.epochs or train.select_epoch == "best_validation":
                # Of the weights at its end; the means on the way go.
                full_score = columns | score(prepared, state, "train") | score(prepared, state, "test")
            for index, (job, log) in enumerate(zip(jobs, logs, strict=True)):
                if ends[index]:  # diverged before
                    continue
                metrics, its_score = _select_run(columns, index), _select_run(full_score, index)
                log.write(epoch, {**metrics, "seconds": seconds})
                progress.epoch(job.name, epoch, train.epochs, metrics)
                if its_score:
                    scored[index].append(its_score)
                losses = [its for name, its in (metrics | its_score).items() if name.endswith("loss")]
                finite = all(map(math.isfinite, losses))
                if not finite or epoch == train.epochs:
                    ends[index] = Outcome("done" if finite else "diverged", epoch, scored[index])
            if all(ends):
                break
    return ends


def _select_run(columns: dict[str, np.ndarray], index: int) -> dict[str, float]:
    return {name: float(column[index]) for name, column in columns.items()}


def hyperparameters_of(configs: list[ml_collections.ConfigDict], devices: int) -> Hyperparameters:
    """The runs' hyperparameters, (R,) each; the last run is repeated until R is a multiple of `devices`."""
    flat = [config_lib.flatten(config) for config in configs]
    flat += [flat[-1]] * (-len(flat) % devices)
    return stack_hyperparameters(
        [{name: fields[field] for name, field in config_lib.ARGUMENTS.items()} for fields in flat]
    )


def score(prepared: Prepared, state: State, split: str, name: str = "") -> dict[str, np.ndarray]:
    """Mean loss and accuracy over every image of a split, (R,) each, as `{name}_loss`, `{name}_accuracy`.

    Losses are in their own unit, accuracies in [0, 1]. {} where the split has no images.
    """
    engine, program, images = prepared
    count, name = images.count[split], name or split
    if not count:
        return {}
    total = engine.evaluate(program, state, images.data, images.start[split], count)
    return {
        f"{name}_loss": np.asarray(total.loss_sum, np.float64) / count,
        f"{name}_accuracy": np.asarray(total.correct, np.int64) / count,
    }


def describe(result: dict) -> str:
    """One line: how a run ended."""
    if result["status"] == "diverged":
        return f"diverged in epoch {result['epochs']}"
    return (
        f"test accuracy {result['test_accuracy']:.4f}, train {result['train_accuracy']:.4f}, "
        f"{result['wall_seconds']:.1f} s"
    )
