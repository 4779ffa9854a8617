"""Answers to test images that are shifted, rotated, noisy or occluded.

Every network gets the same disturbed images: they are disturbed inside the window that all networks read,
see `lenet_jax.probes.images.window`, and random draws depend on the image's number, the
probe's seed and, for occlusion, the amount.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy import ndimage

from lenet_jax.data import Splits
from lenet_jax.probes.images import Images, error_of, first, window
from lenet_jax.probes.probe import TRAINED, About, Probe, Value
from lenet_jax.runs.trained import TrainedRun

DIRECTIONS = np.array([(0, 1), (0, -1), (1, 0), (-1, 0)])  # right, left, down, up


class Kind(NamedTuple):
    """What a disturbance is: a name, a title, what amounts are, and how images are disturbed, in words."""

    name: str
    title: str
    amount: str
    how: str


@dataclasses.dataclass(frozen=True)
class Disturbance(Probe):
    """Test error on disturbed images.

    Attributes:
      amounts: how much images are disturbed, in the unit that `of_kind` says; 0 leaves them as they are.
      images: how many of the test images; 0 for all.
      seed: of random draws.
    """

    amounts: tuple[float, ...]
    images: int = 0
    seed: int = 0

    of_kind: ClassVar[Kind]

    @property
    def name(self) -> str:
        return self.of_kind.name

    @property
    def about(self) -> About:
        return About(
            page="images",
            title=self.of_kind.title,
            unit="test error (%)",
            of=self.of_kind.amount,
            notes=self.of_kind.how,
            scale=100.0,
            decimals=1,
            is_logarithmic=True,
        )

    @abc.abstractmethod
    def disturb(
        self, images_NSSC: np.ndarray, amount: float, background: float, ink: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Disturbed copies of the images, of the same shape; `background` and `ink` are grey levels."""

    def lacks(self, run: TrainedRun) -> str:
        return "the pixels of its images are permuted" if run.config.data.permutation_seed >= 0 else ""

    def measure(self, run: TrainedRun, images: Images) -> list[Value]:
        labels = first(images.splits(run).test, self.images).labels
        values = []
        for amount in self.amounts:
            disturbed = images.once(run, (self, amount), lambda splits, a=amount: self._test(splits, a, run))
            answers = run.predict_class(disturbed, preprocessed=True)
            values.append(Value(TRAINED, amount, *error_of(answers, labels, run)))
        return values

    def _test(self, splits: Splits, amount: float, run: TrainedRun) -> np.ndarray:
        data, inside = run.config.data, window(run)
        images = first(splits.test, self.images).images.copy()
        if amount:
            rng = np.random.default_rng(self.seed)
            images[:, inside, inside] = self.disturb(
                images[:, inside, inside], amount, data.background, data.ink, rng
            )
        return images


@dataclasses.dataclass(frozen=True)
class Shift(Disturbance):
    """Shifts each image to the right, to the left, down or up."""

    amounts: tuple[float, ...] = tuple(range(9))

    of_kind = Kind(
        "shift",
        "Shifted images",
        "shift (pixels)",
        "Each image is shifted in one of four directions, drawn at random. Ink that is shifted out of the "
        "pixels that all networks read is lost.",
    )

    def disturb(
        self, images_NSSC: np.ndarray, amount: float, background: float, ink: float, rng: np.random.Generator
    ) -> np.ndarray:
        chosen_N = rng.integers(len(DIRECTIONS), size=len(images_NSSC))
        moves = (DIRECTIONS * int(amount)).tolist()
        return _by_group(
            images_NSSC, chosen_N, lambda images, number: shift(images, *moves[number], background)
        )


