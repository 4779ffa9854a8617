"""`experiments.reproduce` runs a recorded command again and compares the numbers."""

import json
import os
import sys

import pytest

from experiments.reproduce import command_of, environment_of
from lenet_jax.errors import UserError
from lenet_jax.native import form
from lenet_jax.report.comparison import compare
from lenet_jax.runs.header import UNKNOWN
from lenet_jax.runs.store import read_sweep
from tests.helpers.commands import run_command


@pytest.fixture
def records(finished_sweep):
    return read_sweep(finished_sweep)[1]


def changed(records, arm, seed, **result):
    """A copy of the records in which a run has other results."""
    copies = json.loads(json.dumps(records))
    for record in copies:
        if (record["arm"], record["seed"]) == (arm, seed):
            record["result"] |= result
    return copies


def test_equal_runs_are_equal_whatever_time_they_took(records):
    found = compare(records, changed(records, "mlp_8", 0, wall_seconds=99.0))
    assert found == (["8 of 8 runs have the recorded results, to the last digit."], True)


def test_the_largest_difference_is_named(records):
    [accuracy] = [record["result"]["test_accuracy"] for record in records if record["arm"] == "mlp_8"][:1]
    found = compare(records, changed(records, "mlp_8", 0, test_accuracy=accuracy + 0.01))
    assert found.sentences == [
        "7 of 8 runs have the recorded results, to the last digit.",
        "The largest difference of a test accuracy is 1.00 points, of mlp_8 seed 0.",
        "Every arm's new mean lies within the recorded 95% interval over seeds.",
    ]
    assert found.holds


def test_another_digit_of_a_loss_is_a_difference(records):
    found = compare(records, changed(records, "mlp_8", 0, train_loss=1.0))
    assert found.sentences[0].startswith("7 of 8") and "0.00 points" in found.sentences[1] and found.holds


def test_a_mean_outside_of_its_interval_fails(records):
    found = compare(records, changed(records, "mlp_8", 0, test_accuracy=1.0))
    assert not found.holds
    assert "mlp_8: the new mean" in found.sentences[-1]
    assert "not in the recorded interval" in found.sentences[-1]


def test_a_run_that_now_diverges_fails(records):
    found = compare(records, changed(records, "mlp_8", 0, status="diverged", test_accuracy=None))
    assert not found.holds and found.sentences[-1] == "mlp_8: 1 runs diverged, not 0."


def test_a_missing_run_fails(records):
    found = compare(records, [record for record in records if record["arm"] != "mlp_4"])
    assert not found.holds and "2 runs were not computed again, such as mlp_4 seed 0." in found.sentences


def test_the_recorded_command_is_run_with_the_recorded_threads(finished_sweep):
    header, runs = read_sweep(finished_sweep)
    threads = runs[0]["provenance"]["threads"]
    words = [sys.executable, "-m", "experiments.ablate", *header["command"][3:]]
    assert command_of(finished_sweep, header, runs) == [*words, "--config.seeds=2", f"--threads={threads}"]
    some = [run for run in runs if run["arm"] == "mlp_8" and run["seed"] == 0]
    del some[0]["provenance"]["threads"]
    selected = ["--config.seeds=1", "--config.arms=mlp_8"]
    assert command_of(finished_sweep, header, some) == [*words, *selected, "--threads=0"]


@pytest.mark.parametrize(
    "command",
    [
        ["rm", "-rf", "/"],
        ["python", "-c", "print()"],
        ["python", "-m", "http.server"],
        ["python", "-m", "experiments.ablate", "--flagfile=/etc/passwd"],
        ["python", "-m", "experiments.ablate", "--workdir=elsewhere"],
        [],
    ],
)
def test_other_commands_are_not_run(finished_sweep, command):
    header, runs = read_sweep(finished_sweep)
    with pytest.raises(UserError, match="is not one of experiments.ablate, experiments.train"):
        command_of(finished_sweep, {**header, "command": command}, runs)


def test_the_recorded_folder_is_not_computed_anew_in_place(finished_sweep):
    same = finished_sweep / ".." / finished_sweep.name
    ended = run_command("reproduce", f"--recorded={finished_sweep}", f"--workdir={same}")
    assert ended.status == 1 and "is the recorded folder, whose runs would be replaced" in ended.err


@pytest.mark.parametrize(("computed_by", "switch"), [(form.PRODUCTS, "0"), (form.NATIVE, None), (None, "1")])
def test_runs_are_computed_by_what_computed_them(monkeypatch, computed_by, switch):
    monkeypatch.setenv(form.SWITCH, "1")
    provenance = UNKNOWN if computed_by is None else {"form": computed_by}
    assert environment_of([{"provenance": provenance}]).get(form.SWITCH) == switch


def test_a_missing_folder_is_named(tmp_path):
    ended = run_command("reproduce", f"--workdir={tmp_path}")
    assert ended.status == 1 and "--recorded=DIR is missing" in ended.err
    ended = run_command("reproduce", f"--workdir={tmp_path}", f"--recorded={tmp_path / 'no'}")
    assert ended.status == 1 and "holds no config.json" in ended.err


@pytest.mark.slow
def test_a_single_run_is_reproduced(tmp_path, capfd):
    fields = {"dataset": "digits", "data.image_size": 16, "data.box": 16, "model.name": "mlp"}
    arguments = [f"--config.{field}={value}" for field, value in fields.items()]
    assert (
        run_command("train", *arguments, "--config.train.epochs=1", f"--workdir={tmp_path / 'run'}").status
        == 0
    )
    ended = run_command("reproduce", f"--recorded={tmp_path / 'run'}", f"--workdir={tmp_path / 'again'}")
    assert ended.status == 0, capfd.readouterr().err
    assert ended.out.endswith("1 of 1 runs have the recorded results, to the last digit.\n")


@pytest.mark.slow
def test_a_sweep_is_reproduced_whatever_other_programs_have_set(finished_sweep, tmp_path, capfd, monkeypatch):
    """In a process of its own, whose environment says everything else than this one's."""
    (tmp_path / "flags").write_text(os.environ["XLA_FLAGS"])
    for name, value in {
        "PYTHONHASHSEED": "7",
        "JAX_RANDOM_SEED_OFFSET": "1",
        "JAX_DEFAULT_PRNG_IMPL": "rbg",
        "JAX_THREEFRY_PARTITIONABLE": "0",
        "JAX_ENABLE_X64": "1",
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
        "JAX_NUMPY_RANK_PROMOTION": "raise",
        "JAX_TRANSFER_GUARD": "disallow",
        "JAX_DEBUG_NANS": "1",
        "XLA_FLAGS": str(tmp_path / "flags"),
        "MPLBACKEND": "module://of_a_notebook",
        "GIT_DIR": str(tmp_path),
        "NPROC": "7",
        "PYTHONWARNINGS": "ignore",
    }.items():
        monkeypatch.setenv(name, value)
    ended = run_command("reproduce", f"--recorded={finished_sweep}", f"--workdir={tmp_path / 'again'}")
    assert ended.status == 0, capfd.readouterr().err
    assert "table.csv: identical." in ended.out and "8 of 8 runs" in ended.out
