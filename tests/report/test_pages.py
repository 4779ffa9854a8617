"""From records to tables and a figure; the records here are written, not trained."""

import shutil

import pytest

from lenet_jax.errors import UserError
from lenet_jax.report.pages import read_records, write_report, write_results
from lenet_jax.runs import records
from tests.helpers import folders
from tests.report.test_tables import result

ARMS = ["wide", "narrow", "too_fast"]
ACCURACIES = {
    "narrow": {0: 0.5, 2: 0.6, 10: 0.7},
    "wide": {0: 0.7, 2: 0.9, 10: None},
    "too_fast": {0: None, 2: None, 10: None},
}
TRAIN = {
    "epochs": 30, "optimizer": "sgd", "batch_size": 32, "learning_rate": 0.05, "schedule": "cosine",
    "momentum": 0.9, "weight_decay": 0.0,
}  # fmt: skip
CONFIG = {"dataset": "digits", "seed": 0, **{f"train.{field}": value for field, value in TRAIN.items()}}
PROVENANCE = {
    "revision": "0123abc", "python": "3.11.7", "device": "cpu", "devices": 1, "host": "a machine, 2 cores",
    "libraries": {"jax": "1.1", "flax": "2.2", "optax": "3.3"},
}  # fmt: skip


def write_run(directory, arm, seed, accuracy, config=CONFIG, provenance=PROVENANCE):
    folder = directory / "runs" / f"{arm}-seed{seed}"
    folder.mkdir(parents=True)
    content = {
        "result": result(arm, seed, accuracy),
        "images": {"train": 1293, "validation": 144, "test": 360},
        "config": config,
        "provenance": provenance,
    }
    records.write_record(folder / "record.json", content)
    return folder / "record.json"


@pytest.fixture
def directory(tmp_path):
    """A sweep of three arms and three seeds; `wide` diverged once, `too_fast` always."""
    records.write_record(
        tmp_path / "config.json",
        {
            "command": "python -m experiments.ablate --config=x.py --workdir=DIR",
            "config": CONFIG,
            "arms": ARMS,
            "contrasts": {"width": ("wide", "narrow"), "step size": ("narrow", "too_fast")},
        },
    )
    for arm, accuracies in ACCURACIES.items():
        for seed, accuracy in accuracies.items():
            write_run(tmp_path, arm, seed, accuracy)
    return tmp_path


def test_runs_come_by_arm_as_the_sweep_lists_them_and_by_seed(directory):
    write_run(directory, "forgotten", 0, 0.5)  # an arm that a later config.json doesn't list
    _, runs = read_records(directory)
    found = [(run["result"]["arm"], run["result"]["seed"]) for run in runs]
    assert found == [(arm, seed) for arm in ARMS for seed in (0, 2, 10)] + [("forgotten", 0)]


def test_results_have_a_row_a_run(directory):
    write_results(directory)
    rows = folders.rows(directory / "results.csv")
    asked = (
        "arm dataset seed status parameters connections macs epochs train_accuracy val_accuracy "
        "test_accuracy test_error_percent wall_seconds"
    )
    assert set(asked.split()) <= set(rows[0])
    assert {(row["arm"], int(row["seed"])): row["test_accuracy"] for row in rows} == {
        (arm, seed): "" if accuracy is None else str(accuracy)
        for arm, accuracies in ACCURACIES.items()
        for seed, accuracy in accuracies.items()
    }
    assert {row["test_accuracy"]: row["status"] for row in rows}[""] == "diverged"
    done = [row for row in rows if row["status"] == "done"]
    assert len(done) == 5
    for row in done:
        assert float(row["test_error_percent"]) == pytest.approx(100 - 100 * float(row["test_accuracy"]))


def test_tables_have_a_row_an_arm(directory):
    write_report(directory)
    rows = folders.rows(directory / "table.csv")
    asked = (
        "arm runs diverged parameters connections macs test_accuracy_mean test_accuracy_ci_low "
        "test_accuracy_ci_high"
    )
    assert set(asked.split()) <= set(rows[0])
    assert [(row["arm"], row["runs"], row["diverged"]) for row in rows] == [
        ("wide", "3", "1"), ("narrow", "3", "0"), ("too_fast", "3", "3"),
    ]  # fmt: skip
    assert [row["test_accuracy_mean"] for row in rows] == ["0.8", "0.6", ""]
    # 0.7 and 0.9: mean 0.8, standard error 0.1, t = 12.706, cut to what accuracies can be.
    assert (rows[0]["test_accuracy_ci_low"], rows[0]["test_accuracy_ci_high"]) == ("0.0", "1.0")
    # Standard error 0.1 / sqrt(3), t = 4.30265.
    assert float(rows[1]["test_accuracy_ci_low"]) == pytest.approx(0.6 - 0.248414, abs=1e-6)
    assert float(rows[1]["test_accuracy_ci_high"]) == pytest.approx(0.6 + 0.248414, abs=1e-6)
    markdown = (directory / "table.md").read_text()
    for column in asked.split():
        assert column in markdown.splitlines()[0]
    assert "| too_fast |      3 |          3 |" in markdown


