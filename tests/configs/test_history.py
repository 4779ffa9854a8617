"""Every file in configs/history: that its arms can be run, and some of them run in small."""

import pytest

from lenet_jax.config.build_program import make_program
from lenet_jax.config.fields import override
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.run import Job, check, prepare, train_and_record
from lenet_jax.runs.sweep import list_runs
from tests.helpers.commands import PROJECT, load_config, run_command

FRAGMENTS = ("common", "tuned")  # imported by the configs
FILES = sorted(path for path in (PROJECT / "configs" / "history").glob("*.py") if path.stem not in FRAGMENTS)
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def runs_of(file):
    """Name -> resolved config, of the first seed."""
    module = load_config(file)
    config = module.get_config()
    if not hasattr(module, "get_arms"):
        return {file.stem: config}
    runs = list_runs(override(config, {"seeds": 1}), module.get_arms(config))
    return {run.arm: run.config for run in runs}


@each_file
def test_every_arm_can_be_run(file):
    for arm, config in runs_of(file).items():
        check(config)
        assert config.dataset == ("mnist" if config.data.image_size > 16 else "usps"), arm
        make_program(config, 7_291, 1)


@each_file
def test_contrasts_and_references_name_arms(file):
    module, arms = load_config(file), runs_of(file)
    for pair in module.get_contrasts().values() if hasattr(module, "get_contrasts") else ():
        assert set(pair) <= set(arms)
    if hasattr(module, "get_references"):
        assert set(module.get_references()) == set(arms)


# An arm for each way of training: what else they do is the same.
TRAINED = [
    ("zipcode", "exact_curvature"),
    ("zipcode_later", "dropout"),
    ("nets_1989", "net4_moved"),
    ("figure9", "lenet5_dist"),
    ("lenet5_later", "max"),
]


@pytest.mark.parametrize(("name", "arm"), TRAINED)
def test_arms_run_in_small(name, arm, tmp_path):
    """One epoch on the embedded digits, by the arm's own protocol."""
    config = runs_of(PROJECT / "configs" / "history" / f"{name}.py")[arm]
    config = override(
        config, {"dataset": "digits", "train.epochs": 1, "train.curvature_images": 20, "data.box": 12}
    )
    if config.data.draw:
        config = override(config, {"data.draw": (30, 20, 20)})
    with Progress(1) as progress:
        [result] = train_and_record([Job(arm, config, tmp_path)], prepare(config), progress)
    assert result["status"] == "done" and result["train_loss"] > 0


def test_the_bitmaps_are_drawn(tmp_path):
    config = PROJECT / "configs" / "history" / "lenet5.py"
    ended = run_command("bitmaps", f"--config={config}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 0, ended.err
    assert (tmp_path / "new" / "bitmaps.png").read_bytes().startswith(b"\x89PNG")


def test_other_outputs_have_no_bitmaps(tmp_path):
    ended = run_command("bitmaps", f"--config={PROJECT / 'configs' / 'lenet5.py'}", f"--workdir={tmp_path}")
    assert ended.status == 1 and "config.model.output=logits has no bitmaps" in ended.err


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    config = PROJECT / "configs" / "history" / "lenet5.py"
    (tmp_path / "file").write_text("mine")
    ended = run_command("bitmaps", f"--config={config}", f"--workdir={tmp_path / 'file'}")
    assert ended.status == 1 and "cannot be written (File exists)" in ended.err


NETS = f"--config={PROJECT / 'configs' / 'history' / 'nets_1989.py'}"


def test_summary_shows_the_arms_of_a_sweep_that_are_named():
    ended = run_command("summary", NETS, "--config.arms=net1,net4")
    assert ended.status == 0, ended.err
    net1, net4 = ended.out.split("net4")
    assert net1.startswith("net1\n") and "2,570" in net1 and net1.rstrip().endswith("1 layer has weights.")
    assert "1,132" in net4 and "2,266" in net4
    unknown = run_command("summary", NETS, "--config.arms=net9")
    assert unknown.status == 1 and "config.arms names net9: choose from net1, " in unknown.err


@pytest.mark.parametrize("command", ["summary", "ablate"])
def test_a_field_that_all_arms_set_themselves_is_refused(command, tmp_path):
    workdir = [] if command == "summary" else [f"--workdir={tmp_path / 'sweep'}"]
    ended = run_command(command, NETS, "--config.arms=net1,net5", "--config.train.epochs=3", *workdir)
    assert ended.status == 1
    assert ended.err.startswith(
        "error: --config.train.epochs has no effect: each of the arms sets train.epochs"
    )
    assert not (tmp_path / "sweep").exists()
