"""The one place where a config is checked, and everything that is derived from it."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import ml_collections
from flax import linen as nn

from lenet_jax.config.build_model import build_model
from lenet_jax.config.build_program import make_program
from lenet_jax.config.checks import check_constraints, check_fields, check_types, has_validation
from lenet_jax.config.fields import FIELDS, SWEEP_FIELDS
from lenet_jax.config.identity import to_record
from lenet_jax.data import DatasetInfo, dataset_info
from lenet_jax.models.counts import ModelCounts, count_model
from lenet_jax.models.networks import CNN, MLP, computed_by_kernel
from lenet_jax.native.form import NATIVE, PRODUCTS
from lenet_jax.training.jax_settings import own_settings
from lenet_jax.training.program import Program

# Hyperparameters of optional terms: with 0, a program is compiled without the term.
OPTIONAL_TERMS = ("model.dropout", "distortion.probability", "train.l1_penalty")
# With data.image_size=0, the least side of the images that a network reads: LeNet-5's, and that of the MLPs.
LEAST_SIDE = {"cnn": 32, "mlp": 28}


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A config that has been checked, with what follows from it.

    Attributes:
      shared: the fields of one run, which repetitions share except for the seed.
      seed: that of this repetition.
      dataset: what the config's dataset is.
      model: the Flax module that `config.model` describes.
    """

    shared: ml_collections.FrozenConfigDict
    seed: int
    dataset: DatasetInfo
    model: CNN | MLP

    @functools.cached_property  # when it is read, as a sweep may list thousands of repetitions
    def config(self) -> ml_collections.FrozenConfigDict:
        """The fields of this run."""
        if self.seed == self.shared.seed:
            return self.shared
        config = self.shared.as_configdict()
        config.seed = self.seed
        return ml_collections.FrozenConfigDict(config)

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return self.shared.train.epochs

    @functools.cached_property
    def fields(self) -> dict[str, Any]:
        """The config as it is recorded: flattened, without folders on this machine.

        The dataset is recorded by its identity.
        """
        return to_record(self.config) | {"dataset": self.dataset.identity}

    @property
    @own_settings()
    def counts(self) -> ModelCounts:
        """Parameters, connections and multiply-accumulates of the network, layer by layer."""
        size, channels = self.config.data.image_size, self.dataset.channels
        return _count(self.model, size, channels)  # ty: ignore[invalid-argument-type] hashable

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The numbers that compiled programs take as arguments, by their names in `Hyperparameters`."""
        fields = self.fields
        return {field.hyperparameter: fields[name] for name, field in FIELDS.items() if field.hyperparameter}

    @functools.cached_property
    def compiled_fields(self) -> dict[str, Any]:
        """The fields that runs trained together must share: all but their hyperparameters."""
        fields = self.fields
        optional = {name: bool(fields[name]) for name in OPTIONAL_TERMS}
        return {name: value for name, value in fields.items() if not FIELDS[name].hyperparameter} | optional

    @property
    def has_validation(self) -> bool:
        """Whether runs hold out images for validation."""
        return has_validation(self.config)

    def make_program(
        self, images: Mapping[str, int], batch_devices: int = 1, form: str = PRODUCTS
    ) -> Program:
        """The program for a dataset with these numbers of `train`, `validation` and `test` images.

        Args:
          batch_devices: devices that share a batch.
          form: what computes, see `lenet_jax.native.form`.

        Raises UserError if there are too few, or a batch can't be split over `batch_devices`.
        """
        model, channels = self.model_in(form), self.dataset.channels
        return make_program(self.config, model, images, batch_devices, channels, form == NATIVE)

    def model_in(self, form: str) -> CNN | MLP:
        """`model` as `form` computes it."""
        return computed_by_kernel(self.model, form == NATIVE)

    def with_seed(self, seed: int) -> "Resolved":
        """The same for another repetition, which differs only in its seed."""
        return dataclasses.replace(self, seed=seed)


@own_settings()
def resolve(config: ml_collections.ConfigDict, dataset: DatasetInfo | None = None) -> Resolved:
    """Checks a config, as far as that can be done without its images.

    The fields that select the runs of a sweep are checked and left out; `data.image_size=0` is replaced by
    the side that it stands for.

    Args:
      dataset: what is known of the config's dataset; None to look it up, which reads a user's own images.

    Raises UserError, in one sentence that names the field and says what is allowed.
    """
    check_types(config)
    frozen = ml_collections.FrozenConfigDict(config)
    _check_fields(frozen)
    return _resolve(frozen, dataset or dataset_info(config.dataset))


@functools.lru_cache(maxsize=1024)  # a config file and its sweep resolve some configs both
def _check_fields(config: ml_collections.FrozenConfigDict) -> None:
    check_fields(config)


@functools.lru_cache(maxsize=1024)
def _resolve(config: ml_collections.FrozenConfigDict, dataset: DatasetInfo) -> Resolved:
    run = ml_collections.ConfigDict({
        name: value for name, value in config.items() if name not in SWEEP_FIELDS
    })  # fmt: skip
    run.data.image_size = run.data.image_size or max(LEAST_SIDE[run.model.name], dataset.side)
    check_constraints(run)
    return Resolved(
        ml_collections.FrozenConfigDict(run),
        run.seed,
        dataset,
        build_model(run.model, run.data.image_size, dataset),
    )


@functools.lru_cache(maxsize=256)
def _count(model: nn.Module, image_size: int, channels: int) -> ModelCounts:
    return count_model(model, image_size, channels)
