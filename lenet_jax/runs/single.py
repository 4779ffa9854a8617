"""A single run, in memory or recorded in a folder like a sweep of one."""

import copy
import os
import pathlib
from collections.abc import Sequence

import ml_collections

from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.identity import flatten, identifies
from lenet_jax.config.listing import as_arguments
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.runs import interruption
from lenet_jax.runs.loaded import load_sweep
from lenet_jax.runs.population import Metrics, Network, train_runs
from lenet_jax.runs.result import result_of
from lenet_jax.runs.run import Run, prepare
from lenet_jax.runs.sweep import Callback, run_sweep
from lenet_jax.runs.trained import TrainedRun
from lenet_jax.training.epoch import Answers


def train(
    config: ml_collections.ConfigDict,
    callback: Callback | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> TrainedRun:
    """Trains one run.

    Args:
      config: as `lenet_jax.default_config` returns it, with any field replaced by `lenet_jax.override`.
      callback: called after each epoch with its metrics: "epoch", "train_loss", "train_accuracy", "seconds",
        and with a validation split "val_loss" and "val_accuracy"; losses in the unit of the loss, accuracies
        in [0, 1].
      folder: where the run is recorded, as by `experiments.train`; one that is recorded there already is
        opened instead, without calling `callback`. None to write nothing; then config.keep="none" acts as
        "last".

    Raises UserError for a config that cannot be run, and for a folder of another run.
    """
    if folder is None:
        return _train_in_memory(config, callback)
    train_in_folder(config, command_of(config), pathlib.Path(folder), callback=callback)
    return next(iter(load_sweep(folder)))


def _train_in_memory(config: ml_collections.ConfigDict, callback: Callback | None) -> TrainedRun:
    if config.get("keep") == "none":
        config = override(config, {"keep": "last"})
    resolved = resolve(config)
    run = Run(resolved.config.model.name, resolved)
    epochs: list[Metrics] = []

    def log_epoch(_: Run, epoch: int, metrics: Metrics) -> None:
        epochs.append({"epoch": epoch, **metrics})
        if callback:
            callback(dict(epochs[-1]))

    with interruption.deferred():
        [trained] = train_runs([run], prepare(resolved), log_epoch)
        interruption.check()  # of a signal in the last epoch

    def network() -> Network:
        require_finite()
        assert trained.network
        return trained.network

    def answers() -> dict[str, Answers]:
        require_finite()
        return trained.answers

    def require_finite() -> None:
        if trained.status == "diverged":
            raise UserError(
                f"{run.name} diverged in epoch {trained.epoch}: it has no network and no answers."
            )

    return TrainedRun(
        run.arm, resolved, result_of(run, trained), network, answers, lambda: epochs, form.current()
    )


def train_in_folder(
    config: ml_collections.ConfigDict,
    command: Sequence[str],
    directory: pathlib.Path,
    *,
    rerun: bool = False,
    callback: Callback | None = None,
) -> bool:
    """Trains one run and records it in `directory`; returns whether it was not recorded there already.

    Args:
      command: the words of the command that gives this run, without the folder.
      rerun, callback: as in `run_sweep`, whose errors are raised.
    """
    sweep = copy.deepcopy(config)
    with sweep.unlocked():
        sweep.seeds, sweep.arms = 1, ""
    arms = [Arm(config.model.name, {})]
    return run_sweep(sweep, arms, command, directory, kind="run", rerun=rerun, callback=callback)


def command_of(config: ml_collections.ConfigDict) -> list[str]:
    """The words of the command that gives a run of this config."""
    default = flatten(default_config())
    changed = {
        field: value
        for field, value in flatten(config).items()
        if identifies(field) and value != default.get(field)
    }
    return ["python", "-m", "experiments.train", *as_arguments(changed)]
