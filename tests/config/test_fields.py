"""Fields, overrides and identity of configs; every file in configs/, run in small."""

import json

import pytest

from lenet_jax.config import fields as config_lib
from lenet_jax.config.build_model import build_model
from lenet_jax.config.fields import default_config, differences, flatten, override
from lenet_jax.models.counts import count_model
from lenet_jax.runs.sweep import list_runs
from tests.helpers import folders
from tests.helpers.commands import PROJECT, load_config, run_command

FILES = sorted((PROJECT / "configs").glob("*.py"))
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)

# A few steps of every arm on small images.
SMALL = {
    "train.epochs": 1,
    "train.batch_size": 431,
    "data.image_size": 16,
    "data.box": 16,
    "model.kernel_size": (3,),
    "seeds": 1,
}


def test_the_names_that_the_design_fixes():
    fixed = "dataset seed parallel data.manual_dir train.epochs train.batch_size train.learning_rate"
    assert set(fixed.split()) <= set(flatten(default_config()))
    assert {"seeds", "arms"} <= set(flatten(load_config(PROJECT / "configs" / "ablation.py").get_config()))


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


def test_differences_name_each_field_that_identifies_a_run():
    recorded = flatten(default_config())
    assert differences(recorded, flatten(default_config())) == []
    for field, value in recorded.items():
        other = {**recorded, field: [value, "other"]}
        found = differences(recorded, other)
        if field in ("data.manual_dir", "data.data_dir", "tensorboard"):
            assert found == []  # these change no result
        else:
            assert len(found) == 1 and found[0].startswith(f"{field}: recorded {value!r}, asked for ")
    assert len(differences(recorded, {})) == len(set(recorded) - set(config_lib.NOT_IDENTITY))
    assert differences(recorded, recorded | {"new": None}) == ["new: recorded 'nothing', asked for None"]


def test_a_record_without_a_field_that_came_later_did_what_its_default_does():
    config = flatten(default_config())
    recorded = {field: value for field, value in config.items() if field != "data.positions"}
    assert differences(recorded, config) == []
    [line] = differences(recorded, config | {"data.positions": 4})
    assert line == "data.positions: recorded 1, asked for 4"


@pytest.mark.parametrize("file", sorted((PROJECT / "configs").rglob("*.py")), ids=lambda file: file.stem)
def test_config_files_say_how_they_are_used(file):
    module = load_config(file)
    command = "ablate" if hasattr(module, "get_arms") else "train"
    name = file.relative_to(PROJECT).as_posix()
    assert f"python -m experiments.{command} --config={name} --workdir=" in module.__doc__
    config = module.get_config()
    assert config.is_locked
    assert flatten(config) == flatten(module.get_config())
    assert set(flatten(default_config())) <= set(flatten(config))


def unlike(arms):
    """Names of arms, one of those that set the same fields to the same names and to other sizes."""
    kinds = {}
    for arm, fields in arms.items():
        kind = {field: value if isinstance(value, str) else None for field, value in fields.items()}
        kinds.setdefault(tuple(kind.items()), arm)
    return list(kinds.values())


@each_file
def test_every_config_runs_in_small(file, tmp_path):
    module = load_config(file)
    config = module.get_config()
    small = [f"--config.{field}={value}" for field, value in SMALL.items() if field in flatten(config)]
    arguments = [f"--config={file}", f"--workdir={tmp_path / 'small'}", *small]
    if not hasattr(module, "get_arms"):
        ended = run_command("train", *arguments)
        assert ended.status == 0, ended.err
        assert "test accuracy" in ended.out
        return
    arms = unlike(module.get_arms(config))
    ended = run_command("ablate", *arguments, f"--config.arms={','.join(arms)}")
    assert ended.status == 0, ended.err
    rows = folders.rows(tmp_path / "small" / "results.csv")
    assert [(row["arm"], row["status"]) for row in rows] == [(arm, "done") for arm in arms]


def test_the_small_ablation_has_every_wiring():
    arms = unlike(ablation().get_arms(ablation().get_config()))
    assert len(arms) == 8 and arms[6:] == ["mlp_matched", "mlp_300"]


def ablation():
    return load_config(PROJECT / "configs" / "ablation.py")


def test_the_ablation_has_the_arms_of_the_design():
    """Counts of docs' tables, arm by arm."""
    config = ablation().get_config()
    arms = ablation().get_arms(config)
    parameters = {}
    for name in arms:
        [run] = [run for run in list_runs(config, {name: arms[name]}) if run.config.seed == 0]
        size = run.config.data.image_size
        parameters[name] = count_model(build_model(run.config.model, size), size).parameters
    assert parameters == {
        "local_shared": 61_706,
        "local_unshared": 423_038,
        "random_shared": 61_706,
        "random_unshared": 423_038,
        "full_shared": 84_116,
        "full_unshared": 6_763_934,
        "mlp_matched": 62_020,
        "mlp_300": 238_510,
        "mlp_1000": 795_010,
        "mlp_300_100": 266_610,
        "mlp_500_150": 469_160,
    }


def test_arms_of_the_ablation_differ_in_the_model_and_its_field_alone():
    config = ablation().get_config()
    runs = [run for run in list_runs(config, ablation().get_arms(config)) if run.config.seed == 0]
    for run in runs:
        lines = differences(flatten(runs[0].config), flatten(run.config))
        assert {line.split(":")[0].split(".")[0] for line in lines} <= {"model", "data"}
        assert not [line for line in lines if line.startswith("data.") and "image_size" not in line]


def test_contrasts_of_the_ablation_isolate_one_constraint():
    config = ablation().get_config()
    arms = ablation().get_arms(config)
    for contrast, pair in ablation().get_contrasts().items():
        assert set(pair) <= set(arms), contrast
        if contrast.startswith("sharing"):
            assert arms[pair[0]]["model.sharing"] == "shared"
            assert arms[pair[1]] == arms[pair[0]] | {"model.sharing": "unshared"}
        elif contrast.startswith("sparse"):
            assert arms[pair[0]]["model.connectivity"] in contrast
            assert arms[pair[1]] == arms[pair[0]] | {"model.connectivity": "full"}
        elif contrast.startswith("local against random"):
            assert arms[pair[0]]["model.connectivity"] == "local"
            assert arms[pair[1]] == arms[pair[0]] | {"model.connectivity": "random"}
    assert ablation().get_contrasts()["both constraints"] == ("local_shared", "full_unshared")
