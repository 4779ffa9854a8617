"""Unshared weights that are replaced by their mean every so many steps."""

import functools

import jax
import numpy as np
import pytest

import lenet_jax
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.models.networks import CNN, MLP, Stage
from tests.helpers.keys import key

SMALL = {
    "dataset": "digits",
    "data.image_size": 16,
    "data.box": 16,
    "model.maps": (2, 3),
    "model.kernel_size": (3,),
    "model.hidden": (20,),
    "model.sharing": "unshared",
    "train.epochs": 3,
    "train.batch_size": 50,
}
STEPS = 25  # per epoch: 1,257 of the 1,397 training images


@functools.cache
def trained(**fields):
    overrides = SMALL | {name.replace("__", "."): value for name, value in fields.items()}
    return lenet_jax.train(lenet_jax.override(lenet_jax.default_config(), overrides))


def spread(run):
    """How far units of a map are from their mean, at most, by stage."""
    return {name: np.ptp(kernel, 0).max() for name, kernel in run.kernels().items()}


def column(run, name):
    return [metrics[name] for metrics in run.epochs]


def test_averaged_after_every_step_a_tied_start_is_the_convolution_with_mean_gradients():
    averaged = trained(model__start="tied", train__average_every=1)
    convolution = trained(model__sharing="shared", model__shared_gradient="mean")
    assert max(spread(averaged).values()) < 1e-6
    for name in ("train_accuracy", "val_accuracy"):
        np.testing.assert_allclose(column(averaged, name), column(convolution, name), atol=2e-3)
    np.testing.assert_allclose(column(averaged, "train_loss"), column(convolution, "train_loss"), rtol=1e-4)


def test_steps_are_counted_across_epochs():
    """After 75 steps weights were averaged by the last one of them, or not since the 50th."""
    assert run_steps(trained()) == STEPS
    assert max(spread(trained(train__average_every=3 * STEPS)).values()) < 1e-6
    assert min(spread(trained(train__average_every=2 * STEPS)).values()) > 1e-3
    never = trained()
    later = trained(train__average_every=3 * STEPS + 1)
    assert column(later, "train_loss") == column(never, "train_loss")


def run_steps(run):
    return len(run.splits().train.labels) // run.config.train.batch_size


def test_only_local_unshared_units_are_averaged_also_with_a_table():
    stages = (
        Stage(4, 3, sharing="unshared", table=((0,), (1,), (0, 1), (1,))),
        Stage(2, 3, "full", "unshared", pooling="none"),
        Stage(2, 2, "local", "shared", pooling="none"),
    )
    model = CNN(stages, MLP((), "tanh"))
    x_NHWC = np.zeros((1, 14, 14, 2), np.float32)
    params = jax.jit(model.init)({"params": key(1), "wiring": key(2)}, x_NHWC)["params"]
    params = jax.tree.map(lambda leaf: leaf + np.arange(leaf.size).reshape(leaf.shape), params)
    found = model.averaged(params)
    changed = {
        name
        for name in params
        if not np.array_equal(*(jax.tree.leaves(p[name])[-1] for p in (found, params)))
    }
    assert changed == {"stage_1"}
    kernel, mean = params["stage_1"]["kernel"], found["stage_1"]["kernel"]  # T, Q, P
    np.testing.assert_allclose(mean, np.tile(kernel.mean(2, keepdims=True), (1, 1, 144)), rtol=1e-5)
    bias, mean = params["stage_1"]["bias"], found["stage_1"]["bias"]
    np.testing.assert_allclose(mean, np.tile(bias.mean(0), (144, 1)), rtol=1e-5)


@pytest.mark.parametrize("fields", [{"model.connectivity": "full"}, {"model.sharing": "shared"}])
def test_networks_without_such_units_are_refused(fields):
    config = lenet_jax.override(lenet_jax.default_config(), SMALL | {"train.average_every": 5} | fields)
    with pytest.raises(
        UserError, match="average_every=5 is for stages with .* and the network has none: set"
    ):
        resolve(config)


def test_one_such_stage_is_enough():
    fields = {"model.connectivity": "full,local", "train.average_every": 5}
    assert resolve(lenet_jax.override(lenet_jax.default_config(), SMALL | fields))
