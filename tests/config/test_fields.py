"""The table of fields: defaults, allowed values, meanings, and the list for people."""

import pytest

from lenet_jax.config.fields import (
    ALL_FIELDS,
    FIELDS,
    SWEEP_FIELDS,
    default_config,
    default_sweep,
    override,
)
from lenet_jax.config.identity import flatten, to_record
from lenet_jax.config.listing import WIDTH, list_fields
from lenet_jax.training.hyperparameters import Hyperparameters


def test_the_documented_names_are_fields():
    fixed = "dataset seed parallel data.manual_dir train.epochs train.batch_size train.learning_rate"
    assert set(fixed.split()) <= set(FIELDS)
    assert set(flatten(default_config())) == set(FIELDS)
    assert set(flatten(default_sweep())) == set(ALL_FIELDS) == {*FIELDS, *SWEEP_FIELDS}
    assert {"seeds", "arms"} <= set(SWEEP_FIELDS)


@pytest.mark.parametrize("name", SWEEP_FIELDS)
def test_fields_of_a_sweep_do_not_identify_its_runs(name):
    assert not SWEEP_FIELDS[name].identifies
    assert name not in to_record(default_sweep())


@pytest.mark.parametrize("name", ALL_FIELDS)
def test_every_default_is_allowed_and_every_field_explained(name):
    field = ALL_FIELDS[name]
    assert field.meaning and not field.meaning.endswith(".")
    if field.allowed:
        assert field.allowed.fault(name, field.default) == ""
        assert field.allowed.words()


def test_the_hyperparameters_are_those_that_programs_take():
    named = [field.hyperparameter for field in FIELDS.values() if field.hyperparameter]
    assert sorted(named) == sorted(Hyperparameters._fields)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nope": 1},
        {"train.nope": 1},
        {"train.epochs.nope": 1},
        {"train": 1},
        {"train.epochs": "3"},
        {"train.epochs": 2.5},
        {"dataset": 3},
        {"model.hidden": 5},
        {"tensorboard": 1},
    ],
    ids=str,
)
def test_an_override_that_does_not_fit_is_refused(wrong):
    with pytest.raises((KeyError, TypeError)):
        override(default_config(), wrong)


def test_the_list_names_every_field_once_within_a_terminal():
    text = list_fields(flatten(default_sweep()))
    for name in ALL_FIELDS:
        assert sum(line.startswith(f"  config.{name}=") for line in text.splitlines()) == 1
    assert "config.model.maps=6,16" in text and "[sgd, adam, levenberg_marquardt]" in text
    assert all(len(line) <= WIDTH for line in text.splitlines())
