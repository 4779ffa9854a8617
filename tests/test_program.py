"""What can be compiled together, and what is refused before it is compiled."""

import pytest

from lenet_jax.config import default_config, override
from lenet_jax.errors import UserError
from lenet_jax.program import check_fields, make_program


def program(devices=1, train_images=1000, **fields):
    """Of the default config, with fields of `train` replaced and others by their dotted names."""
    overrides = {name if "." in name else f"train.{name}": value for name, value in fields.items()}
    seed = {"seed": overrides.pop("train.seed")} if "train.seed" in overrides else {}
    config = override(default_config(), overrides | seed)
    check_fields(config)
    return make_program(config, train_images, devices)


def test_a_program_says_what_is_trained():
    made = program(batch_size=64, epochs=10, warmup_epochs=0.5)
    assert (made.train_images, made.batch_size, made.image_size) == (1000, 64, 32)
    assert made.optimizer.total_steps == 10 * 15  # the 40 images left of an epoch make no step
    assert made.optimizer.warmup_steps == 8  # half of 15, rounded
    assert [stage.maps for stage in made.model.stages] == [6, 16]


def test_runs_that_differ_in_numbers_alone_share_a_compilation():
    first = program()
    other = program(seed=7, learning_rate=0.3, momentum=0.1, weight_decay=0.2)
    assert first == other and hash(first) == hash(other)


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 3},
        {"batch_size": 50},
        {"optimizer": "adam"},
        {"schedule": "linear"},
        {"warmup_epochs": 1.0},
        {"train_images": 999},
        {"model.connectivity": "random"},
        {"model.sharing": "unshared"},
        {"model.hidden": (120,)},
        {"model.activation": "relu"},
        {"data.image_size": 28},
    ],
    ids=str,
)
def test_runs_that_differ_in_the_computation_do_not(fields):
    assert program(**fields) != program()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"seed": -1}, "config.seed=-1 must be from 0 to 2147483647."),
        ({"seed": 2**31}, "config.seed=2147483648 must be from 0 to 2147483647."),
        ({"epochs": 0}, "config.train.epochs=0 must be at least 1."),
        ({"epochs": -5}, "config.train.epochs=-5 must be at least 1."),
        ({"learning_rate": 0.0}, "config.train.learning_rate=0.0 must be "),
        ({"learning_rate": -0.1}, "config.train.learning_rate=-0.1 must be "),
        ({"learning_rate": float("nan")}, "config.train.learning_rate=nan must be "),
        ({"momentum": 1.0}, "config.train.momentum=1.0 must be in [0, 1)."),
        ({"momentum": -0.1}, "config.train.momentum=-0.1 must be in [0, 1)."),
        ({"weight_decay": -1e-4}, "config.train.weight_decay=-0.0001 must be "),
        ({"weight_decay": float("nan")}, "config.train.weight_decay=nan must be "),
        ({"warmup_epochs": -1.0}, "config.train.warmup_epochs=-1.0 must be from 0 to "),
        ({"epochs": 3, "warmup_epochs": 3.0}, "config.train.warmup_epochs=3.0 must be from 0 to less"),
        ({"epochs": 1, "batch_size": 999, "warmup_epochs": 0.9}, "config.train.warmup_epochs=0.9 must be so"),
        ({"batch_size": 0}, "config.train.batch_size=0 must be at least 1."),
        ({"batch_size": 1001}, "config.train.batch_size=1001 must be at most the 1,000 training images"),
        ({"batch_size": 64, "devices": 3}, "config.train.batch_size=64 must be a multiple of the 3 devices"),
        ({"optimizer": "lion"}, "config.train.optimizer='lion' is unknown: choose one of sgd, adam, leve"),
        ({"schedule": "step"}, "config.train.schedule='step' is unknown: choose one of constant, cosine"),
        ({"model.name": "alexnet"}, "config.model.name='alexnet' is unknown: choose one of cnn, mlp."),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_a_sentence(fields, sentence):
    with pytest.raises(UserError) as refusal:
        program(**fields)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 0},
        {"seed": 2**31 - 1},
        {"epochs": 1},
        {"batch_size": 1},
        {"batch_size": 1000},
        {"batch_size": 64, "devices": 4},
        {"momentum": 0.0},
        {"epochs": 2, "warmup_epochs": 1.9},
        {"learning_rate": 1e30},
    ],
    ids=str,
)
def test_the_edges_of_what_can_be_run_are_accepted(fields):
    assert program(**fields).optimizer.total_steps >= 1