def test_contrasts_are_paired_and_those_without_pairs_left_out(directory):
    write_report(directory)
    [row] = folders.rows(directory / "contrasts.csv")
    assert (row["contrast"], row["pairs"]) == ("width", "2")  # seed 10 diverged
    assert float(row["difference_mean"]) == pytest.approx(0.25)
    assert "step size" not in (directory / "contrasts.md").read_text()


def test_the_notes_tell_how_the_numbers_came_about(directory):
    other = PROVENANCE | {"revision": "4567def-dirty"}
    write_run(directory, "narrow", 11, 0.6, CONFIG | {"train.learning_rate": 0.1}, other)
    printed = write_report(directory)
    for text in (printed, (directory / "table.md").read_text()):
        for part in (
            "all 360 test images of digits", "trained on 1,293", "144 more were kept for validation",
            "95%, Student's t", "wide, narrow, too_fast: 30 epochs of 1,293",
            "sgd 0.05 (cosine), momentum 0.9; narrow: 30 epochs", "sgd 0.1 (cosine)", "seeds 0, 2, 10, 11.",
            "`python -m experiments.ablate --config=x.py --config.seeds=12 --workdir=DIR`",
            "1 x cpu on a machine, 2 cores",
            "jax 1.1, flax 2.2, optax 3.3", "revision 0123abc and 4567def-dirty.",
        ):  # fmt: skip
            assert part in text


def test_the_figure_is_drawn_even_where_arms_only_diverged(directory):
    write_report(directory)
    assert (directory / "accuracy.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    for arm in ("wide", "narrow"):
        for folder in (directory / "runs").glob(f"{arm}-*"):
            shutil.rmtree(folder)
    (directory / "accuracy.png").unlink()
    text = write_report(directory)
    assert (directory / "accuracy.png").stat().st_size > 1000
    assert "too_fast" in text


def test_a_single_seed_has_no_interval(tmp_path, directory):
    for seed in (2, 10):
        for arm in ARMS:
            shutil.rmtree(directory / "runs" / f"{arm}-seed{seed}")
    write_report(directory)
    rows = folders.rows(directory / "table.csv")
    assert [(row["test_accuracy_mean"], row["test_accuracy_ci_low"]) for row in rows] == [
        ("0.7", ""), ("0.5", ""), ("", ""),
    ]  # fmt: skip


def test_the_same_records_give_the_same_files(directory):
    text = write_report(directory)
    first = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    assert write_report(directory) == text
    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()} == first
    names = {f"{name}.{ending}" for name in ("table", "contrasts") for ending in ("csv", "md", "tex")}
    assert set(first) == names | {"results.csv", "accuracy.png", "config.json"}


def test_contrasts_that_no_longer_hold_are_not_left_lying_about(directory):
    write_report(directory)
    shutil.rmtree(directory / "runs" / "narrow-seed0")
    shutil.rmtree(directory / "runs" / "narrow-seed2")
    write_report(directory)
    assert not list(directory.glob("contrasts.*"))


@pytest.mark.parametrize("name", ["config.json", "runs/narrow-seed2/record.json"])
def test_damage_is_named_and_nothing_written(directory, name):
    write_report(directory)
    text = (directory / name).read_text()
    (directory / name).write_text(text[:-20])
    before = folders.contents(directory)
    with pytest.raises(UserError, match=f"{name} is damaged: .* the sweep's command again"):
        write_report(directory)
    assert folders.contents(directory) == before


def test_a_folder_without_runs_is_refused(directory, tmp_path):
    for empty in (tmp_path / "empty", tmp_path / "missing"):
        if empty.name == "empty":
            empty.mkdir()
        with pytest.raises(UserError, match=f"{empty} holds no .*: run experiments.ablate"):
            write_report(empty)
    assert list((tmp_path / "empty").iterdir()) == [] and not (tmp_path / "missing").exists()
    shutil.rmtree(directory / "runs")
    with pytest.raises(UserError, match="holds no recorded runs"):
        write_report(directory)


def test_papers_are_shown_beside_ours_where_the_sweep_refers_to_them(directory):
    write_report(directory)
    assert (directory / "accuracy.png").exists() and not (directory / "papers.md").exists()
    sweep = records.read_record(directory / "config.json")
    references = {
        "narrow": {"note": "the narrow one", "error_percent": 25.0, "images": 360},
        "too_fast": {"note": "diverges"},
    }
    records.write_record(directory / "config.json", sweep | {"references": references})
    shown = write_report(directory)
    rows = folders.rows(directory / "papers.csv")
    assert [row["arm"] for row in rows] == ["narrow", "too_fast"]
    assert float(rows[0]["paper_error_percent"]) == 25 and float(rows[0]["error_percent"]) == pytest.approx(
        40
    )
    page = (directory / "papers.md").read_text()
    assert "the narrow one" in page and "Wilson" in page and "Command: `python -m" in page
    assert "paper_error_percent" in shown
    assert (directory / "papers.png").exists() and not (directory / "accuracy.png").exists()
    records.write_record(directory / "config.json", sweep)
    write_report(directory)
    assert not list(directory.glob("papers.*")) and (directory / "accuracy.png").exists()


def test_the_figure_of_papers_can_be_drawn_where_every_run_diverged(directory):
    sweep = records.read_record(directory / "config.json")
    records.write_record(
        directory / "config.json", sweep | {"references": {"too_fast": {"note": "diverges"}}}
    )
    write_report(directory)
    assert (directory / "papers.png").exists()
