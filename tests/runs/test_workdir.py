"""A folder of results: another config is refused, damage is set aside."""

import pytest

from lenet_jax.errors import UserError
from lenet_jax.runs import records, workdir

CONFIG = {"dataset": "digits", "seeds": 2, "train.epochs": 30, "data.manual_dir": "/here"}


@pytest.fixture
def directory(tmp_path):
    """A folder with a config.json and two recorded runs."""
    records.write_record(tmp_path / "config.json", {"config": CONFIG})
    for run in ("a-seed0", "a-seed1"):
        (tmp_path / "runs" / run).mkdir(parents=True)
        records.write_record(tmp_path / "runs" / run / "record.json", {"result": run})
    return tmp_path


def test_nothing_recorded(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        workdir.check_config(folder, CONFIG, sweep=False)
        assert workdir.read_or_set_aside(folder / "config.json") is None
        assert workdir.read_runs(folder) == {}


def test_runs_are_read_by_their_folders(directory):
    (directory / "runs" / "stopped-seed0").mkdir()
    assert workdir.read_runs(directory) == {run: {"result": run} for run in ("a-seed0", "a-seed1")}


def test_more_seeds_and_other_places_are_the_same_config(directory):
    workdir.check_config(directory, dict(CONFIG), sweep=False)
    workdir.check_config(
        directory, CONFIG | {"seeds": 9, "arms": "a", "data.manual_dir": "/there"}, sweep=False
    )


def test_another_config_is_refused_field_by_field(directory):
    wanted = CONFIG | {"dataset": "mnist", "train.epochs": 3, "train.new": 1, "seeds": 9}
    with pytest.raises(UserError) as refusal:
        workdir.check_config(directory, wanted, sweep=False)
    text = str(refusal.value)
    assert text.startswith(f"{directory} holds results of another config: choose another --workdir")
    assert "dataset: recorded 'digits', asked for 'mnist'" in text
    assert "train.epochs: recorded 30, asked for 3" in text
    assert "train.new: recorded 'nothing', asked for 1" in text
    assert "seeds" not in text
    assert workdir.read_or_set_aside(directory / "config.json") == {"config": CONFIG}


@pytest.mark.parametrize("name", ["config.json", "runs/a-seed1/record.json"])
def test_damage_is_set_aside_and_named(directory, name, caplog):
    path = directory / name
    damaged = path.read_text().replace("a-seed1", "a-seed7").replace("30", "31")
    path.write_text(damaged)
    workdir.check_config(directory, CONFIG, sweep=False)
    runs = workdir.read_runs(directory)
    assert set(runs) == ({"a-seed0", "a-seed1"} if name == "config.json" else {"a-seed0"})
    assert not path.exists()
    assert path.with_name(f"{path.name}.damaged-1").read_text() == damaged
    [message] = [record.getMessage() for record in caplog.records]
    assert f"{path} is damaged" in message and f"{path.name}.damaged-1" in message
