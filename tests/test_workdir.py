"""A folder of results: another config is refused, damage is set aside."""

import pytest

from lenet_jax import records, workdir
from lenet_jax.errors import UserError

CONFIG = {"dataset": "digits", "seeds": 2, "train.epochs": 30, "data.manual_dir": "/here"}


def write(directory, name, config=CONFIG):
    directory.mkdir(exist_ok=True)
    records.write_record(directory / name, {"config": config, "result": {"arm": "a"}})
    return directory / name


READERS = {workdir.CONFIG: workdir.check_config, records.RECORD: workdir.recorded_run}
each = pytest.mark.parametrize("name", READERS)


@each
def test_nothing_recorded(tmp_path, name):
    assert not READERS[name](tmp_path, CONFIG)
    assert not READERS[name](tmp_path / "missing", CONFIG)


@each
def test_the_same_config_gives_what_is_recorded(tmp_path, name):
    write(tmp_path, name)
    assert READERS[name](tmp_path, dict(CONFIG))["result"] == {"arm": "a"}


@each
def test_more_seeds_and_other_places_are_the_same_config(tmp_path, name):
    write(tmp_path, name)
    assert READERS[name](tmp_path, CONFIG | {"seeds": 9, "data.manual_dir": "/there"})


@each
def test_another_config_is_refused_field_by_field(tmp_path, name):
    path = write(tmp_path, name)
    before = path.read_bytes()
    wanted = CONFIG | {"dataset": "mnist", "train.epochs": 3, "train.new": 1}
    with pytest.raises(UserError) as refusal:
        READERS[name](tmp_path, wanted)
    text = str(refusal.value)
    assert text.startswith(f"{tmp_path} holds results of another config: choose another --workdir")
    assert "dataset: recorded 'digits', asked for 'mnist'" in text
    assert "train.epochs: recorded 30, asked for 3" in text
    assert "train.new: recorded 'nothing', asked for 1" in text
    assert "seeds" not in text
    assert path.read_bytes() == before


@each
def test_a_damaged_record_is_set_aside_and_named(tmp_path, name, caplog):
    path = write(tmp_path, name)
    damaged = path.read_text().replace("30", "31")
    path.write_text(damaged)
    assert not READERS[name](tmp_path, CONFIG)
    aside = tmp_path / f"{name}.damaged-1"
    assert not path.exists() and aside.read_text() == damaged
    [message] = [record.getMessage() for record in caplog.records]
    assert str(path) in message and aside.name in message
