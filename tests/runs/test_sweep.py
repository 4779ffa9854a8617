"""Sweeps: every arm with every seed, stopped anywhere and continued, and never a result lost."""

import json
import os
import shlex
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from lenet_jax.config.fields import default_config, flatten, override, to_record
from lenet_jax.errors import UserError
from lenet_jax.report import pages
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.run import prepare
from lenet_jax.runs.sweep import list_runs, run_sweep
from tests.helpers import folders, tiny_sweep
from tests.helpers.commands import PROJECT, TINY, run_command
from tests.helpers.hyperparameters import population
from tests.training.test_epoch import with_seed

ARMS = ["local_shared", "mlp_8", "mlp_4", "too_fast"]
RUNS = [(arm, seed) for arm in ARMS for seed in (0, 1)]


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    """Sweeps run here as on most machines, one run after another, and are compared with `finished_sweep`,
    whose runs were spread over four devices."""
    monkeypatch.setattr(jax, "local_device_count", lambda: 1)


def ablate(directory, *arguments):
    return run_command("ablate", TINY, f"--workdir={directory}", *arguments)


def drafts(directory):
    """Files that were written and not put in their place."""
    return [path for path in directory.rglob(".*") if path.name != ".lock"]


def record(directory, run):
    return json.loads((directory / "runs" / run / "record.json").read_text())


def test_every_arm_runs_with_every_seed(finished_sweep):
    rows = folders.rows(finished_sweep / "results.csv")
    assert [(row["arm"], int(row["seed"])) for row in rows] == RUNS
    for row in rows:
        diverged = row["arm"] == "too_fast"
        assert row["dataset"] == "digits"
        assert row["status"] == ("diverged" if diverged else "done")
        assert row["epochs"] == ("1" if diverged else "2")
        assert float(row["wall_seconds"]) > 0
        accuracies = [row[f"{split}_accuracy"] for split in ("train", "val", "test")]
        if diverged:
            assert accuracies == ["", "", ""] and row["test_error_percent"] == ""
        else:
            # Fractions of the images of each split, every one of which is scored.
            for accuracy, images in zip(accuracies, (1293, 144, 360), strict=True):
                assert 0 < float(accuracy) < 1
                assert float(accuracy) * images == pytest.approx(round(float(accuracy) * images), abs=1e-3)


def test_every_run_records_its_resolved_config_and_where_it_ran(finished_sweep):
    base = flatten(tiny_sweep.get_config())
    for field in (
        "seeds",
        "arms",
        "data.manual_dir",
        "data.data_dir",
    ):  # selection, and this machine's folders
        del base[field]
    for arm, seed in RUNS:
        content = record(finished_sweep, f"{arm}-seed{seed}")
        overrides = tiny_sweep.get_arms(None)[arm] | {"seed": seed}
        as_json = {
            name: list(value) if isinstance(value, tuple) else value for name, value in overrides.items()
        }
        assert content["config"] == base | as_json
        provenance = content["provenance"]
        assert provenance["libraries"]["jax"] == jax.__version__
        assert provenance["device"] == jax.devices()[0].device_kind
        assert provenance["python"] == sys.version.split()[0]
        git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True)
        assert git.returncode or len(provenance["revision"].removesuffix("-dirty")) == 40
    sweep = json.loads((finished_sweep / "config.json").read_text())
    assert sweep["config"] == to_record(tiny_sweep.get_config())


def test_tables_count_diverged_runs_and_leave_them_out_of_means(finished_sweep):
    rows = {row["arm"]: row for row in folders.rows(finished_sweep / "table.csv")}
    assert list(rows) == ARMS
    assert {arm: (row["runs"], row["diverged"]) for arm, row in rows.items()} == {
        "local_shared": ("2", "0"), "mlp_8": ("2", "0"), "mlp_4": ("2", "0"), "too_fast": ("2", "2"),
    }  # fmt: skip
    results = folders.rows(finished_sweep / "results.csv")
    for arm in ARMS[:3]:
        mean = np.mean([float(row["test_accuracy"]) for row in results if row["arm"] == arm])
        assert float(rows[arm]["test_accuracy_mean"]) == pytest.approx(mean, abs=1e-6)
    assert rows["too_fast"]["test_accuracy_mean"] == rows["too_fast"]["test_accuracy_ci_low"] == ""
    assert [row["contrast"] for row in folders.rows(finished_sweep / "contrasts.csv")] == [
        "convolution",
        "width",
    ]
    assert (finished_sweep / "accuracy.png").stat().st_size > 1000


