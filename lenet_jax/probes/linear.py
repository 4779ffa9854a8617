"""Linear classifiers on the features after each stage: how well their classes can be told apart by planes.

Logistic regression of scikit-learn on features that are centred and divided by one number, so that their
variance over its training images is 1 on average. (A number of its own for each would magnify features that
hardly vary, such as those of an image's border.) Its strength of regularisation is the one with the best
validation accuracy, the strongest of equals.
"""

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from lenet_jax.config.checks import has_validation
from lenet_jax.data import Split, Splits
from lenet_jax.data.splits import choose_subset
from lenet_jax.models.networks import CNN
from lenet_jax.probes.images import Images, error_of, first
from lenet_jax.probes.probe import TRAINED, UNTRAINED, About, Probe, Value
from lenet_jax.runs.trained import TrainedRun

PIXELS = "pixels"
BATCH = 2000  # images whose maps of all layers are in memory at once


@dataclasses.dataclass(frozen=True)
class LinearClassifier(Probe):
    """Test error of linear classifiers on raw pixels, and on features before and after training.

    Attributes:
      train_images: how many of the run's training images they are fitted on, as many of each class.
      images: how many of the test images they are scored on; 0 for all.
      strengths: candidates of scikit-learn's C, the inverse strength of regularisation, ascending.
      iterations: of L-BFGS, at most.
    """

    train_images: int = 5000
    images: int = 0
    strengths: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0, 10.0)
    iterations: int = 200

    @property
    def name(self) -> str:
        return "linear"

    @property
    def about(self) -> About:
        return About(
            page="linear",
            title="Linear classifiers",
            unit="test error (%)",
            of="features",
            notes="Logistic regression on raw pixels and on the features after each stage, fitted on up to "
            f"{self.train_images:,} training images in at most {self.iterations} iterations; its strength of "
            "regularisation is selected on validation images. All networks have the same draw of "
            "these training images, which intervals do not cover.",
            scale=100.0,
            is_logarithmic=True,
        )

    def lacks(self, run: TrainedRun) -> str:
        if not isinstance(run.model, CNN):
            return "it has no stages"
        return "" if has_validation(run.config) else "it holds out no validation images"

    def measure(self, run: TrainedRun, images: Images) -> list[Value]:
        splits = self._select(images.splits(run))
        of_pixels = images.once(run, self, lambda _: self._answers(splits))
        answers = [(weights, PIXELS, of_pixels) for weights in (UNTRAINED, TRAINED)]
        for weights, network in ((UNTRAINED, run.untrained()), (TRAINED, run)):
            for layer, features in _features(network, splits):
                answers.append((weights, layer, self._answers(features)))
        labels = splits.test.labels
        return [Value(weights, at, *error_of(found, labels, run)) for weights, at, found in answers]

    def _select(self, splits: Splits) -> Splits:
        """The images that classifiers are fitted and scored on."""
        count = min(self.train_images, len(splits.train.labels))
        chosen = choose_subset(splits.train.labels, count, seed=0)
        train = Split(splits.train.images[chosen], splits.train.labels[chosen])
        return splits._replace(train=train, test=first(splits.test, self.images))

    def _answers(self, splits: Splits) -> np.ndarray:
        """The classes (N,) that the classifier with the best validation accuracy answers to the test images.

        `splits` hold features, (N, ...), in place of images.
        """
        # Imported here, as it takes a second or two, and no other probe needs it.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        train, validation, test = (split.images.reshape(len(split.images), -1) for split in splits)
        mean, scale = train.mean(0), np.sqrt(train.var(0).mean()) or 1.0
        train, validation, test = ((features - mean) / scale for features in (train, validation, test))
        best, best_accuracy = None, -1.0
        for strength in self.strengths:
            classifier: Any = LogisticRegression(C=strength, max_iter=self.iterations)
            with (
                warnings.catch_warnings(action="ignore", category=ConvergenceWarning),  # it is bounded
                threadpool_limits(1),  # threads of small products would wait for busy cores
            ):
                classifier.fit(train, splits.train.labels)
            accuracy = classifier.score(validation, splits.validation.labels)
            if accuracy > best_accuracy:
                best, best_accuracy = classifier, accuracy
        assert best is not None
        return best.predict(test)


def _features(run: TrainedRun, splits: Splits) -> Iterator[tuple[str, Splits]]:
    """The features after each stage, pooling included, layer by layer: splits with maps as images."""
    assert isinstance(run.model, CNN)
    layers = [
        f"stage_{number}" if stage.pooling == "none" else f"pool_{number + 1}"
        for number, stage in zip(run.model.numbers, run.model.stages, strict=True)
    ]
    of_splits = [_maps(run, split.images, layers) for split in splits]
    for layer in layers:
        yield (
            layer,
            Splits(
                *(Split(maps[layer], split.labels) for maps, split in zip(of_splits, splits, strict=True))
            ),
        )


def _maps(run: TrainedRun, images_NSSC: np.ndarray, layers: list[str]) -> dict[str, np.ndarray]:
    """The maps (N, H, W, C) of some layers."""
    parts: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
    for start in range(0, len(images_NSSC), BATCH):
        maps = run.feature_maps(images_NSSC[start : start + BATCH], preprocessed=True)
        for layer in layers:
            parts[layer].append(maps[layer])
    return {layer: np.concatenate(of_layer) for layer, of_layer in parts.items()}
