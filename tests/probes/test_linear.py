"""Linear classifiers: what they are fitted on, and that their strength is selected on validation images."""

import numpy as np
import pytest

from lenet_jax.config.fields import default_config, override
from lenet_jax.data import Split, Splits
from lenet_jax.probes.images import Images
from lenet_jax.probes.linear import PIXELS, LinearClassifier
from lenet_jax.probes.probe import TRAINED, UNTRAINED
from lenet_jax.runs.single import train

SMALL = {
    "dataset": "digits", "data.image_size": 16, "data.box": 16, "train.epochs": 1, "train.batch_size": 431,
    "model.maps": (2,), "model.hidden": (8,),
}  # fmt: skip
PROBE = LinearClassifier(train_images=200, images=50, strengths=(0.001, 0.1), iterations=20)


def test_classifiers_read_pixels_and_the_features_after_each_stage():
    run = train(override(default_config(), SMALL))
    values = PROBE.measure(run, Images())
    found = {(value.weights, value.at): value for value in values}
    assert list(found) == [
        (UNTRAINED, PIXELS), (TRAINED, PIXELS), (UNTRAINED, "pool_2"), (TRAINED, "pool_2"),
    ]  # fmt: skip
    assert found[UNTRAINED, PIXELS].value == found[TRAINED, PIXELS].value < 0.3
    assert all(value.value == value.is_wrong.mean() and len(value.is_wrong) == 50 for value in values)


def split(rng, count, noise):
    labels = rng.integers(2, size=count)
    images = rng.normal(size=(count, 5, 5, 1)).astype(np.float32)
    images[:, 0, 0, 0] += np.where(labels, 3, -3)
    labels = np.where(rng.random(count) < noise, 1 - labels, labels)
    return Split(images, labels)


def test_the_strength_is_the_one_with_the_best_validation_accuracy(monkeypatch):
    """Of classifiers that answer with their strength, the one that validation prefers is taken."""
    from sklearn import linear_model

    class Classifier:
        def __init__(self, C, max_iter):
            self.strength = C

        def fit(self, images, labels):
            assert abs(images.mean(0)).max() < 1e-5 and images.var(0).mean() == pytest.approx(1, abs=1e-4)

        def score(self, images, labels):
            return {0.1: 0.5, 1: 0.8, 10: 0.8}[self.strength]

        def predict(self, images):
            return np.full(len(images), self.strength)

    monkeypatch.setattr(linear_model, "LogisticRegression", Classifier)
    rng = np.random.default_rng(0)
    splits = Splits(*(split(rng, 30, 0) for _ in range(3)))
    assert (LinearClassifier(strengths=(0.1, 1, 10))._answers(splits) == 1).all()


def test_features_that_hardly_vary_stay_small_and_those_that_do_not_vary_are_0(monkeypatch):
    from sklearn import linear_model

    seen = []

    class Classifier(linear_model.LogisticRegression):
        def fit(self, images, labels):
            seen.append(images)
            return super().fit(images, labels)

    monkeypatch.setattr(linear_model, "LogisticRegression", Classifier)
    rng = np.random.default_rng(2)
    splits = Splits(*(split(rng, 40, 0) for _ in range(3)))
    for its in splits:
        its.images[:, 0, 0] *= 1e-3
    LinearClassifier(strengths=(1.0,))._answers(splits)
    assert 0 < abs(seen[0][:, 0]).max() < 0.01
    dead = Splits(*(Split(np.ones_like(its.images), its.labels) for its in splits))
    LinearClassifier(strengths=(1.0,))._answers(dead)
    assert (seen[1] == 0).all()


def test_classes_that_a_plane_divides_are_told_apart():
    rng = np.random.default_rng(1)
    splits = Splits(split(rng, 200, 0.1), split(rng, 100, 0), split(rng, 100, 0))
    assert (LinearClassifier()._answers(splits) == splits.test.labels).mean() > 0.95


def test_networks_without_stages_or_validation_images_are_refused():
    mlp = train(override(default_config(), SMALL | {"model.name": "mlp"}))
    assert PROBE.lacks(mlp) == "it has no stages"
    unvalidated = train(override(default_config(), SMALL | {"data.validation_fraction": 0.0}))
    assert PROBE.lacks(unvalidated) == "it holds out no validation images"
