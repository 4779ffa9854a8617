"""What other papers found next to what the sweeps of configs/finding give."""

import shutil

import numpy as np
import pytest

from configs.finding import core, exploratory, secondary, sharing_studies, studies
from experiments import published
from lenet_jax.analysis.published import Claim, fewer, published_row
from lenet_jax.analysis.summaries import accuracies_of
from lenet_jax.report import published as report
from lenet_jax.report.columns import lay_out, published_columns
from lenet_jax.report.figures import render
from lenet_jax.report.scores import read_scores
from lenet_jax.runs import tuning
from tests.helpers import folders
from tests.helpers.commands import PROJECT, run_command
from tests.helpers.results import result

RESULTS = PROJECT / "results" / "finding"
CHOICES = {
    arm: {"val_accuracy_mean": accuracy}
    for arm, accuracy in (
        ("embedded_1", 0.9),
        ("embedded_5", 0.8),
        ("rank_2", 0.8),
        ("rank_4", 0.9),
        ("rank_8", 0.9),
    )
}
CLAIMS = [claim for study in published.SEEDS for claim in published.claims(study, CHOICES)]
# Test errors with which every finding holds, where unshared_4_60000 has what the finding needs.
ERRORS = {
    "local_shared_none": 1, "local_unshared_none": 2, "full_unshared_none": 9,
    "embedded_0": 4, "embedded_1": 2, "embedded_5": 3, "full_unshared": 5, "local_shared": 3,
    "rank_4": 2, "local_unshared": 6,
    "shared_0_60000": 1, "unshared_0_60000": 9, "averaged_100_0_60000": 2, "shared_4_60000": 1,
    "tied_0_60000": 9,
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.finding)
def test_claims_compare_arms_of_their_studies(claim):
    of_studies = {
        "core": lambda: core.get_arms(core.get_config()),
        **studies.STUDIES,
        **sharing_studies.EXPLORATORY,
    }
    assert claim.weights.keys() <= {arm.name for arm in of_studies[claim.study]()}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.finding)
def test_numbers_are_positive_where_the_finding_holds(claim):
    left = 6 if claim.finding.startswith("translated images leave") else 2  # errors of unshared_4_60000
    errors = ERRORS | {"unshared_4_60000": left}
    assert -sum(weight * errors[arm] for arm, weight in claim.weights.items()) > 0
    assert sum(claim.weights.values()) == pytest.approx(0)


def test_the_findings_on_what_is_left_of_the_gap_are_opposites():
    _, closed, left, _ = published.claims("translations", {})
    assert left.weights == {arm: -weight for arm, weight in closed.weights.items()}


def test_a_share_of_no_gap_is_not_told():
    claim = Claim("Someone 2020", "a closes the gap", "core", fewer("a", "b"), gap=fewer("c", "b"))
    accuracies = {"a": 0.9, "b": 0.5, "c": 0.7}
    for worse, verdict in (("a", "agrees"), ("c", "can't be told")):
        found = accuracies | ({"c": 0.4} if worse == "c" else {})
        results = [
            result(arm, seed, accuracy + seed / 1000 * (arm == "b"))
            for arm, accuracy in found.items()
            for seed in range(5)
        ]
        assert published_row(claim, results, 5, None)["verdict"] == verdict


def test_of_more_seeds_than_planned_the_lowest_count():
    claim = Claim("Someone 2020", "a beats b", "core", fewer("a", "b"))
    results = [
        result(arm, seed, 0.9 + (0.05 if (arm == "a") == (seed < 5) else 0) + seed / 1000 * (arm == "b"))
        for arm in ("a", "b")
        for seed in range(20)
    ]
    assert published_row(claim, results, 5, None)["verdict"] == "agrees"
    assert published_row(claim, results, 5, None)["seeds"] == 5
    assert published_row(claim, results, 20, None)["verdict"] == "disagrees"


def test_studies_have_their_seeds():
    configs = {
        "core": core.get_config(),
        "start": secondary.get_config("start"),
        "mixtures": exploratory.get_config("mixtures"),
        "translations": exploratory.get_config("translations"),
    }
    assert {study: config.seeds for study, config in configs.items()} == published.SEEDS


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    ended = run_command("published", f"--workdir={folder}")
    assert ended.status == 0, ended.err
    return folder, ended.out


