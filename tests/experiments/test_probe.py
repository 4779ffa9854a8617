"""The command that measures kept networks: whole, stopped in the middle, and without what it needs."""

import re
import shutil
import signal
import subprocess
import sys

import pytest

from lenet_jax.errors import UserError
from lenet_jax.probes import measuring, records
from lenet_jax.probes.disturbances import Shift
from lenet_jax.probes.measuring import check_probes
from tests.helpers import commands, folders
from tests.helpers.commands import PROJECT, TINY, run_command

SMALL = f"--config={PROJECT / 'configs' / 'probes.py'}:small"
QUICK = f"--config={PROJECT / 'tests' / 'helpers' / 'probed_sweep.py'}"
MEASURED = [
    *(("shift", arm, seed) for arm in ("local_shared", "mlp_8", "mlp_4") for seed in (0, 1)),
    *(("equivariance_1", "local_shared", seed) for seed in (0, 1)),
    *(("best_field", arm, seed) for arm in ("mlp_8", "mlp_4") for seed in (0, 1)),
]
PAGES = ("probes_images", "probes_equivariance", "probes_weights")


def probe(directory, *arguments, config=QUICK):
    return run_command("probe", config, f"--workdir={directory}", *arguments)


@pytest.fixture(autouse=True)
def quickly(one_format):
    """Figures are drawn in one format."""


@pytest.fixture
def measurements(monkeypatch):
    """What is measured in this process."""
    found = []
    add = records.add

    def note(directory, probe, run, values):
        found.append((probe.name, run["arm"], run["seed"]))
        add(directory, probe, run, values)

    monkeypatch.setattr(records, "add", note)
    return found


def test_every_kept_network_is_measured_once(sweep_copy, measurements):
    ended = probe(sweep_copy)
    assert ended.status == 0, ended.err
    assert measurements == MEASURED  # too_fast diverged, MLPs have no feature maps
    assert "Shifted images: test error (%), by shift (pixels)" in ended.out and "MLP 8" in ended.out
    rows = folders.rows(sweep_copy / "probes.csv")
    assert {(row["probe"], row["arm"]) for row in rows} == {run[:2] for run in MEASURED}
    assert {row["weights"] for row in rows if row["probe"] == "best_field"} == {
        "trained, by chance",
        "change, by chance",
        "untrained",
        "trained",
        "change",
    }
    differences = folders.rows(sweep_copy / "probe_differences.csv")
    assert {row["other_weights"] for row in differences if row["probe"] == "best_field"} >= {
        "trained, by chance",
        "change, by chance",
    }
    assert {row["probe"] for row in differences} >= {"shift", "best_field"}
    for page in PAGES:
        text = (sweep_copy / f"{page}.md").read_text()
        assert (sweep_copy / f"{page}.png").exists()
        assert "Networks: `python -m experiments.ablate --config=" in text
        for table in re.findall(r"^\|.*$", text, re.MULTILINE):
            assert table.count("|") <= 7 and "_" not in table
    drawn = {path.name for path in sweep_copy.glob("probes_*_mlp_*")}
    assert drawn == {f"probes_{what}_mlp_{units}.png" for what in ("units", "change") for units in (8, 4)}

    # Once more, from the records alone.
    files = {path: path.read_bytes() for path in sweep_copy.glob("probes*") if path.suffix in (".md", ".csv")}
    shutil.rmtree(sweep_copy / "weights")
    ended = probe(sweep_copy)
    assert ended.status == 0, ended.err
    assert "Already measured in" in ended.out and measurements == MEASURED
    assert all(path.read_bytes() == content for path, content in files.items())


def test_committed_tables_come_out_of_the_committed_measurements(tmp_path, monkeypatch):
    monkeypatch.chdir(PROJECT)
    recorded = PROJECT / "results" / "finding" / "start"
    for name in ("config.json", "runs.jsonl", "probes.jsonl"):
        shutil.copy(recorded / name, tmp_path)
    ended = probe(tmp_path, "--probes=own_field,similarity", config="--config=configs/probes.py")
    assert ended.status == 0 and "Already measured in" in ended.out, ended.err
    for name in ("probes.csv", "probes_weights.md"):
        assert (tmp_path / name).read_text() == (recorded / name).read_text()


