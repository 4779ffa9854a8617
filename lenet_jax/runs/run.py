"""Runs, and what they need before their first step."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import ml_collections
import numpy as np

from lenet_jax.config.resolve import Resolved
from lenet_jax.data import DatasetInfo, Split, dataset_info, load_splits, split_counts
from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.runs import group
from lenet_jax.training import memory
from lenet_jax.training.engine import Engine, make_engine
from lenet_jax.training.hyperparameters import Hyperparameters, stack_hyperparameters
from lenet_jax.training.jax_settings import own_settings
from lenet_jax.training.program import Program


class Run(NamedTuple):
    """One repetition of one arm."""

    arm: str
    resolved: Resolved

    @property
    def key(self) -> tuple[str, int]:
        return self.arm, self.seed

    @property
    def seed(self) -> int:
        return self.resolved.seed

    @property
    def epochs(self) -> int:
        return self.resolved.epochs

    @property
    def epoch_macs(self) -> int:
        """Multiply-accumulates of a forward pass of an epoch's training images."""
        data = self.resolved.config.data
        images = data.draw[0] if data.draw else split_counts(self.resolved.dataset, data)["train"]
        return images * self.resolved.counts.macs

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
    """Everything that runs of one program need before their first step.

    Attributes:
      resolved: one of the runs.
      bytes_needed: an estimate of one run's memory.
    """

    resolved: Resolved
    engine: Engine
    program: Program
    images: Images
    bytes_needed: int

    def capacity(self, runs: int) -> int:
        """How many of these runs one call trains in each process; all processes must ask together.

        Their devices may differ in memory. The least counts, so that all compile the same programs.
        """
        limit = float(group.gather(self.engine.memory_limit(), dtype=np.float32).min())
        program = self.program.in_epoch(1)  # constrained epochs come first and need the most memory
        return self.engine.capacity(program, len(self.images.data.labels), runs, limit)


@own_settings()
def prepare(resolved: Resolved, runs: int = 1) -> Prepared:
    """Loads the data and makes the program for `runs` runs, on all processes together.

    Raises UserError for what cannot be run.
    """
    config = resolved.config
    engine = make_engine(config.parallel, runs)
    counts = split_counts(resolved.dataset, config.data)
    program = resolved.make_program(counts, engine.batch_devices, form.current())
    bytes_needed = memory.bytes_needed(program, resolved.counts, sum(counts.values()))
    _check_memory(resolved, bytes_needed, sum(counts.values()))
    check_dataset(resolved)
    images = _images_on_devices(config.dataset, resolved.dataset, config.data, engine)
    if program.draw:
        images = _split(images.data, {name: getattr(program.draw, name) for name in images.count})
    return Prepared(resolved, engine, program, images, bytes_needed)


def _check_memory(resolved: Resolved, needed: int, images: int) -> None:
    """Raises UserError if a run is estimated to need more bytes than there are; nothing is allocated."""
    limit = memory.memory_limit()
    if needed > limit:
        side, model = resolved.config.data.image_size, resolved.config.model
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


def forget_images() -> None:
    """Frees the images that `prepare` has put on the devices."""
    _images_on_devices.cache_clear()


def _split(data: Split, count: Mapping[str, int]) -> Images:
    start = dict(zip(count, itertools.accumulate(count.values(), initial=0), strict=False))
    return Images(data, start, count)


def hyperparameters_of(resolved: Sequence[Resolved], devices: int) -> Hyperparameters:
    """The runs' hyperparameters, (R,) each; the last run is repeated until R is a multiple of `devices`."""
    rows = [run.hyperparameters for run in resolved]
    return stack_hyperparameters(rows + [rows[-1]] * (-len(rows) % devices))
