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

from lenet_jax import config as config_lib
from lenet_jax import records
from lenet_jax.counts import count_model
from lenet_jax.data import Split, load_splits
from lenet_jax.engine import Engine, make_engine
from lenet_jax.metrics_log import MetricsLog
from lenet_jax.program import Program, check_fields, make_program
from lenet_jax.progress import Progress
from lenet_jax.provenance import provenance
from lenet_jax.training import NUMBER_TYPES, Numbers, State

METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")  # of each epoch


class Images(NamedTuple):
    """All images of a dataset on the devices, and which of them each split has."""

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
    return Prepared(engine, make_program(config, images.count["train"], engine.batch_devices), images)


@functools.lru_cache(maxsize=4)  # a sweep reads two presentations, on the devices of one run and of many
def _images_on_devices(dataset: str, data, engine: Engine) -> Images:
    splits = load_splits(dataset, data)  # train first, as the program expects
    together = Split(*(np.concatenate(arrays) for arrays in zip(*splits, strict=True)))
    count = {name: len(split.labels) for name, split in splits._asdict().items()}
    start = dict(zip(count, itertools.accumulate(count.values(), initial=0), strict=False))
    return Images(engine.put(together), start, count)


def train_and_record(jobs: list[Job], prepared: Prepared, progress: Progress) -> list[dict]:
    """Trains runs of one program together, and scores and records each; returns the records' results.

    The test set is scored once, after the last epoch; no epoch is chosen. A run whose training or
    validation loss is no longer finite ends there as `diverged`, with no accuracies.

    Files in each job's directory: `metrics.jsonl`, a line an epoch as it comes, and `record.json` at
    the end. Losses are in nats, accuracies fractions in [0, 1], None where a run diverged. Seconds are
    the population's, divided by its runs.
    """
    ran_on = {**provenance(), "devices": prepared.engine.batch_devices, "trained_together": len(jobs)}
    started = time.monotonic()
    state, ended = _train(jobs, prepared, progress)
    _, train_accuracies = score(prepared, state, "train")
    _, test_accuracies = score(prepared, state, "test")
    wall_seconds = round((time.monotonic() - started) / len(jobs), 3)

    counts = count_model(prepared.program.model, prepared.program.image_size)
    results = []
    for job, end, *accuracies in zip(jobs, ended, train_accuracies, test_accuracies, strict=False):
        done = end.status == "done"
        train_accuracy, test_accuracy = (float(it) if done else None for it in accuracies)
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
            "train_accuracy": train_accuracy,
            "val_accuracy": end.val_accuracy if done else None,
            "test_accuracy": test_accuracy,
            "test_error_percent": 100 - 100 * test_accuracy if done else None,
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


class End(NamedTuple):
    """How a run's training ended: `done` or `diverged`, after which epoch, with which accuracy."""

    status: str
    epoch: int
    val_accuracy: float


def _train(jobs: list[Job], prepared: Prepared, progress: Progress) -> tuple[State, list[End]]:
    """The population's last state, and each job's end; a line of metrics an epoch goes to each job's log."""
    engine, program, images = prepared
    epochs = jobs[0].config.train.epochs
    numbers = numbers_of([job.config for job in jobs], engine.run_devices)
    state = engine.init_state(program, numbers)
    ends: list[End | None] = [None] * len(jobs)
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(MetricsLog(job.directory, job.config.tensorboard)) for job in jobs]
        for epoch in range(1, epochs + 1):
            started = time.monotonic()
            state, means = engine.train_epoch(program, state, images.data, numbers.seed, epoch)
            columns = [*map(np.asarray, means), *score(prepared, state, "validation")]
            seconds = (time.monotonic() - started) / len(jobs)
            for index, (job, log) in enumerate(zip(jobs, logs, strict=True)):
                if ends[index]:  # diverged before
                    continue
                metrics = {name: float(column[index]) for name, column in zip(METRICS, columns, strict=True)}
                log.write(epoch, {**metrics, "seconds": seconds})
                progress.epoch(job.name, epoch, epochs, metrics)
                finite = math.isfinite(metrics["train_loss"]) and math.isfinite(metrics["val_loss"])
                if not finite or epoch == epochs:
                    ends[index] = End("done" if finite else "diverged", epoch, metrics["val_accuracy"])
            if all(ends):
                break
    return state, ends


def numbers_of(configs: list[ml_collections.ConfigDict], devices: int) -> Numbers:
    """What the runs differ in, (R,) each; the last run again, until each device has as many."""
    flat = [config_lib.flatten(config) for config in configs]
    flat += [flat[-1]] * (-len(flat) % devices)
    columns = [[fields[name] for fields in flat] for name in config_lib.ARGUMENTS]
    return Numbers(*(np.array(column, kind) for column, kind in zip(columns, NUMBER_TYPES, strict=True)))


def score(prepared: Prepared, state: State, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean cross-entropies in nats and accuracies in [0, 1] over every image of a split, (R,) each."""
    engine, program, images = prepared
    count = images.count[split]
    total = engine.evaluate(program, state, images.data, images.start[split], count)
    return np.asarray(total.loss_sum, np.float64) / count, np.asarray(total.correct, np.int64) / count


def describe(result: dict) -> str:
    """One line: how a run ended."""
    if result["status"] == "diverged":
        return f"diverged in epoch {result['epochs']}"
    return (
        f"test accuracy {result['test_accuracy']:.4f}, train {result['train_accuracy']:.4f}, "
        f"{result['wall_seconds']:.1f} s"
    )
