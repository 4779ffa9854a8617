"""Whether feature maps move with the image.

Let F(x) be a layer's maps of image x, and s the pixels from one of its units to the next. If image x is
shifted by d pixels to x', a layer that is equivariant to shifts has maps F(x') that are F(x) shifted by d / s
units, which are interpolated linearly between two units if d is not a multiple of s. The error is

    mean of (F(x') - shifted F(x))^2 / mean of (F(x') - shifted F(y))^2

over units, images x and, below, all pairs of images x and y. It is 0 if features move with the image, and 1
if those of the shifted image are no nearer to the shifted features of the same image than to those of
another one. Only units count whose position both maps have; shifts to the right and down are averaged.

Before pooling the convolution is equivariant to rounding. So is a shared stencil that wraps round, while no
ink is shifted out of the image.
"""

import dataclasses

import numpy as np

from lenet_jax.models.networks import CNN
from lenet_jax.probes.disturbances import shift
from lenet_jax.probes.images import Images, first
from lenet_jax.probes.probe import TRAINED, UNTRAINED, About, Probe, Value
from lenet_jax.runs.trained import TrainedRun

Maps = dict[str, np.ndarray]  # layer -> (N, H, W, C)


@dataclasses.dataclass(frozen=True)
class Equivariance(Probe):
    """The error of equivariance of each layer of feature maps, before and after training.

    Attributes:
      pixels: how far images are shifted, d.
      images: how many of the test images.
    """

    pixels: int
    images: int = 1000

    @property
    def name(self) -> str:
        return f"equivariance_{self.pixels}"

    @property
    def about(self) -> About:
        return About(
            page="equivariance",
            title=f"Equivariance to shifts by {self.pixels} pixel{'s' if self.pixels > 1 else ''}",
            unit="error of equivariance",
            of="layer",
            notes="Mean squared difference between the features of shifted images and the shifted features, "
            "relative to that between different images: 0 if features move with the image, 1 if they are no "
            f"nearer than those of other images. On the first {self.images:,} test images, whose draw "
            "intervals do not cover; shifts that are not whole units are interpolated, and what is shifted "
            "out of the image is lost.",
            bounds=(0.0, np.inf),
        )

    def lacks(self, run: TrainedRun) -> str:
        if not isinstance(run.model, CNN):
            return "it has no feature maps"
        return "the pixels of its images are permuted" if run.config.data.permutation_seed >= 0 else ""

    def measure(self, run: TrainedRun, images: Images) -> list[Value]:
        images_NSSC = first(images.splits(run).test, self.images).images
        return [
            Value(weights, layer, error)
            for weights, network in ((UNTRAINED, run.untrained()), (TRAINED, run))
            for layer, error in equivariance_errors(network, images_NSSC, self.pixels).items()
        ]


def equivariance_errors(run: TrainedRun, images_NSSC: np.ndarray, pixels: int) -> dict[str, float]:
    """Layer -> its error, for preprocessed images that are shifted by a number of pixels.

    Layers whose maps are too small to be shifted so far, or constant, are left out.
    """
    assert isinstance(run.model, CNN)
    background = run.config.data.background

    def maps_of(images_NSSC: np.ndarray) -> Maps:
        return run.feature_maps(images_NSSC, preprocessed=True)

    maps = maps_of(images_NSSC)
    right = maps_of(shift(images_NSSC, 0, pixels, background))
    down = maps_of(shift(images_NSSC, pixels, 0, background))
    errors = {}
    for layer, step in pixels_between_units(run.model).items():
        if maps[layer].shape[1] <= -(-pixels // step):
            continue
        terms = [
            _terms(right[layer], maps[layer], pixels / step),
            # Down is to the right in the transposed maps.
            _terms(down[layer].swapaxes(1, 2), maps[layer].swapaxes(1, 2), pixels / step),
        ]
        same, other = np.sum(terms, axis=0)
        if other:
            errors[layer] = float(same / other)
    return errors


def pixels_between_units(model: CNN) -> dict[str, int]:
    """Layer of feature maps -> the pixels from one of its units to the next."""
    steps, step = {}, 1
    for number, stage in zip(model.numbers, model.stages, strict=True):
        step *= stage.stride
        steps[f"stage_{number}"] = step
        if stage.pooling != "none":
            step *= 2
            steps[f"pool_{number + 1}"] = step
    return steps


def _terms(shifted_NHWC: np.ndarray, maps_NHWC: np.ndarray, units: float) -> tuple[float, float]:
    """Mean squared differences to the maps moved to the right by `units`: of the same, and of any image."""
    whole, part = divmod(units, 1)
    lost = int(whole) + (part > 0)
    width = maps_NHWC.shape[2]
    moved = (1 - part) * maps_NHWC[:, :, lost - int(whole) : width - int(whole)].astype(np.float64)
    if part:
        moved += part * maps_NHWC[:, :, : width - lost]
    found = shifted_NHWC[:, :, lost:].astype(np.float64)
    same = np.square(found - moved).mean()
    # The mean over all pairs of images, unit by unit, from their means and variances.
    other = found.var(0) + moved.var(0) + np.square(found.mean(0) - moved.mean(0))
    return float(same), float(other.mean())
