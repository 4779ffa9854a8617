"""One run: from a resolved config to its record."""

import functools
import math
import pathlib
import time
from typing import NamedTuple

import ml_collections

from lenet_jax import config as config_lib
from lenet_jax import records
from lenet_jax.data import Split, Splits, load_splits
from lenet_jax.engine import Engine, make_engine
from lenet_jax.metrics_log import MetricsLog
from lenet_jax.program import Program, make_program
from lenet_jax.progress import Progress
from lenet_jax.provenance import provenance
from lenet_jax.summary import count_model
from lenet_jax.training import init_state

ACCURACIES = ("train_accuracy", "val_accuracy", "test_accuracy", "test_error_percent")


class Prepared(NamedTuple):
    """All that a run needs before its first step."""

    engine: Engine
    program: Program
    splits: Splits  # on the devices
    images: dict[str, int]  # how many each split has


def prepare(config: ml_collections.ConfigDict) -> Prepared:
    """Loads the data and builds the program. Raises UserError for what cannot be run."""
    engine = make_engine(config.parallel)
    data = ml_collections.FrozenConfigDict(config.data)
    splits, images = _splits_on_devices(config.dataset, data, config.parallel)
    program = make_program(config, images["train"], engine.devices)
    return Prepared(engine, program, splits, images)


@functools.lru_cache(maxsize=2)  # a sweep reads two presentations: for LeNet-5 and for the MLPs
def _splits_on_devices(dataset: str, data, parallel: str) -> tuple[Splits, dict[str, int]]:
    splits = load_splits(dataset, data)
    images = {name: len(split.labels) for name, split in splits._asdict().items()}
    return make_engine(parallel).put(splits), images


def train_and_record(
    config: ml_collections.ConfigDict, directory: pathlib.Path, progress: Progress, arm: str
) -> dict:
    """Trains, scores and records one run in `directory`; returns the record's result.

    The test set is scored once, after the last epoch; no epoch is chosen. A run whose training or
    validation loss is no longer finite ends there as `diverged`, with no accuracies.

    Files: `metrics.jsonl`, a line an epoch as it comes, and `record.json` at the end. Losses are in
    nats, accuracies fractions in [0, 1], None where a run diverged.
    """
    engine, program, splits, images = prepare(config)
    train, name = config.train, f"{arm} seed {config.seed}"
    started = time.monotonic()

    def score(split: Split, count: int) -> tuple[float, float]:
        loss_sum, correct = engine.get(engine.evaluate(program, state, split))
        return float(loss_sum) / count, int(correct) / count

    state = engine.put(
        init_state(program, config.seed, train.learning_rate, train.momentum, train.weight_decay)
    )
    with MetricsLog(directory, config.tensorboard) as log:
        for epoch in range(1, train.epochs + 1):
            epoch_started = time.monotonic()
            state, means = engine.train_epoch(program, state, splits.train, config.seed, epoch)
            train_loss, train_accuracy = (float(mean) for mean in engine.get(means))
            val_loss, val_accuracy = score(splits.validation, images["validation"])
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

    accuracies = dict.fromkeys(ACCURACIES)
    if done:
        for field, split, count in zip(ACCURACIES, splits, images.values(), strict=False):
            accuracies[field] = score(split, count)[1]
        accuracies["test_error_percent"] = 100 * (1 - accuracies["test_accuracy"])
    counts = count_model(program.model, program.image_size)
    result = {
        "arm": arm,
        "dataset": config.dataset,
        "seed": config.seed,
        "status": "done" if done else "diverged",
        "parameters": counts.parameters,
        "connections": counts.connections,
        "wired_connections": counts.wired_connections,
        "macs": counts.macs,
        "epochs": epoch,
        **accuracies,
        "wall_seconds": round(time.monotonic() - started, 3),
    }
    content = {
        "result": result,
        "images": images,
        "config": config_lib.flatten(config),
        "provenance": provenance(),
    }
    records.write_record(directory / records.RECORD, content)
    progress.run_done(name, describe(result), train.epochs - epoch)
    return result


def describe(result: dict) -> str:
    """One line: how a run ended."""
    if result["status"] == "diverged":
        return f"diverged in epoch {result['epochs']}"
    return (
        f"test accuracy {result['test_accuracy']:.4f}, train {result['train_accuracy']:.4f}, "
        f"{result['wall_seconds']:.1f} s"
    )
