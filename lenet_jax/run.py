"""One run: from a resolved config to its record."""

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
from lenet_jax.training import State


class Images(NamedTuple):
    """All images of a dataset on the devices, and which of them each split has."""

    data: Split
    start: dict[str, int]
    count: dict[str, int]


class Prepared(NamedTuple):
    """All that a run needs before its first step."""

    engine: Engine
    program: Program
    images: Images


def check(config: ml_collections.ConfigDict) -> None:
    """Raises UserError for what cannot be run, as far as it can be told without the data."""
    make_engine(config.parallel)
    check_fields(config)


def prepare(config: ml_collections.ConfigDict) -> Prepared:
    """Loads the data and builds the program. Raises UserError for what cannot be run."""
    check(config)
    engine = make_engine(config.parallel)
    images = _images_on_devices(config.dataset, ml_collections.FrozenConfigDict(config.data), config.parallel)
    return Prepared(engine, make_program(config, images.count["train"], engine.devices), images)


@functools.lru_cache(maxsize=2)  # a sweep reads two presentations: for LeNet-5 and for the MLPs
def _images_on_devices(dataset: str, data, parallel: str) -> Images:
    splits = load_splits(dataset, data)  # train first, as the program expects
    together = Split(*(np.concatenate(arrays) for arrays in zip(*splits, strict=True)))
    count = {name: len(split.labels) for name, split in splits._asdict().items()}
    start = dict(zip(count, itertools.accumulate(count.values(), initial=0), strict=False))
    return Images(make_engine(parallel).put(together), start, count)


def train_and_record(
    config: ml_collections.ConfigDict,
    prepared: Prepared,
    directory: pathlib.Path,
    progress: Progress,
    arm: str,
) -> dict:
    """Trains, scores and records one run in `directory`; returns the record's result.

    The test set is scored once, after the last epoch; no epoch is chosen. A run whose training or
    validation loss is no longer finite ends there as `diverged`, with no accuracies.

    Files: `metrics.jsonl`, a line an epoch as it comes, and `record.json` at the end. Losses are in
    nats, accuracies fractions in [0, 1], None where a run diverged.
    """
    engine, program, images = prepared
    ran_on = {**provenance(), "devices": engine.devices}
    train, name = config.train, f"{arm} seed {config.seed}"
    started = time.monotonic()

    state = engine.init_state(program, config.seed, train.learning_rate, train.momentum, train.weight_decay)
    with MetricsLog(directory, config.tensorboard) as log:
        for epoch in range(1, train.epochs + 1):
            epoch_started = time.monotonic()
            state, means = engine.train_epoch(program, state, images.data, config.seed, epoch)
            train_loss, train_accuracy = (float(mean) for mean in engine.get(means))
            val_loss, val_accuracy = score(prepared, state, "validation")
            metrics = {
                "train_loss": train_loss,
                "train_accuracy": train_accuracy,
                "val_loss": val_loss,
                "val_accuracy": val_accuracy,
            }
            log.write(epoch, {**metrics, "seconds": time.monotonic() - epoch_started})
            progress.epoch(name, epoch, train.epochs, metrics)
            done = math.isfinite(train_loss) and math.isfinite(val_loss)
            if not done:
                break

    counts = count_model(program.model, program.image_size)
    test_accuracy = score(prepared, state, "test")[1] if done else None
    result = {
        "arm": arm,
        "dataset": config.dataset,
        "seed": config.seed,
        "status": "done" if done else "diverged",
        "parameters": counts.parameters,
        "connections": counts.connections,
        "wired_connections": counts.wired.connections,
        "macs": counts.macs,
        "epochs": epoch,
        "train_accuracy": score(prepared, state, "train")[1] if done else None,
        "val_accuracy": val_accuracy if done else None,
        "test_accuracy": test_accuracy,
        "test_error_percent": 100 - 100 * test_accuracy if done else None,
        "wall_seconds": round(time.monotonic() - started, 3),
    }
    content = {
        "result": result,
        "images": images.count,
        "config": config_lib.to_record(config),
        "provenance": ran_on,
    }
    records.write_record(directory / records.RECORD, content)
    progress.run_done(name, describe(result), train.epochs - epoch)
    return result


def score(prepared: Prepared, state: State, split: str) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy in [0, 1] over every image of a split, by its name."""
    engine, program, images = prepared
    count = images.count[split]
    total = engine.get(engine.evaluate(program, state, images.data, images.start[split], count))
    return float(total.loss_sum) / count, int(total.correct) / count


def describe(result: dict) -> str:
    """One line: how a run ended."""
    if result["status"] == "diverged":
        return f"diverged in epoch {result['epochs']}"
    return (
        f"test accuracy {result['test_accuracy']:.4f}, train {result['train_accuracy']:.4f}, "
        f"{result['wall_seconds']:.1f} s"
    )