def test_probes_and_arms_are_selected(sweep_copy, measurements):
    ended = probe(sweep_copy, "--probes=best_field", "--config.arms=mlp_4")
    assert ended.status == 0, ended.err
    assert measurements == [("best_field", "mlp_4", 0), ("best_field", "mlp_4", 1)]


def test_a_damaged_network_is_left_out_and_the_others_are_measured(sweep_copy, measurements):
    [damaged] = [path for path in (sweep_copy / "weights").iterdir() if path.name.startswith("mlp_4-seed1")]
    damaged.write_bytes(b"no network")
    ended = probe(sweep_copy)
    assert ended.status == 0, ended.err
    assert measurements == [found for found in MEASURED if found[1:] != ("mlp_4", 1)]
    assert ended.err.count("mlp_4 seed 1 is left out: ") == 1
    for page in ("probes_images", "probes_weights"):
        text = (sweep_copy / f"{page}.md").read_text()
        assert "- Not all are measured yet: MLP 4 (1 of 2 networks)." in text
    assert "Not all" not in (sweep_copy / "probes_equivariance.md").read_text()
    assert "Already measured" not in probe(sweep_copy).out
    assert "Already measured" in probe(sweep_copy, "--probes=best_field", "--config.arms=mlp_8").out


def test_damaged_networks_alone_are_refused(sweep_copy):
    for path in (sweep_copy / "weights").iterdir():
        path.write_bytes(b"no network")
    ended = probe(sweep_copy)
    assert ended.status == 1 and "Already measured" not in ended.out


def test_arms_without_measurements_are_named(sweep_copy):
    assert probe(sweep_copy, "--probes=shift", "--config.arms=mlp_8").status == 0
    named = "local, shared, 1 stage with maps 2, hidden 8 (0 of 2 networks) / MLP 4 (0 of 2 networks)"
    assert f"- Not all are measured yet: {named}." in (sweep_copy / "probes_images.md").read_text()


def test_networks_of_other_code_may_have_started_from_other_weights(sweep_copy, monkeypatch):
    arguments = ("--probes=best_field", "--config.arms=mlp_4")
    assert "other code" not in probe(sweep_copy, *arguments, "--rerun").err
    monkeypatch.setattr(measuring, "code_digest", lambda: "0123456789abcdef")
    assert "other code" not in probe(sweep_copy, *arguments).err  # nothing is measured
    ended = probe(sweep_copy, "--probes=best_field")
    assert ended.status == 0 and "may not be those that these networks started from" in ended.err


