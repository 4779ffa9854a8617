"""Sweeps: every arm with every seed, stopped anywhere and continued without losing a result."""

import functools
import json
import os
import shlex
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from lenet_jax import backend
from lenet_jax.config import resolve as resolve_lib
from lenet_jax.config.arms import Arm
from lenet_jax.config.checks import check_fields
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.identity import flatten, to_json, to_record
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.report import contents, figures, pages
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs import interruption, sweep
from lenet_jax.runs.lines import seal, to_line, unseal
from lenet_jax.runs.plan import list_runs
from lenet_jax.runs.progress import Progress
from lenet_jax.runs.run import hyperparameters_of, prepare
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.sweep import run_sweep
from lenet_jax.training.jax_settings import threads
from tests.helpers import commands, folders, tiny_sweep
from tests.helpers.commands import PROJECT, TINY, run_command

# A few steps on small images, also of configs/ablation.py.
SMALL = {
    "dataset": "digits",
    "train.epochs": 1,
    "train.batch_size": 431,
    "data.image_size": 16,
    "data.box": 16,
    "model.kernel_size": 3,
}
ARMS = ["local_shared", "mlp_8", "mlp_4", "too_fast"]
RUNS = [(arm, seed) for arm in ARMS for seed in (0, 1)]


DRAWN = {}  # name and arguments of what draws a figure, as JSON -> its file; None where there is none


@pytest.fixture(autouse=True)
def drawn_once(one_format, monkeypatch):
    """The figures of one table are drawn once for all tests; `monkeypatch.undo()` draws each anew."""
    render = figures.render

    def draw_once(draw, *arguments):
        key = json.dumps([draw.__name__, arguments])
        if key not in DRAWN:
            figure = draw(*arguments)
            DRAWN[key] = None if figure is None else render(figure, "png")
        return key if DRAWN[key] else None

    for module, name in ((figures, "errors_of_arms"), (contents, "contrasts_in_rows")):
        monkeypatch.setattr(module, name, functools.partial(draw_once, getattr(module, name)))
    monkeypatch.setattr(figures, "render", lambda key, form: DRAWN[key])


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    """Sweeps run here as on most machines, one run after another, and are compared with `finished_sweep`,
    whose runs were spread over four devices."""
    threads()  # of this process, which has four devices, is found out once
    [first, *_] = jax.local_devices()
    monkeypatch.setattr(jax, "local_devices", lambda *_: [first])


def ablate(directory, *arguments):
    return run_command("ablate", TINY, f"--workdir={directory}", *arguments)


def drafts(directory):
    """Temporary files that were not moved into place."""
    return [path for path in directory.rglob(".*") if path.name not in (".lock", ".claims")]


