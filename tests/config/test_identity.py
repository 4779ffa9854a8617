"""How configs are flattened, recorded and compared."""

import json

from lenet_jax.config.fields import FIELDS, default_config, default_sweep, override
from lenet_jax.config.identity import complete, differences, flatten, to_record


def test_flattened_configs_survive_json():
    flat = flatten(default_config())
    assert flat["model.maps"] == [6, 16] and flat["train.momentum"] == 0.9
    assert json.loads(json.dumps(flat)) == flat


def test_an_override_changes_a_copy_and_nothing_else():
    config = default_config()
    before = flatten(config)
    changed = override(config, {"model.sharing": "unshared", "seed": 3, "model.hidden": ()})
    assert flatten(config) == before
    assert flatten(changed) == before | {"model.sharing": "unshared", "seed": 3, "model.hidden": []}


def test_records_leave_out_local_folders_and_fields_that_select_runs():
    config = override(default_sweep(), {"data.manual_dir": "/here", "data.data_dir": "/there", "seeds": 3})
    assert set(FIELDS) - set(to_record(config)) == {"data.manual_dir", "data.data_dir"}
    assert not {"seeds", "arms"} & set(to_record(config))


def test_differences_name_each_field_that_identifies_a_run():
    recorded = flatten(default_config())
    assert differences(recorded, flatten(default_config())) == []
    for field, value in recorded.items():
        other = {**recorded, field: [value, "other"]}
        found = differences(recorded, other)
        if field in ("data.manual_dir", "data.data_dir", "tensorboard", "keep", "checkpoint_minutes"):
            assert found == []  # these change no result
        else:
            assert len(found) == 1 and found[0].startswith(f"{field}: recorded {value!r}, asked for ")
    assert len(differences(recorded, {})) == len(set(recorded)) - 5
    assert differences(recorded, recorded | {"new": None}) == ["new: recorded 'nothing', asked for None"]


def test_a_field_that_was_added_after_a_record_has_its_default():
    config = flatten(default_config())
    recorded = {field: value for field, value in config.items() if field != "data.positions"}
    assert complete(recorded)["data.positions"] == 1
    assert differences(recorded, config) == []
    [line] = differences(recorded, config | {"data.positions": 4})
    assert line == "data.positions: recorded 1, asked for 4"
