"""The estimate of the memory that a run needs."""

import pytest

from lenet_jax import backend
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.data import DatasetInfo
from lenet_jax.errors import UserError
from lenet_jax.models import products
from lenet_jax.runs.run import prepare
from lenet_jax.training import memory
from lenet_jax.training.engine import bytes_needed, make_engine
from lenet_jax.training.epoch import image_shapes
from lenet_jax.training.hyperparameters import hyperparameter_shapes


def resolved(side=32, channels=1, **fields):
    """A config for images of this size, as a user's own images have it (dots as `__`)."""
    info = DatasetInfo("own", "sha256:0", side, channels, 0.0, 255.0, 900, 100, ("a", "b"))
    overrides = {name.replace("__", "."): value for name, value in fields.items()}
    return resolve(override(default_config(), {"dataset": "own.npz"} | overrides), info)


def estimate(config):
    counts = {"train": 810, "validation": 90, "test": 100}
    program = config.make_program(counts)
    return memory.bytes_needed(program, config.counts, sum(counts.values())), program


@pytest.mark.parametrize(
    "fields",
    [
        {"model__name": "mlp", "model__hidden": (1000,)},
        {"model__connectivity": "random", "model__sharing": "unshared", "side": 48},
    ],
    ids=["mlp", "random_unshared"],
)
def test_it_is_at_least_what_xla_reports_and_not_much_more(fields):
    estimated, program = estimate(resolved(**fields))
    engine, hyperparameters = make_engine("jit"), hyperparameter_shapes(1)
    state = engine.init_state.eval_shape(program, hyperparameters)
    reported = max(
        bytes_needed(engine.init_state.lower(program, hyperparameters).compile()),
        bytes_needed(engine.train_epoch.lower(program, state, image_shapes(program, 1000), 0).compile()),
    )
    assert reported <= estimated <= 4 * reported


@pytest.mark.parametrize(("side", "size", "out"), [(32, 14, 10), (64, 30, 26), (128, 62, 58)])
def test_on_accelerators_it_counts_the_zeros_and_ones_of_what_units_read(side, size, out):
    """Of the second stage: nothing needs a gradient with respect to the images."""
    config = resolved(side=side, model__connectivity="random", train__batch_size=400)
    on_cpu, _ = estimate(config)
    counted = 4 * (out * out * 25) * size**2
    with backend.compiling_for("cuda"):
        assert estimate(config)[0] == on_cpu + counted
    assert f" {counted / 1e6:,.0f} MB" in " ".join(products._read.__doc__.split())


def test_with_a_radius_wirings_are_drawn_from_the_window_alone():
    fields = {"side": 256, "model__connectivity": "random", "model__sharing": "unshared"}
    whole, window = (estimate(resolved(**fields, model__radius=(radius,)))[0] for radius in (0, 10))
    assert window < 0.1 * whole
    assert estimate(resolved(**fields, model__radius=(200,)))[0] == whole


def test_it_counts_every_weight_of_a_fully_connected_network_on_large_images():
    config = resolved(side=256, model__connectivity="full", model__sharing="unshared")
    assert config.counts.parameters > 4e10
    assert estimate(config)[0] > 4 * 4 * config.counts.parameters  # weights, momentum, gradient, a copy


def test_a_run_that_does_not_fit_is_refused_before_its_images_are_read():
    config = resolved(side=256, model__connectivity="full", model__sharing="unshared")
    message = (
        r"A cnn \(full, unshared\) on 1,000 images of 256x256 has [\d,]+ parameters and needs about [\d,]+ "
        r"bytes of memory, but there are [\d,]+: use smaller images or fewer maps, or leave the arm out"
    )
    with pytest.raises(UserError, match=message):
        prepare(config)


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    machine = memory.memory_limit()
    monkeypatch.setattr(memory, "CGROUP_LIMIT", tmp_path / "memory.max")
    assert memory.memory_limit() >= machine > 1e8
    memory.CGROUP_LIMIT.write_text("max\n")
    assert memory.memory_limit() >= machine
    memory.CGROUP_LIMIT.write_text("1000000\n")
    assert memory.memory_limit() == 1_000_000