@dataclasses.dataclass(frozen=True)
class Rotation(Disturbance):
    """Rotates each image about its centre, to the left or to the right."""

    amounts: tuple[float, ...] = tuple(range(0, 50, 5))

    of_kind = Kind(
        "rotation",
        "Rotated images",
        "rotation (degrees)",
        "Each image is rotated about its centre to the left or to the right, drawn at random, bilinearly, "
        "which blurs it at all angles but 0.",
    )

    def disturb(
        self, images_NSSC: np.ndarray, amount: float, background: float, ink: float, rng: np.random.Generator
    ) -> np.ndarray:
        angle_N = np.where(rng.random(len(images_NSSC)) < 0.5, amount, -amount)
        options = {"axes": (2, 1), "reshape": False, "order": 1, "cval": background}
        return _by_group(images_NSSC, angle_N, lambda images, angle: ndimage.rotate(images, angle, **options))


@dataclasses.dataclass(frozen=True)
class Noise(Disturbance):
    """Adds Gaussian noise to each pixel."""

    amounts: tuple[float, ...] = tuple(tenths / 10 for tenths in range(9))

    of_kind = Kind(
        "noise",
        "Noisy images",
        "standard deviation of the noise (contrast = 1)",
        (
            "Gaussian noise is added to each pixel that all networks read, not to the margin that some add; "
            "its standard deviation is relative to the contrast between background and ink."
        ),
    )

    def disturb(
        self, images_NSSC: np.ndarray, amount: float, background: float, ink: float, rng: np.random.Generator
    ) -> np.ndarray:
        noise = rng.standard_normal(images_NSSC.shape, np.float32)
        return images_NSSC + np.float32(amount * abs(ink - background)) * noise


@dataclasses.dataclass(frozen=True)
class Occlusion(Disturbance):
    """Replaces a square patch of each image by background."""

    amounts: tuple[float, ...] = tuple(range(0, 18, 2))

    of_kind = Kind(
        "occlusion",
        "Occluded images",
        "side of the occluded patch (pixels)",
        (
            "In each image a square patch, whose place is drawn at random, is background. It lies inside the "
            "pixels that all networks read, 28x28 of MNIST, whose digits are about 20 pixels high."
        ),
    )

    def disturb(
        self, images_NSSC: np.ndarray, amount: float, background: float, ink: float, rng: np.random.Generator
    ) -> np.ndarray:
        side = images_NSSC.shape[1]
        patch = min(int(amount), side)
        starts_N2 = rng.integers(side - patch + 1, size=(len(images_NSSC), 2))
        offset_NS2 = np.arange(side)[:, None] - starts_N2[:, None]
        is_hidden_NS2 = (offset_NS2 >= 0) & (offset_NS2 < patch)
        is_hidden_NSS = is_hidden_NS2[:, :, None, 0] & is_hidden_NS2[:, None, :, 1]
        return np.where(is_hidden_NSS[..., None], np.float32(background), images_NSSC)


def _by_group(
    images_NSSC: np.ndarray, group_N: np.ndarray, change: Callable[[np.ndarray, Any], np.ndarray]
) -> np.ndarray:
    """The images, those of each group changed together by `change(images, group)`."""
    changed_NSSC = np.empty_like(images_NSSC)
    for group in np.unique(group_N):
        changed_NSSC[group_N == group] = change(images_NSSC[group_N == group], group)
    return changed_NSSC


def shift(images_NSSC: np.ndarray, rows: int, columns: int, background: float) -> np.ndarray:
    """Moves images down by `rows` and to the right by `columns`; what is shifted in is background."""
    size = images_NSSC.shape[1]
    moved = np.full_like(images_NSSC, background)
    to_rows, from_rows = _overlap(rows, size)
    to_columns, from_columns = _overlap(columns, size)
    moved[:, to_rows, to_columns] = images_NSSC[:, from_rows, from_columns]
    return moved


def _overlap(by: int, size: int) -> tuple[slice, slice]:
    """Where a line that moves by `by` ends, and where it comes from, inside `size` positions."""
    by = max(-size, min(by, size))
    return slice(max(by, 0), size + min(by, 0)), slice(max(-by, 0), size - max(by, 0))