def test_rerun_measures_what_other_code_has_measured(sweep_copy, measurements, monkeypatch):
    arguments = ("--probes=best_field", "--config.arms=mlp_4")
    probe(sweep_copy, *arguments)
    monkeypatch.setattr(records, "probe_code", lambda: "0123456789abcdef")
    assert "Already measured" in probe(sweep_copy, *arguments).out
    assert probe(sweep_copy, *arguments, "--rerun").status == 0
    assert len(measurements) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--probes=tilt"], "--probes=tilt is unknown: choose from shift, equivariance_1, best_field."),
        (["--config.arms=lenet"], "has no runs of arm 'lenet': choose from local_shared, mlp_8, mlp_4"),
        (
            ["--probes=equivariance_1", "--config.arms=mlp_8"],
            "Arm mlp_8 cannot be measured by the probe equivariance_1, as it has no feature maps: name other",
        ),
        (
            ["--config.train.epochs=9"],
            "--config.train.epochs has no effect, as networks are measured as they",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_recorded(sweep_copy, arguments, sentence):
    ended = probe(sweep_copy, *arguments)
    assert ended.status == 1 and sentence in ended.err and ended.err.count("\n") == 1
    assert not list(sweep_copy.glob("probes*"))


def test_without_networks_or_probes_one_sentence_says_what_to_do(tmp_path, sweep_copy):
    shutil.rmtree(sweep_copy / "weights")
    ended = probe(sweep_copy)
    assert ended.status == 1 and "has no kept networks to probe: run its command in another" in ended.err
    assert probe(tmp_path / "none").status == 1 and not (tmp_path / "none").exists()
    ended = probe(sweep_copy, config=TINY)
    assert ended.status == 1 and "This --config has no probes: it needs get_probes(config)" in ended.err


def test_an_interrupted_command_says_that_what_is_finished_is_saved(sweep_copy, monkeypatch):
    add = records.add

    def stop(directory, probe, run, values):
        add(directory, probe, run, values)
        raise KeyboardInterrupt

    monkeypatch.setattr(records, "add", stop)
    ended = probe(sweep_copy)
    assert ended.status == 130
    assert ended.err.endswith("Interrupted: what is finished is saved; run the same command to continue.\n")


def test_a_list_of_probes_is_checked():
    for probes, message in (
        ("shift", "must return a list of probes"),
        ([Shift, Shift], "must return a list of probes"),
        ([Shift(), Shift((0, 1))], "has shift twice"),
        ([], "returns no probes"),
    ):
        with pytest.raises(UserError, match=message):
            check_probes(probes)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0, 1, 2])
def test_a_command_that_is_killed_goes_on_where_it_was(sweep_copy, tmp_path, measurements, moment):
    untouched = shutil.copytree(sweep_copy, tmp_path / "untouched")
    assert probe(untouched).status == 0
    measurements.clear()
    command = [
        *(sys.executable, "-m", "tests.helpers.killed_command", "probe", "4", str(moment)),
        *("experiments.probe", QUICK, f"--workdir={sweep_copy}"),
    ]
    killed = subprocess.run(command, cwd=PROJECT, env=commands.one_device(), capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL and "killed in probe" in killed.stderr, killed.stderr
    ended = probe(sweep_copy)
    assert ended.status == 0, ended.err
    assert measurements in (MEASURED[3:], MEASURED[4:])  # the kill came before the line was whole, or after
    for name in ("probes.jsonl", "probes.csv", "probes_images.md"):
        assert (sweep_copy / name).read_bytes() == (untouched / name).read_bytes()


@pytest.mark.slow
def test_the_small_variant_runs(tmp_path):
    ended = run_command("ablate", SMALL, "--config.seeds=1", f"--workdir={tmp_path}")
    assert ended.status == 0, ended.err
    ended = probe(tmp_path, config=SMALL)
    assert ended.status == 0, ended.err
    rows = folders.rows(tmp_path / "probes.csv")
    by_probe = {}
    for row in rows:
        by_probe.setdefault(row["probe"], set()).add(row["arm"])
    corners = {"local_shared", "local_unshared", "full_shared", "full_unshared"}
    for name in ("shift", "rotation", "noise", "occlusion"):
        assert by_probe[name] > corners | {"random_shared", "random_unshared", "mlp_best"}
    for name in ("equivariance_1", "linear"):
        assert by_probe[name] > corners and "mlp_best" not in by_probe[name]
    assert {"full_unshared", "full_unshared_translated"} < by_probe["own_field"] < by_probe["best_field"]
    assert {"local_unshared", "local_unshared_translated"} < by_probe["similarity"]
    # Before pooling, convolutions move with the image, which unshared kernels do not.
    errors = {
        row["arm"]: float(row["value_mean"])
        for row in rows
        if (row["probe"], row["weights"], row["at"]) == ("equivariance_1", "trained", "stage_1")
    }
    assert errors["local_shared"] < 1e-6 < 0.5 < errors["local_unshared"]
    assert (tmp_path / "probes_units_full_unshared.png").exists()
