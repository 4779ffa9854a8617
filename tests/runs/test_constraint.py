"""Runs that keep a constraint for some of their epochs, as commands and the library train them."""

import functools

import numpy as np
import pytest

import lenet_jax

SMALL = {
    "dataset": "digits",
    "data.image_size": 16,
    "data.box": 16,
    "model.maps": (2, 3),
    "model.kernel_size": (3,),
    "model.hidden": (20,),
    "train.epochs": 4,
    "train.batch_size": 50,
    "train.weight_decay": 0.001,
}
EMBEDDED = {
    "model.connectivity": "full",
    "model.sharing": "unshared",
    "model.start": "convolution",
}


@functools.cache
def trained(constrained_epochs=None):
    """The convolution, or the fully connected network that is constrained to it in its first epochs."""
    fields = EMBEDDED | {"train.constrained_epochs": constrained_epochs}
    fields = SMALL | ({} if constrained_epochs is None else fields)
    return lenet_jax.train(lenet_jax.override(lenet_jax.default_config(), fields))


def column(run, name):
    return [metrics[name] for metrics in run.epochs]


def test_a_run_that_is_constrained_throughout_is_the_convolution():
    """Seed by seed: the same accuracies in every epoch, and the same answer to every image."""
    convolution, constrained = trained(), trained(4)
    for name in ("train_accuracy", "val_accuracy"):
        assert column(constrained, name) == column(convolution, name)
    for name in ("train_loss", "val_loss"):
        np.testing.assert_allclose(column(constrained, name), column(convolution, name), rtol=1e-4)
    assert constrained.result["test_accuracy"] == convolution.result["test_accuracy"] > 0.5
    for split in ("validation", "test"):
        np.testing.assert_array_equal(constrained.answers[split].classes, convolution.answers[split].classes)
    assert constrained.counts.parameters > 10 * convolution.counts.parameters


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_run_is_the_convolution_until_its_constraint_ends(epochs):
    convolution, freed = (column(run, "train_loss") for run in (trained(), trained(epochs)))
    np.testing.assert_allclose(freed[:epochs], convolution[:epochs], rtol=1e-4)
    assert abs(freed[epochs] / convolution[epochs] - 1) > 1e-3
    assert trained(epochs).result["train_accuracy"] > 0.5
