"""The variants of a study: as it is run, and with _small at its name, 200 images and one epoch."""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import ml_collections

from configs.finding.common import sweep
from configs.finding.sharing_studies import ADOPTED
from configs.finding.tuned import chosen
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import override
from lenet_jax.errors import UserError

SMALL = "_small"
# Fields that the small variants do without.
OF_ALL_IMAGES = ("train.epochs", "train.constrained_epochs", "train.batch_size", "data.train_images")

Studies = Mapping[str, Callable[[], list[Arm]]]


class Variant(NamedTuple):
    """A study, and whether it is its small variant."""

    study: str
    is_small: bool

    def config(
        self, seeds: int, of_subsets: Collection[str] = (), dataset: str = "mnist"
    ) -> ml_collections.ConfigDict:
        """The study's sweep.

        Args:
          of_subsets: studies of small subsets of the training images, which take thousands of epochs. They do
            without validation images, which would be scored after each of them.
        """
        config = sweep("small" if self.is_small else dataset, seeds)
        if self.study in of_subsets:
            config = override(config, {"data.validation_fraction": 0.0})
        return config

    def arms(self, studies: Studies) -> list[Arm]:
        """The study's arms with what was selected; the small variant, with their first candidates."""
        return [
            dataclasses.replace(arm, overrides=self._overrides(arm), candidates={}, first=())
            for arm in studies[self.study]()
        ]

    def _overrides(self, arm: Arm) -> dict:
        if self.is_small:  # there may be no choice yet
            fields = {**arm.overrides, **next(iter(arm.candidates.values()), {})}
            return {field: value for field, value in fields.items() if field not in OF_ALL_IMAGES}
        if not arm.candidates:
            return dict(arm.overrides)
        study, family = ADOPTED.get(self.study, {}).get(arm.name, (self.study, arm.name))
        return {**arm.overrides, **chosen(study, family)}


def read_variant(argument: str, studies: Studies, file: str) -> Variant:
    """The variant that a config file's argument names. Raises UserError for an unknown study."""
    study = argument.removesuffix(SMALL)
    if study not in studies:
        raise UserError(
            f"{file} has no study {argument!r}: name one of {', '.join(studies)}, as in "
            f"--config={file}:{next(iter(studies))}."
        )
    return Variant(study, argument != study)
