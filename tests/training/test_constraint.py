"""Training that keeps unshared weights under the constraint with which they start."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from lenet_jax.models.networks import CNN, MLP, Stage, computed_by_kernel
from lenet_jax.models.wired_layer import Wired
from lenet_jax.native import library
from lenet_jax.training.optimizer import OptimizerSpec
from lenet_jax.training.program import Program
from tests.helpers.dense import embedded
from tests.training.test_epoch import make_images, only, start, train

SIZES = {"pooled": (12, 5), "strides": (12, 5)}  # sides of the inputs of both stages
FIELDS = {"pooled": {}, "strides": {"stride": 2, "pooling": "none"}}
STAGES = {"pooled": ("stage_1", "stage_3"), "strides": ("stage_1", "stage_2")}
NUMBERS = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01, "damping": 0.5}
needs_compiler = pytest.mark.skipif(
    library.find_compiler() is None, reason="there is no C++ compiler to build the kernel with"
)


def program_of(stages, optimizer="sgd", native=False):
    """A network of these stages, trained in constrained epochs alone if they have a start."""
    model = computed_by_kernel(CNN(stages, MLP((), "tanh", first=5)), native)
    spec = OptimizerSpec(
        optimizer, "constant", total_steps=100, warmup_steps=0, curvature_images=10, native=native
    )
    return Program(model, spec, 50, 16, 12, constrained_epochs=2)


def stages_of(name, **fields):
    return tuple(Stage(maps, 3, **FIELDS[name], **fields) for maps in (2, 3))


def layer_of(stage):
    return Wired(stage.maps, stage.kernel_size, stage.connectivity, stage.sharing, stage.stride)


def as_unshared(params, unshared, shared, name):
    """The parameters of the network whose stages share weights, as those of the network whose don't."""
    of_stages = {
        number: embedded(params[number], layer_of(stage), layer_of(other), size)
        for number, stage, other, size in zip(STAGES[name], unshared, shared, SIZES[name], strict=True)
    }
    return params | of_stages


def assert_close(found, expected):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=2e-6), found, expected)


@pytest.mark.parametrize(
    ("name", "connectivity", "start_", "optimizer", "native"),
    [
        ("pooled", "full", "convolution", "sgd", False),
        ("strides", "full", "convolution", "sgd", False),
        ("pooled", "full", "tied", "sgd", False),
        ("strides", "local", "tied", "sgd", False),
        ("pooled", "full", "convolution", "adam", False),
        ("pooled", "full", "convolution", "levenberg_marquardt", False),
        pytest.param("pooled", "full", "convolution", "sgd", True, marks=needs_compiler),
        pytest.param("pooled", "local", "tied", "sgd", True, marks=needs_compiler),
    ],
)
def test_constrained_epochs_are_those_of_the_shared_network(name, connectivity, start_, optimizer, native):
    """The same losses and accuracies, and its weights embedded; an epoch without the constraint leaves it."""
    images = make_images(size=12)
    unshared = stages_of(name, connectivity=connectivity, sharing="unshared", start=start_)
    shared = stages_of(name, connectivity="local" if start_ == "convolution" else connectivity)
    program, shared_program = (program_of(stages, optimizer, native) for stages in (unshared, shared))
    state, shared_state = start(program, **NUMBERS), start(shared_program, **NUMBERS)
    assert_close(only(state.params), as_unshared(only(shared_state.params), unshared, shared, name))
    for epoch in (1, 2):
        state, means = train(program.in_epoch(epoch), state, images, epoch)
        shared_state, shared_means = train(shared_program, shared_state, images, epoch)
        assert_close(means[:2], shared_means[:2])  # there are more weights, with other rates
    expected = as_unshared(only(shared_state.params), unshared, shared, name)
    assert_close(only(state.params), expected)
    is_outside = expected["stage_1"]["kernel"] == 0
    assert not only(state.params)["stage_1"]["kernel"][is_outside].any()  # exactly 0, not nearly

    state, _ = train(program.in_epoch(3), state, images, 3)
    kernel_TCPO = only(state.params)["stage_1"]["kernel"]
    assert kernel_TCPO[is_outside].all()
    is_of_all = ~is_outside.any(2)  # taps that all units have, whose weights are no longer the same
    assert np.ptp(kernel_TCPO, axis=2)[is_of_all].all()


def test_a_program_says_which_epochs_are_constrained():
    """Programs of one network that differ in the number of constrained epochs train by the same two."""
    stages = stages_of("pooled", connectivity="full", sharing="unshared", start="tied")
    two, none = (dataclasses.replace(program_of(stages), constrained_epochs=count) for count in (2, 0))
    assert [two.in_epoch(epoch).model.constrained for epoch in (1, 2, 3)] == [True, True, False]
    assert two.in_epoch(3) == none == none.in_epoch(1)
    assert dataclasses.replace(two, constrained_epochs=1).in_epoch(1) == two.in_epoch(2)


def test_a_step_by_the_mean_gradient_is_smaller_by_the_number_of_units():
    """In stages, whose units share; the classifier takes the same step."""
    images = make_images(size=12)
    steps = []
    for shared_gradient in ("sum", "mean"):
        stages = stages_of("strides", shared_gradient=shared_gradient)
        program = dataclasses.replace(program_of(stages), train_images=16)
        before = start(program, learning_rate=0.5)
        params = only(before.params)
        after, _ = train(program, before, images, 1)
        steps.append(jax.tree.map(np.subtract, only(after.params), params))
    summed, mean = steps
    units = {"stage_1": 25, "stage_2": 4, "classifier": 1}
    for name, count in units.items():
        assert_close(mean[name], jax.tree.map(functools.partial(np.multiply, 1 / count), summed[name]))