def test_the_same_command_gives_the_same_tables(finished_sweep, tmp_path):
    assert ablate(tmp_path / "again").status == 0
    assert folders.tables(tmp_path / "again") == folders.tables(finished_sweep)


def command_of(directory):
    """The words of the command in table.md, as a shell takes them."""
    [line] = [line for line in (directory / "table.md").read_text().splitlines() if "Command: `" in line]
    return shlex.split(line.split("`")[1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config.seed=1", "--config.seeds=1", "--config.arms=mlp_8,too_fast"],
        ["--config.model.hidden=()", "--config.train.momentum=0.5", "--config.arms=mlp_8"],
    ],
)
def test_the_command_in_the_table_gives_that_table(tmp_path, arguments):
    assert ablate(tmp_path / "first", *arguments).status == 0
    *python, module, config = command_of(tmp_path / "first")[:4]
    assert (*python, module, config) == ("python", "-m", "experiments.ablate", TINY)
    words = [word.replace("DIR", str(tmp_path / "second")) for word in command_of(tmp_path / "first")[3:]]
    ended = run_command("ablate", *words)
    assert ended.status == 0, ended.err
    for name in ("table.csv", "table.md"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_the_command_in_the_table_gives_all_that_is_in_it(tmp_path):
    """Whatever was asked for last."""
    ablate(tmp_path, "--config.seeds=2", "--config.arms=mlp_4")
    ablate(tmp_path, "--config.seeds=1", "--config.arms=mlp_8")
    words = command_of(tmp_path)
    assert "--config.seeds=2" in words
    assert {"--config.arms=mlp_8,mlp_4", "--config.arms=mlp_4,mlp_8"} & set(words)


def test_a_finished_sweep_runs_nothing_again(sweep_copy):
    runs, tables = folders.records(sweep_copy), folders.tables(sweep_copy)
    ended = ablate(sweep_copy)
    assert (ended.status, ended.err) == (0, "")
    assert "local_shared" in ended.out
    assert folders.records(sweep_copy) == runs and folders.tables(sweep_copy) == tables


def test_report_makes_the_same_files_from_the_records(sweep_copy):
    made = {
        path.name: path.read_bytes()
        for path in sweep_copy.iterdir()
        if path.suffix in (".csv", ".md", ".tex", ".png")
    }
    assert len(made) == 8
    for name in made:
        (sweep_copy / name).unlink()
    ended = run_command("report", f"--workdir={sweep_copy}")
    assert (ended.status, ended.err) == (0, "")
    assert {name: (sweep_copy / name).read_bytes() for name in made} == made


def test_a_run_is_decided_by_its_config_alone(finished_sweep, tmp_path):
    """Alone or among others, first or last."""
    ablate(tmp_path / "alone", "--config.seed=1", "--config.seeds=1", "--config.arms=mlp_4")
    [row] = folders.rows(tmp_path / "alone" / "results.csv")
    [same] = [
        other
        for other in folders.rows(finished_sweep / "results.csv")
        if (other["arm"], other["seed"]) == ("mlp_4", "1")
    ]
    assert row | {"wall_seconds": ""} == same | {"wall_seconds": ""}


def test_more_seeds_and_more_arms_keep_what_is_recorded(finished_sweep, tmp_path):
    ablate(tmp_path, "--config.seeds=1", "--config.arms=mlp_8,local_shared")
    first = folders.records(tmp_path)
    assert set(first) == {"mlp_8-seed0", "local_shared-seed0"}
    ablate(tmp_path)
    both = folders.records(tmp_path)
    assert {run: both[run] for run in first} == first
    assert folders.tables(tmp_path) == folders.tables(finished_sweep)
    ended = ablate(tmp_path, "--config.seeds=3", "--config.arms=mlp_4")
    assert len(ended.err.splitlines()) == 1 and "mlp_4 seed 2" in ended.err
    assert {row["arm"]: row["runs"] for row in folders.rows(tmp_path / "table.csv")} == {
        "local_shared": "2", "mlp_8": "2", "mlp_4": "3", "too_fast": "2",
    }  # fmt: skip
    assert {run: folders.records(tmp_path)[run] for run in both} == both


class Killed(BaseException):
    """Like SIGKILL, nothing of the library's handles it."""


def kill(monkeypatch, owner, name, call):
    """Has the `call`-th call of owner.name stop the process before it does anything."""
    original, calls = getattr(owner, name), []

    def count(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            raise Killed
        return original(*arguments)

    monkeypatch.setattr(owner, name, count)


# What is interrupted, the how many-th time, and how many runs are recorded by then.
MOMENTS = [
    pytest.param(os, "replace", 1, 0, id="while config.json is written"),
    pytest.param(Progress, "epoch", 1, 0, id="in the first epoch"),
    pytest.param(os, "fsync", 2, 0, id="while the first record is written"),
    pytest.param(os, "replace", 3, 1, id="while results.csv is written"),
    pytest.param(Progress, "epoch", 4, 1, id="in the last epoch of a run"),
    pytest.param(os, "replace", 6, 2, id="with a record written but not in place"),
    pytest.param(Progress, "run_done", 3, 3, id="between two runs"),
    pytest.param(os, "replace", 19, 8, id="while the tables are written"),
]


@pytest.mark.parametrize(("owner", "name", "call", "recorded"), MOMENTS)
def test_a_killed_sweep_goes_on(finished_sweep, tmp_path, monkeypatch, owner, name, call, recorded):
    directory = tmp_path / "sweep"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill(patch, owner, name, call)
        ablate(directory)
    before = folders.records(directory)
    assert len(before) == recorded
    ended = ablate(directory)
    assert ended.status == 0, ended.err
    assert ended.err.count("\n") == len(RUNS) - recorded  # a line for each run that was still to do
    assert {run: folders.records(directory)[run] for run in before} == before
    assert folders.tables(directory) == folders.tables(finished_sweep)
    assert drafts(directory) == []


def test_a_sweep_killed_over_and_over_comes_to_its_end(finished_sweep, tmp_path, monkeypatch):
    directory, seen = tmp_path / "sweep", {}
    for _ in RUNS:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill(patch, Progress, "run_done", 1)
            ablate(directory)
        now = folders.records(directory)
        assert len(now) == len(seen) + 1 and {run: now[run] for run in seen} == seen
        seen = now
    assert ablate(directory).err == ""
    assert folders.tables(directory) == folders.tables(finished_sweep)


KILLED_AT_RENAME = """
import os, runpy, signal, sys
replace, records = os.replace, []
def kill_before_renaming_the_second_record(draft, path):
    records.append(path) if path.name == "record.json" else None
    if len(records) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(draft, path)
os.replace = kill_before_renaming_the_second_record
runpy.run_module("experiments.ablate", run_name="__main__", alter_sys=True)
"""


def test_a_sweep_killed_by_the_system_goes_on(finished_sweep, tmp_path):
    """SIGKILL at the worst moment: a record is written, and not yet in its place."""
    directory = tmp_path / "sweep"
    process = subprocess.run(
        [sys.executable, "-c", KILLED_AT_RENAME, TINY, f"--workdir={directory}"],
        cwd=PROJECT, env=os.environ | {"XLA_FLAGS": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr
    before = folders.records(directory)
    assert len(before) == 1
    [draft] = drafts(directory)
    assert draft.parent.name == "mlp_8-seed0" and draft.name.startswith(".record.json.")
    assert ablate(directory).status == 0
    assert {run: folders.records(directory)[run] for run in before} == before
    assert folders.tables(directory) == folders.tables(finished_sweep)


def test_an_interrupt_says_that_nothing_is_lost(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "epoch", interrupt)
        ended = ablate(tmp_path)
    assert ended.status == 130
    assert "the same command" in ended.err and "Traceback" not in ended.err


def test_a_leftover_draft_is_harmless(finished_sweep, sweep_copy):
    run = sweep_copy / "runs" / "mlp_8-seed1"
    (run / "record.json").unlink()
    for file in (run / "record.json", sweep_copy / "table.csv", sweep_copy / "config.json"):
        draft = file.with_name(f".{file.name}.{os.getpid()}")  # even of the same process number
        draft.write_text('{"sha256": "half a rec')
    assert ablate(sweep_copy).status == 0
    assert folders.tables(sweep_copy) == folders.tables(finished_sweep)


DAMAGE = {
    "truncated": lambda text: text[: len(text) // 2],
    "altered": lambda text: text.replace("431", "432").replace("0.", "1.", 1),
    "not JSON": lambda text: "Segmentation fault\n",
    "empty": lambda text: "",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("name", ["runs/mlp_8-seed1/record.json", "config.json"])
def test_damage_is_named_set_aside_and_mended(finished_sweep, sweep_copy, name, damage):
    file = sweep_copy / name
    damaged = damage(file.read_text())
    assert damaged != file.read_text()
    file.write_text(damaged)
    before = folders.records(sweep_copy)
    ended = ablate(sweep_copy)
    assert ended.status == 0
    warning, *lines = ended.err.splitlines()
    assert str(file) in warning and "damaged" in warning and f"{file.name}.damaged-1" in warning
    assert file.with_name(f"{file.name}.damaged-1").read_text() == damaged
    if name == "config.json":
        assert lines == [] and folders.records(sweep_copy) == before
    else:
        assert len(lines) == 1 and "mlp_8 seed 1" in lines[0]
        del before["mlp_8-seed1"]
        assert {run: folders.records(sweep_copy)[run] for run in before} == before
    assert folders.tables(sweep_copy) == folders.tables(finished_sweep)


def test_damage_elsewhere_does_not_stop_a_sweep(sweep_copy):
    """The damaged record is of an arm that isn't asked for now."""
    (sweep_copy / "runs" / "mlp_8-seed1" / "record.json").write_text("")
    ended = ablate(sweep_copy, "--config.arms=mlp_4", "--config.seeds=3")
    assert ended.status == 0, ended.err
    assert "mlp_8-seed1/record.json is damaged" in ended.err
    runs = {row["arm"]: row["runs"] for row in folders.rows(sweep_copy / "table.csv")}
    assert (runs["mlp_4"], runs["mlp_8"]) == ("3", "1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train.epochs", "3"),
        ("train.learning_rate", "0.2"),
        ("seed", "5"),
        ("model.hidden", "9"),
        ("data.seed", "1"),
    ],
)
def test_another_config_is_refused_and_nothing_touched(sweep_copy, field, value):
    before = folders.contents(sweep_copy)
    ended = ablate(sweep_copy, f"--config.{field}={value}")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith(
        f"error: {sweep_copy} holds results of another config: choose another --workdir"
    )
    assert f"{field}: recorded " in ended.err and ended.err.count("\n") == 1
    assert folders.contents(sweep_copy) == before


def test_another_dataset_is_refused_before_it_is_fetched(sweep_copy, tmp_path):
    nowhere = f"--config.data.data_dir={tmp_path / 'data'}", f"--config.data.manual_dir={tmp_path / 'none'}"
    ended = ablate(sweep_copy, "--config.dataset=mnist", *nowhere)
    assert ended.status == 1
    assert "dataset: recorded 'digits', asked for 'mnist'" in ended.err
    assert not (tmp_path / "data").exists()


def test_an_arm_that_was_changed_is_refused(sweep_copy):
    before = folders.contents(sweep_copy)
    config = tiny_sweep.get_config()
    arms = tiny_sweep.get_arms(config) | {"mlp_4": {"model.name": "mlp", "model.hidden": (5,)}}
    with pytest.raises(UserError, match=r"model.hidden: recorded \[4\], asked for \[5\]"):
        run_sweep(config, arms, {}, "command", sweep_copy, write_results)
    assert folders.contents(sweep_copy) == before


def test_what_cannot_be_run_is_refused_before_anything_runs(tmp_path):
    config = tiny_sweep.get_config()
    arms = tiny_sweep.get_arms(config) | {"too_large": {"model.kernel_size": (16,)}}
    with pytest.raises(UserError, match="kernel_size=16 is too large"):
        run_sweep(config, arms, {}, "command", tmp_path / "sweep", write_results)
    assert not (tmp_path / "sweep").exists()


def test_after_each_run_its_result_can_be_read(tmp_path, monkeypatch):
    counts = []

    def after_run(directory):
        write_results(directory)
        counts.append(len(folders.rows(directory / "results.csv")))
        assert write_report(directory)  # the tables of a sweep that still runs

    monkeypatch.setattr(pages, "write_results", after_run)
    assert ablate(tmp_path, "--config.arms=mlp_8,mlp_4").status == 0
    assert counts == [1, 2, 3, 4]


def sweep_config(**fields):
    config = tiny_sweep.get_config()
    config.update(fields)
    return config


def test_seeds_count_from_the_configs_seed():
    arms = {"a": {"model.name": "mlp"}, "b": {}}
    config = sweep_config(seed=3, seeds=2)
    runs = list_runs(config, arms)
    # A seed is done with all arms before the next begins, so that a stopped sweep has whole pairs.
    assert [(run.arm, run.config.seed) for run in runs] == [("a", 3), ("b", 3), ("a", 4), ("b", 4)]
    assert len({run.folder for run in runs}) == 4
    assert "seeds" not in runs[0].config and "arms" not in runs[0].config
    assert (config.seed, config.seeds, config.model.name) == (3, 2, "cnn")
    assert [run.config.seed for run in list_runs(sweep_config(seed=0, seeds=1), arms)] == [0, 0]


def test_arms_are_chosen_by_name():
    arms = {"a": {}, "b": {}, "c": {}}
    assert [run.arm for run in list_runs(sweep_config(seeds=1, arms=" c,a "), arms)] == ["a", "c"]
    with pytest.raises(UserError, match=r"config.arms names d, e: choose from a, b, c"):
        list_runs(sweep_config(arms="d,a,e"), arms)
    with pytest.raises(UserError, match=r"Arm x overrides a field that doesn't fit: .*nope"):
        list_runs(sweep_config(), {"x": {"train.nope": 1}})
    with pytest.raises(UserError, match=r"config.seeds=0 must be at least 1"):
        list_runs(sweep_config(seeds=0), arms)


def test_seeds_that_no_run_can_have_are_refused_at_once(tmp_path):
    config = sweep_config(seed=2**31 - 1, seeds=2)
    with pytest.raises(UserError, match="seed"):
        run_sweep(config, {"mlp_8": {"model.name": "mlp"}}, {}, "command", tmp_path / "sweep", write_results)
    assert not (tmp_path / "sweep").exists()


def test_a_seed_changes_initialisation_and_data_order_and_zero_is_a_seed():
    config = override(
        default_config(),
        {"model.name": "mlp", "model.hidden": (8,), "data.image_size": 16, "data.box": 16,
         "train.batch_size": 431, "train.epochs": 2},
    )  # fmt: skip
    engine, program, images = prepare(config)

    def initial(seed):
        return engine.init_state(program, population({"seed": seed}))

    def trained(init_seed, order_seed):
        state, _ = engine.train_epoch(program, with_seed(initial(init_seed), order_seed), images.data, 1)
        return np.asarray(state.params["output"]["kernel"])

    kernels = [np.asarray(initial(seed).params["output"]["kernel"]) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).all()
    # Three batches hold all 1,293 images, so that nothing but their order differs here.
    np.testing.assert_array_equal(trained(0, 0), trained(0, 0))
    assert (trained(0, 0) != trained(0, 1)).all()
