"""The one place where a config is checked, and everything that is derived from it."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import ml_collections
from flax import linen as nn

from lenet_jax.config.build_model import build_model
from lenet_jax.config.build_program import make_program
from lenet_jax.config.checks import check_fields, has_validation
from lenet_jax.config.fields import FIELDS, SWEEP_FIELDS
from lenet_jax.config.identity import to_record
from lenet_jax.models.counts import ModelCounts, count_model
from lenet_jax.training.program import Program

# Hyperparameters of optional terms: with 0, a program is compiled without the term.
OPTIONAL_TERMS = ("model.dropout", "distortion.probability")


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A config that has been checked, with what follows from it.

    Attributes:
      config: the fields of one run.
      model: the Flax module that `config.model` describes.
    """

    config: ml_collections.FrozenConfigDict
    model: nn.Module

    @functools.cached_property
    def fields(self) -> dict[str, Any]:
        """The config as it is recorded: flattened, without folders on this machine."""
        return to_record(self.config)

    @property
    def counts(self) -> ModelCounts:
        """Parameters, connections and multiply-accumulates of the network, layer by layer."""
        return _count(self.model, self.config.data.image_size)  # ty: ignore[invalid-argument-type] hashable

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

    def make_program(self, images: Mapping[str, int], batch_devices: int = 1) -> Program:
        """The program for a dataset with these numbers of `train`, `validation` and `test` images.

        Raises UserError if there are too few, or a batch can't be split over `batch_devices`.
        """
        return make_program(self.config, self.model, images, batch_devices)

    def with_seed(self, seed: int) -> "Resolved":
        """The same for another repetition, which differs only in its seed."""
        config = self.config.as_configdict()
        config.seed = seed
        return dataclasses.replace(self, config=ml_collections.FrozenConfigDict(config))


def resolve(config: ml_collections.ConfigDict) -> Resolved:
    """Checks a config, as far as that can be done without its data.

    The fields that select the runs of a sweep are checked and left out.

    Raises UserError, in one sentence that names the field and says what is allowed.
    """
    return _resolve(ml_collections.FrozenConfigDict(config))


@functools.lru_cache(maxsize=1024)  # a config file and its sweep resolve some configs both
def _resolve(config: ml_collections.FrozenConfigDict) -> Resolved:
    check_fields(config)
    run = ml_collections.ConfigDict({
        name: value for name, value in config.items() if name not in SWEEP_FIELDS
    })  # fmt: skip
    return Resolved(ml_collections.FrozenConfigDict(run), build_model(config.model, config.data.image_size))


@functools.lru_cache(maxsize=256)
def _count(model: nn.Module, image_size: int) -> ModelCounts:
    return count_model(model, image_size)
