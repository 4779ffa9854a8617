"""Every file in configs/: its docstring gives its command, and it runs on small images."""

import pytest

from lenet_jax.config.fields import default_config
from lenet_jax.config.identity import flatten
from tests.helpers import folders
from tests.helpers.commands import PROJECT, config_files, load_config, run_command

ALL_FILES = config_files("**/*.py")
FILES = config_files("*.py")

# A few steps of every arm on small images.
SMALL = {
    "dataset": "digits",
    "train.epochs": 1,
    "train.batch_size": 431,
    "data.image_size": 16,
    "data.box": 16,
    "model.kernel_size": (3,),
    "model.maps": (2, 3),
    "seeds": 1,
}
LARGER = {"sizes.py": {"data.image_size": 32}}  # for arms with kernels of their own


@pytest.mark.parametrize("file", ALL_FILES, ids=lambda file: file.stem)
def test_docstrings_of_config_files_give_their_command(file):
    module = load_config(file)
    commands = ("ablate", "tune") if hasattr(module, "get_arms") else ("train",)
    name = file.relative_to(PROJECT).as_posix()
    assert any(f"python -m experiments.{command} --config={name}" in module.__doc__ for command in commands)
    assert " --workdir=" in module.__doc__
    config = module.get_config()
    assert config.is_locked
    assert flatten(config) == flatten(module.get_config())
    assert set(flatten(default_config())) <= set(flatten(config))


def unlike(arms):
    """Names of arms, one for each group that sets the same fields to the same names, whatever the sizes."""
    kinds = {}
    for arm in arms:
        kind = {name: value if isinstance(value, str) else None for name, value in arm.overrides.items()}
        kinds.setdefault(tuple(kind.items()), arm.name)
    return list(kinds.values())


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, marks=pytest.mark.slow if "def get_arms" in file.read_text() else ())
        for file in FILES
    ],
    ids=lambda file: file.name,
)
def test_every_config_runs_on_small_images(file, tmp_path):
    module = load_config(file)
    config = module.get_config()
    fields = SMALL | LARGER.get(file.name, {})
    small = [f"--config.{field}={value}" for field, value in fields.items() if field in flatten(config)]
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