def test_numbers_are_differences_of_mean_errors(written):
    folder, out = written
    finding = "local, shared kernels beat local, unshared ones"
    rows = folders.rows(folder / "published.csv")
    [row] = [row for row in rows if row["dataset"] == "usps" and row["finding"] == finding]
    accuracies = accuracies_of(read_scores(RESULTS / "core_usps").scores.results)
    means = {
        arm: np.mean([accuracy for (name, _), accuracy in accuracies.items() if name == arm])
        for arm in ("local_shared_none", "local_unshared_none")
    }
    saved = 100 * (means["local_shared_none"] - means["local_unshared_none"])
    assert float(row["fewer_errors_per_hundred_mean"]) == pytest.approx(saved, abs=1e-4)
    assert row["arms"] == "+1 local_shared_none -1 local_unshared_none"
    low, high = (float(row[f"fewer_errors_per_hundred_ci_{end}"]) for end in ("low", "high"))
    page = (folder / "published.md").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    [line] = [line for line in page.splitlines() if finding in line]
    assert line.endswith(f"{saved:.2f} ({low:.2f} to {high:.2f}), {row['verdict']} |")
    assert out.startswith("- Command: `python -m experiments.published --workdir=DIR`\n")
    assert {file.suffix for file in folder.iterdir()} == {".csv", ".md", ".tex", ".png", ".pdf", ".svg"}


def test_the_committed_table_is_that_of_the_committed_sweeps(written):
    folder, _ = written
    for name in ("published.csv", "published.md"):
        assert (RESULTS / name).read_bytes() == (folder / name).read_bytes(), name


def row(finding, dataset, verdict, mean=1.0):
    ends = {
        f"fewer_errors_per_hundred_{end}": mean + off
        for end, off in (("mean", 0), ("ci_low", -1), ("ci_high", 1))
    }
    return {
        "paper": "Someone 2020",
        "finding": finding,
        "dataset": dataset,
        "seeds": 5,
        "verdict": verdict,
        **ends,
    }


def test_datasets_stand_side_by_side_in_table_and_figure():
    rows = [
        row("a beats b", "usps", "agrees", 2.0), row("a beats b", "mnist", "disagrees", -2.0),
        row("c beats d", "mnist", "unfinished"),
    ]  # fmt: skip
    shown = lay_out(report.page_rows(rows), published_columns(report.datasets_of(rows))).rows
    assert [list(line) for line in shown] == [["paper", "finding", "MNIST", "USPS"]] * 2
    assert shown[0]["MNIST"] == "-2.00 (-3.00 to -1.00), disagrees" and shown[1]["USPS"] == "-"
    assert report.caption(rows).endswith("Unfinished: runs are missing.")
    assert "and are not corrected for multiple comparisons. Agrees" in report.caption(rows)
    one_seed = report.caption([{**one, "seeds": 1} for one in rows])
    assert "one seed, so no intervals. Agrees" in one_seed
    figure = report.figure(rows)
    assert [axes.get_title() for axes in figure.axes] == ["MNIST", "USPS"]
    drawn = [
        [tuple(float(end[0]) for end in bar[0].get_data()) for bar in axes.containers] for axes in figure.axes
    ]
    assert drawn == [[(-2.0, 0.0), (1.0, 1.0)], [(2.0, 0.0)]]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["agrees", "disagrees", "unfinished"]
    assert render(figure, "png")


def test_another_folder_is_named_in_the_command(tmp_path):
    shutil.copytree(RESULTS / "core_usps", tmp_path / "core")  # also the name of a study alone
    ended = run_command("published", f"--results={tmp_path}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 0, ended.err
    assert f"Command: `python -m experiments.published --results={tmp_path} --workdir=DIR`" in ended.out
    assert {row["dataset"] for row in folders.rows(tmp_path / "new" / "published.csv")} == {"usps"}
    (tmp_path / "core" / "mistakes.npz").unlink()
    shutil.rmtree(tmp_path / "core" / "predictions", ignore_errors=True)
    ended = run_command("published", f"--results={tmp_path}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 1 and f"{tmp_path / 'core'} lacks answers to the test images" in ended.err


def test_a_choice_that_was_not_made_is_named(tmp_path, monkeypatch):
    shutil.copytree(RESULTS / "core_usps", tmp_path / "mixtures")
    monkeypatch.setattr(tuning, "read_selection", lambda _: {"rank_2": CHOICES["rank_2"]})
    ended = run_command("published", f"--results={tmp_path}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 1
    assert ended.err == (
        "error: configs/finding/tuned has no choice for rank_4, rank_8: run experiments.tune with "
        "configs/finding/choices.py first.\n"
    )


def test_a_folder_without_sweeps_is_refused_in_one_sentence(tmp_path):
    ended = run_command("published", f"--results={tmp_path}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 1 and not (tmp_path / "new").exists()
    assert ended.err == (
        f"error: {tmp_path} has no sweep of core, start, mixtures, translations: name the folder that has "
        "them with --results=DIR.\n"
    )
