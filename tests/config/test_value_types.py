"""The types of values, however a config was built."""

import datetime

import ml_collections
import numpy as np
import pytest

from lenet_jax.config.fields import ALL_FIELDS, default_config
from lenet_jax.config.resolve import resolve
from lenet_jax.config.value_types import shown, type_fault
from lenet_jax.errors import UserError


def config_with(field, value):
    """The default config with a value of any type: without ConfigDict's own check."""
    config = default_config()
    with config.unlocked(), config.ignore_type():
        config.update_from_flattened_dict({field: value})
    return config


@pytest.mark.parametrize("name", ALL_FIELDS)
def test_defaults_have_their_types_and_nothing_and_objects_do_not(name):
    default = ALL_FIELDS[name].default
    assert type_fault(name, default, default) == ""
    for value in (None, object(), {"a": 1}, np.zeros(3), datetime.date(1998, 11, 1)):
        assert type_fault(name, value, default).startswith(f"config.{name}=")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("train.epochs", None, "config.train.epochs=None must be a whole number."),
        ("train.epochs", 3.0, "config.train.epochs=3.0 must be a whole number."),
        ("train.epochs", True, "config.train.epochs=True must be a whole number."),
        ("train.learning_rate", "0.1", "config.train.learning_rate='0.1' must be a number."),
        ("model.hidden", 8, "config.model.hidden=8 must be a list of numbers, such as (5,)."),
        ("model.hidden", "8", "config.model.hidden='8' must be a list of numbers, such as (5,)."),
        ("model.hidden", (None,), "config.model.hidden=[None] must be a list of numbers, such as (5,)."),
        ("data.draw", ([1], 2, 3), "config.data.draw=[[1], 2, 3] must be a list of numbers, such as (5,)."),
        ("dataset", 5, "config.dataset=5 must be text."),
        ("tensorboard", 0, "config.tensorboard=0 must be True or False."),
        ("keep", None, "config.keep=None must be text."),
    ],
)
def test_values_of_other_types_are_refused(field, value, sentence):
    with pytest.raises(UserError) as refusal:
        resolve(config_with(field, value))
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [("train.learning_rate", 1, 1), ("model.hidden", [8, 4], (8, 4)), ("data.background", -1, -1)],
)
def test_whole_numbers_serve_as_numbers_and_lists_as_tuples(field, value, found):
    group, key = field.split(".")
    assert resolve(config_with(field, value)).config[group][key] == found


@pytest.mark.parametrize("config", [None, {}, {"seed": 1}, [], "config"], ids=repr)
def test_what_is_no_config_dict_is_refused(config):
    with pytest.raises(UserError, match="is not a ConfigDict: start from lenet_jax.default_config()"):
        resolve(config)


@pytest.mark.parametrize(
    "extra",
    [{1: 2}, {"needed": ml_collections.config_dict.required_placeholder(int)}],
    ids=["a number as a name", "a placeholder"],
)
def test_a_config_that_cannot_be_read_is_refused(extra):
    config = default_config().unlock()
    for key, value in extra.items():
        config[key] = value
    with pytest.raises(UserError, match="The config cannot be read|is not a field"):
        resolve(config)


class Mute:
    def __repr__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize("value", [Mute(), (10**5000,), np.zeros((50, 50)), "x" * 1000, {"a": "b\nc"}])
def test_any_value_is_shown_on_one_short_line(value):
    assert 0 < len(shown(value)) <= 80 and "\n" not in shown(value)