def run_arms(arms, directory, config=None):
    """Calls `run_sweep` as the command does."""
    return run_sweep(
        config or tiny_sweep.get_config(), arms, ["command"], directory, after_runs=write_results
    )


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
    base = to_record(tiny_sweep.get_config())
    assert not {"seeds", "arms", "data.manual_dir", "data.data_dir"} & set(base)
    header, runs = read_sweep(finished_sweep)
    assert [(run["result"]["arm"], run["result"]["seed"]) for run in runs] == RUNS
    arms = {arm.name: arm for arm in tiny_sweep.get_arms(None)}
    for content in runs:
        arm, seed = content["result"]["arm"], content["result"]["seed"]
        assert content["config"] == base | to_json(arms[arm].overrides) | {"seed": seed}
        provenance = content["provenance"]
        assert provenance["libraries"]["jax"] == jax.__version__
        assert provenance["device"] == jax.devices()[0].device_kind
        assert provenance["python"] == sys.version.split()[0]
        git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True)
        assert git.returncode or len(provenance["revision"].removesuffix("-dirty")) == 40
    assert header["config"] == base


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
def test_the_command_in_the_table_reproduces_the_table(tmp_path, arguments):
    assert ablate(tmp_path / "first", *arguments).status == 0
    *python, module, config = command_of(tmp_path / "first")[:4]
    assert (*python, module, config) == ("python", "-m", "experiments.ablate", TINY)
    words = [word.replace("DIR", str(tmp_path / "second")) for word in command_of(tmp_path / "first")[3:]]
    ended = run_command("ablate", *words)
    assert ended.status == 0, ended.err
    for name in ("table.csv", "table.md"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_the_command_in_the_table_covers_all_of_its_runs(tmp_path):
    """Whichever runs were requested last."""
    ablate(tmp_path, "--config.seeds=2", "--config.arms=mlp_4")
    ablate(tmp_path, "--config.seeds=1", "--config.arms=mlp_8")
    words = command_of(tmp_path)
    assert "--config.seeds=2" in words
    assert {"--config.arms=mlp_8,mlp_4", "--config.arms=mlp_4,mlp_8"} & set(words)


def test_a_finished_sweep_runs_nothing_again(sweep_copy):
    runs, tables = folders.records(sweep_copy), folders.tables(sweep_copy)
    ended = ablate(sweep_copy)
    assert (ended.status, ended.err) == (0, "")
    assert "local, shared" in ended.out
    assert folders.records(sweep_copy) == runs and folders.tables(sweep_copy) == tables


def test_report_rebuilds_the_same_files_from_the_records(sweep_copy, monkeypatch):
    monkeypatch.undo()  # drawn anew
    made = {
        path.name: path.read_bytes()
        for path in sweep_copy.iterdir()
        if path.suffix in (".csv", ".md", ".tex", ".png")
    }
    assert len(made) == 12
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
    """Like SIGKILL, it is not handled anywhere in the library."""


def kill(monkeypatch, owner, name, call):
    """Makes the `call`-th call of owner.name raise Killed before it does anything."""
    original, calls = getattr(owner, name), []

    def count(*arguments):
        calls.append(arguments)
        if len(calls) == call:
            raise Killed
        return original(*arguments)

    monkeypatch.setattr(owner, name, count)


# What is interrupted, at which call, and the number of runs recorded before.
MOMENTS = [
    pytest.param(os, "replace", 1, 0, id="while config.json is written"),
    pytest.param(Progress, "epoch", 1, 0, id="in the first epoch"),
    pytest.param(os, "fsync", 2, 0, id="while the first record is written"),
    pytest.param(os, "replace", 4, 0, id="with a network written but not its answers"),
    pytest.param(os, "replace", 5, 1, id="while results.csv is written"),
    pytest.param(Progress, "epoch", 4, 1, id="in the last epoch of a run"),
    pytest.param(os, "replace", 12, 4, id="with a run recorded but not in results.csv"),
    pytest.param(Progress, "ended", 3, 3, id="between two runs"),
    pytest.param(os, "replace", 24, 8, id="while runs.jsonl is merged"),
    pytest.param(os, "replace", 31, 8, id="while the tables are written"),
]


@pytest.mark.parametrize(("owner", "name", "call", "recorded"), MOMENTS)
def test_a_killed_sweep_continues(finished_sweep, tmp_path, monkeypatch, owner, name, call, recorded):
    directory = tmp_path / "sweep"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill(patch, owner, name, call)
        ablate(directory)
    before = folders.records(directory)
    assert len(before) == recorded
    ended = ablate(directory)
    assert ended.status == 0, ended.err
    assert ended.err.count("\n") == len(RUNS) - recorded  # a line for each run that was missing
    assert {run: folders.records(directory)[run] for run in before} == before
    assert folders.tables(directory) == folders.tables(finished_sweep)
    assert drafts(directory) == []


def test_a_sweep_that_is_killed_repeatedly_finishes(finished_sweep, tmp_path, monkeypatch):
    directory, seen = tmp_path / "sweep", {}
    for _ in RUNS:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill(patch, Progress, "ended", 1)
            ablate(directory)
        now = folders.records(directory)
        assert len(now) == len(seen) + 1 and {run: now[run] for run in seen} == seen
        seen = now
    assert ablate(directory).err == ""
    assert folders.tables(directory) == folders.tables(finished_sweep)


KILLED_IN_A_LINE = """
import os, runpy, signal, sys
write, runs = os.write, []
def write_half_of_the_second_run(descriptor, data):
    runs.append(data) if b'"result"' in data else None
    if len(runs) == 2:
        write(descriptor, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(descriptor, data)
os.write = write_half_of_the_second_run
runpy.run_module("experiments.ablate", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
def test_a_sweep_killed_by_sigkill_continues(finished_sweep, tmp_path):
    """SIGKILL at the worst moment: half of a run's line is written."""
    directory = tmp_path / "sweep"
    process = subprocess.run(
        [
            *(sys.executable, "-c", KILLED_IN_A_LINE, TINY, f"--workdir={directory}"),
            *("--workers=1", f"--threads={threads()}"),  # which continues it below, in this process
        ],
        cwd=PROJECT, env=commands.one_device(), capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr
    [torn] = directory.glob("runs.*.jsonl")
    assert not torn.read_text().endswith("\n")
    before = folders.records(directory)
    assert set(before) == {"local_shared-seed0"}
    assert ablate(directory).status == 0
    assert {run: folders.records(directory)[run] for run in before} == before
    assert folders.tables(directory) == folders.tables(finished_sweep)


@pytest.mark.slow
def test_two_commands_fill_one_folder_together(finished_sweep, tmp_path):
    """Started at the same time in processes of their own: every run exactly once, and the same tables."""
    directory = tmp_path / "sweep"
    command = [sys.executable, "-m", "experiments.ablate", TINY, f"--workdir={directory}", "--workers=1"]
    processes = [
        subprocess.Popen(
            command, cwd=PROJECT, env=commands.one_device(), stderr=subprocess.PIPE, text=True,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    ended = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    lines = [line for _, err in ended for line in err.splitlines()]
    done = [line.split("] ")[1].split(":")[0] for line in lines if line.startswith("[")]
    assert sorted(done) == sorted(f"{arm} seed {seed}" for arm, seed in RUNS)  # by one of the two
    assert len(folders.lines(directory, "runs")) == len(RUNS)
    assert [path.name for path in directory.glob("runs.*")] == ["runs.jsonl"]
    assert folders.tables(directory) == folders.tables(finished_sweep)
    keys = [(line["arm"], line["seed"], line["epoch"]) for line in folders.epochs(directory)]
    assert len(keys) == len(set(keys)) == 2 * 6 + 1 * 2  # `too_fast` diverges in its first epoch


def test_processes_that_train_side_by_side_choose_programs_of_their_own():
    """Or else those that start together would divide a population."""
    arms = [Arm("a", {"model.name": "mlp"}), Arm("b", {})]
    waiting = {run.key: run for run in list_runs(sweep_config(seeds=2), arms)}
    assert sweep._by_program(waiting, {("a", 0)}) == [("b", 0), ("a", 1), ("b", 1)]
    with backend.compiling_for("cuda"):
        assert sweep._by_program(waiting, {("a", 0)}) == [("b", 0), ("b", 1), ("a", 1)]


def test_a_compiler_that_the_signal_ended_as_well_is_no_error(tmp_path, monkeypatch):
    def compile_(*_):
        interruption.request()
        raise jax.errors.JaxRuntimeError("INTERNAL: ptxas exited with non-zero error code 2")

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "train_runs", compile_)
        ended = ablate(tmp_path)
    assert ended.status == 143 and "Traceback" not in ended.err
    assert "the same command" in ended.err and "ptxas exited" in ended.err


def test_other_errors_of_a_device_are_not_hidden(tmp_path, monkeypatch):
    def compute(*_):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    monkeypatch.setattr(sweep, "train_runs", compute)
    with pytest.raises(jax.errors.JaxRuntimeError, match="broken"):
        run_sweep(sweep_config(arms="mlp_8", seeds=1), tiny_sweep.get_arms(None), ["python"], tmp_path)


def test_an_interrupt_says_that_nothing_is_lost(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "epoch", interrupt)
        ended = ablate(tmp_path)
    assert ended.status == 130
    assert "the same command" in ended.err and "Traceback" not in ended.err


def test_a_leftover_draft_is_harmless(finished_sweep, sweep_copy):
    folders.remove_run(sweep_copy, "mlp_8", 1)
    for file in (sweep_copy / "runs.jsonl", sweep_copy / "table.csv", sweep_copy / "config.json"):
        draft = file.with_name(f".{file.name}.{os.getpid()}")  # even with the same process ID
        draft.write_text('{"sha256": "half a rec')
    assert ablate(sweep_copy).status == 0
    assert folders.tables(sweep_copy) == folders.tables(finished_sweep)


OLDER = "0123456789abcdef"


def record_older_code(directory, code):
    """Makes the records of `mlp_8` say that other code computed them."""
    path = directory / "runs.jsonl"
    runs = [json.loads(line) for line in path.read_text().splitlines()]
    for run in runs:
        del run["sha256"]
        run["code"] = code if run["arm"] == "mlp_8" else run["code"]
    path.write_bytes(b"".join(to_line(run) for run in runs))


@pytest.mark.parametrize(("code", "words"), [(OLDER, f"other code ({OLDER})"), ("unknown", "code: unknown")])
def test_runs_of_other_code_are_named_and_kept(sweep_copy, code, words):
    record_older_code(sweep_copy, code)
    before = folders.records(sweep_copy)
    ended = ablate(sweep_copy)
    assert ended.status == 0
    [line] = ended.err.splitlines()
    assert words in line and "2 of 8 recorded runs" in line and "--rerun" in line
    assert folders.records(sweep_copy) == before


def test_rerun_computes_them_again_and_keeps_the_older(finished_sweep, sweep_copy):
    record_older_code(sweep_copy, OLDER)
    before = folders.records(sweep_copy)
    ended = ablate(sweep_copy, "--rerun")
    assert ended.status == 0, ended.err
    assert [line.split("] ")[1].split(":")[0] for line in ended.err.splitlines()] == [
        "mlp_8 seed 0",
        "mlp_8 seed 1",
    ]
    after = folders.records(sweep_copy)
    assert {run for run in before if after[run] != before[run]} == {"mlp_8-seed0", "mlp_8-seed1"}
    replaced = (sweep_copy / "replaced" / "runs.jsonl").read_text().splitlines(keepends=True)
    assert sorted(replaced) == sorted([before["mlp_8-seed0"], before["mlp_8-seed1"]])
    keys = [(line["arm"], line["seed"], line["epoch"]) for line in folders.epochs(sweep_copy)]
    assert len(keys) == len(set(keys)) == 2 * 6 + 1 * 2
    assert folders.tables(sweep_copy) == folders.tables(finished_sweep)
    assert ablate(sweep_copy, "--rerun").err == ""


def test_rerun_replaces_what_it_computes_and_nothing_else(finished_sweep, sweep_copy):
    record_older_code(sweep_copy, OLDER)
    before = folders.records(sweep_copy)
    assert ablate(sweep_copy, "--rerun", "--config.arms=mlp_4,mlp_8", "--config.seeds=1").status == 0
    after = folders.records(sweep_copy)
    assert after.keys() == before.keys()
    assert {run for run in before if after[run] != before[run]} == {"mlp_8-seed0"}
    assert folders.tables(sweep_copy) == folders.tables(finished_sweep)


def test_a_killed_rerun_keeps_every_result(finished_sweep, sweep_copy, monkeypatch):
    record_older_code(sweep_copy, OLDER)
    before = folders.records(sweep_copy)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill(patch, Progress, "epoch", 3)  # in the second run that is computed again
        ablate(sweep_copy, "--rerun")
    assert folders.records(sweep_copy).keys() == before.keys()
    assert ablate(sweep_copy, "--rerun").status == 0
    assert folders.tables(sweep_copy) == folders.tables(finished_sweep)


DAMAGE = {
    "truncated": lambda text: text[: len(text) // 2],
    "altered": lambda text: text.replace("431", "432").replace("0.", "1."),
    "not JSON": lambda text: "Segmentation fault\n",
    "empty": lambda text: "",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_config_is_named_set_aside_and_rewritten(finished_sweep, sweep_copy, damage):
    file = sweep_copy / "config.json"
    whole = file.read_text()
    damaged = damage(whole)
    assert damaged != whole
    file.write_text(damaged)
    before = folders.records(sweep_copy)
    ended = ablate(sweep_copy)
    assert ended.status == 0
    [warning] = ended.err.splitlines()
    assert str(file) in warning and "damaged" in warning and "config.json.damaged-1" in warning
    assert (sweep_copy / "config.json.damaged-1").read_text() == damaged
    assert folders.records(sweep_copy) == before
    for name, table in folders.tables(sweep_copy).items():
        if "revision unknown" in table.decode():  # only config.json lists provenances
            assert name.startswith("table.") and damaged != DAMAGE["truncated"](whole)
        else:
            assert table == folders.tables(finished_sweep)[name]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_run_is_named_set_aside_and_computed_again(finished_sweep, sweep_copy, damage):
    file = sweep_copy / "runs.jsonl"
    [line] = [line for run, line in folders.records(sweep_copy).items() if run == "mlp_8-seed1"]
    damaged = damage(line).rstrip("\n") + "\n"
    assert damaged != line
    file.write_text(file.read_text().replace(line, damaged))
    ended = ablate(sweep_copy)
    assert ended.status == 0
    warning, *lines = ended.err.splitlines()
    assert f"{file}, line 4, is damaged: " in warning and "runs.jsonl.damaged-1" in warning
    assert (sweep_copy / "runs.jsonl.damaged-1").read_text() == damaged
    assert len(lines) == 1 and "mlp_8 seed 1" in lines[0]
    before = folders.records(finished_sweep)
    del before["mlp_8-seed1"]
    assert {run: folders.records(sweep_copy)[run] for run in before} == before
    assert folders.tables(sweep_copy) == folders.tables(finished_sweep)


def test_damage_elsewhere_does_not_stop_a_sweep(sweep_copy):
    """The damaged line belongs to an arm that isn't selected."""
    file = sweep_copy / "runs.jsonl"
    file.write_text(file.read_text().replace(folders.records(sweep_copy)["mlp_8-seed1"], "{}\n"))
    ended = ablate(sweep_copy, "--config.arms=mlp_4", "--config.seeds=3")
    assert ended.status == 0, ended.err
    assert f"{file}, line 4, is damaged" in ended.err
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


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("threads", 64, ["used 4 threads per process, not 64", "--threads=4"]),
        ("devices", 2, ["over 1 devices, not 2"]),
        ("environment", {"XLA_FLAGS": "--xla_fast=true"}, ["XLA_FLAGS=--xla_fast=true", "unset"]),
    ],
)
def test_runs_made_with_other_settings_are_not_continued(sweep_copy, monkeypatch, setting, value, words):
    before = folders.contents(sweep_copy)
    changed = sweep.settings("jit") | {setting: value}
    monkeypatch.setattr(sweep, "settings", lambda parallel: changed)
    ended = ablate(sweep_copy, "--config.seeds=3")
    assert ended.status == 1 and ended.err.count("\n") == 1
    assert all(word in ended.err for word in [*words, str(sweep_copy)]), ended.err
    assert folders.contents(sweep_copy) == before
    # Nothing is to be computed: what is recorded can be shown anywhere.
    assert ablate(sweep_copy).status == 0


def test_runs_of_unknown_settings_are_continued(sweep_copy):
    """Recorded before settings were, by a command that had others."""
    path = sweep_copy / "config.json"
    header = unseal(path.read_bytes())
    for digest in list(header["provenances"]):
        provenance = header["provenances"].pop(digest)
        for name in ("threads", "environment"):
            del provenance[name]
        header["provenances"][digest] = provenance
    path.write_text(json.dumps(seal(header)))
    assert ablate(sweep_copy, "--config.seeds=3").status == 0


@pytest.mark.parametrize(
    ("runs", "cores", "threads_each", "memory", "workers"),
    [(9, 4, 1, 1e12, 4), (3, 4, 1, 1e12, 3), (9, 4, 2, 1e12, 2), (9, 4, 8, 1e12, 1), (9, 64, 1, 5e9, 5)],
)
def test_the_number_of_workers_follows_cores_runs_and_memory(
    monkeypatch, tmp_path, runs, cores, threads_each, memory, workers
):
    monkeypatch.setattr(sweep, "threads", lambda: threads_each)
    monkeypatch.setattr(sweep, "memory_limit", lambda: memory)
    monkeypatch.setattr(sweep.os, "sched_getaffinity", lambda _: set(range(cores)))
    assert sweep.best_workers(runs, bytes_needed=300_000_000) == workers
    monkeypatch.setattr(sweep, "CPU_QUOTA", tmp_path / "cpu.max")
    for text, at_most in (("150000 100000", 2), ("max 100000", 99), ("", 99)):  # of a container
        sweep.CPU_QUOTA.write_text(text)
        assert sweep.best_workers(runs, bytes_needed=300_000_000) == max(
            1, min(workers, at_most // threads_each)
        )
    monkeypatch.setattr(sweep, "threads", lambda: None)  # on a GPU
    assert sweep.best_workers(runs, bytes_needed=300_000_000) == 1


def test_another_dataset_is_refused_before_it_is_fetched(sweep_copy, tmp_path):
    nowhere = f"--config.data.data_dir={tmp_path / 'data'}", f"--config.data.manual_dir={tmp_path / 'none'}"
    ended = ablate(sweep_copy, "--config.dataset=mnist", *nowhere)
    assert ended.status == 1
    assert "dataset: recorded 'digits', asked for 'mnist'" in ended.err
    assert not (tmp_path / "data").exists()


def test_an_arm_that_was_changed_is_refused(sweep_copy):
    before = folders.contents(sweep_copy)
    arms = [arm for arm in tiny_sweep.get_arms(None) if arm.name != "mlp_4"]
    arms.append(Arm("mlp_4", {"model.name": "mlp", "model.hidden": (5,)}))
    with pytest.raises(UserError, match=r"model.hidden: recorded \[4\], asked for \[5\]"):
        run_arms(arms, sweep_copy)
    assert folders.contents(sweep_copy) == before


def test_an_arm_that_cannot_be_run_is_refused_before_anything_runs(tmp_path):
    arms = [*tiny_sweep.get_arms(None), Arm("too_large", {"model.kernel_size": (16,)})]
    with pytest.raises(UserError, match="kernel_size=16 is too large"):
        run_arms(arms, tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


def test_after_each_run_its_result_can_be_read(tmp_path, monkeypatch):
    counts = []

    def after_run(directory):
        write_results(directory)
        counts.append(len(folders.rows(directory / "results.csv")))
        assert write_report(directory)  # the tables of a sweep that is still running

    monkeypatch.setattr(pages, "write_results", after_run)
    assert ablate(tmp_path, "--config.arms=mlp_8,mlp_4").status == 0
    assert counts == [1, 2, 3, 4]


def sweep_config(**fields):
    config = tiny_sweep.get_config()
    config.update(fields)
    return config


def test_seeds_count_from_the_configs_seed():
    arms = [Arm("a", {"model.name": "mlp"}), Arm("b", {})]
    config = sweep_config(seed=3, seeds=2)
    runs = list_runs(config, arms)
    # A seed is done with all arms before the next begins, so that a stopped sweep has whole pairs.
    assert [(run.arm, run.seed) for run in runs] == [("a", 3), ("b", 3), ("a", 4), ("b", 4)]
    assert [run.resolved.fields["seed"] for run in runs] == [3, 3, 4, 4]
    assert "seeds" not in runs[0].resolved.config and "arms" not in runs[0].resolved.config
    assert (config.seed, config.seeds, config.model.name) == (3, 2, "cnn")
    assert [run.seed for run in list_runs(sweep_config(seed=0, seeds=1), arms)] == [0, 0]


def test_arms_are_selected_by_name():
    arms = [Arm("a", {}), Arm("b", {}), Arm("c", {})]
    assert [run.arm for run in list_runs(sweep_config(seeds=1, arms=" c,a "), arms)] == ["a", "c"]
    with pytest.raises(UserError, match=r"config.arms names d, e: choose from a, b, c"):
        list_runs(sweep_config(arms="d,a,e"), arms)
    with pytest.raises(UserError, match=r"Arm x overrides a field that doesn't fit: .*nope"):
        list_runs(sweep_config(), [Arm("x", {"train.nope": 1})])
    with pytest.raises(UserError, match=r"config.seeds=0 must be at least 1"):
        list_runs(sweep_config(seeds=0), arms)


@pytest.mark.parametrize("path", ["configs/ablation.py", "tests/helpers/tiny_sweep.py"])
def test_each_distinct_config_is_resolved_once(tmp_path, monkeypatch, path):
    """In a whole `ablate`: the sweep's own config and each arm's; repetitions differ by their seed alone."""
    checked = []

    def count(config):
        checked.append(json.dumps(flatten(config)))
        check_fields(config)

    monkeypatch.setattr(resolve_lib, "check_fields", count)
    resolve_lib._check_fields.cache_clear()
    resolve_lib._resolve.cache_clear()
    small = [f"--config.{field}={value}" for field, value in SMALL.items()] + ["--config.seeds=2"]
    arms = "local_shared,mlp_4" if "tiny" in path else "local_shared,mlp_300"
    ended = run_command(
        "ablate", f"--config={PROJECT / path}", f"--workdir={tmp_path}", *small, f"--config.arms={arms}"
    )
    assert ended.status == 0, ended.err
    assert len(checked) == len(set(checked)) >= 2


def test_seeds_that_no_run_can_have_are_refused_at_once(tmp_path):
    config = sweep_config(seed=2**31 - 1, seeds=2)
    with pytest.raises(UserError, match="seed"):
        run_arms([Arm("mlp_8", {"model.name": "mlp"})], tmp_path / "sweep", config)
    assert not (tmp_path / "sweep").exists()


def test_a_seed_changes_initialisation_and_data_order_and_zero_is_a_seed():
    config = override(
        default_config(),
        {"dataset": "digits", "data.image_size": 16, "data.box": 16,
         "model.name": "mlp", "model.hidden": (8,),
         "train.batch_size": 431, "train.epochs": 2},
    )  # fmt: skip
    _, engine, program, images, _ = prepare(resolve(config))

    def initial(seed):
        return engine.init_state(program, hyperparameters_of([resolve(config).with_seed(seed)], 1))

    def trained(init_seed, order_seed):
        state = initial(init_seed)
        numbers = state.hyperparameters._replace(seed=initial(order_seed).hyperparameters.seed)
        state, _ = engine.train_epoch(program, state._replace(hyperparameters=numbers), images.data, 1)
        return np.asarray(state.params["output"]["kernel"])

    kernels = [np.asarray(initial(seed).params["output"]["kernel"]) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).all()
    # Three batches hold all 1,293 images, so that nothing but their order differs here.
    np.testing.assert_array_equal(trained(0, 0), trained(0, 0))
    assert (trained(0, 0) != trained(0, 1)).all()
