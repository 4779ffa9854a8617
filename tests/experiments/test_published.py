"""What other papers found next to what the sweeps of configs/finding give."""

import contextlib

import numpy as np
import pytest

from configs.finding import core, sharing_studies, studies
from experiments import published
from lenet_jax.analysis.published import BEST
from lenet_jax.analysis.summaries import accuracies_of
from lenet_jax.report.scores import read_scores
from tests.helpers import folders
from tests.helpers.commands import PROJECT, run_command

RESULTS = PROJECT / "results" / "finding"


def arms_of_study(study):
    """The names of a study's arms, whether or not their choices have been made."""
    if study == "core":
        return {arm.name for arm in core.get_arms(core.get_config())}
    return {arm.name for arm in {**studies.STUDIES, **sharing_studies.EXPLORATORY}[study]()}


@pytest.mark.parametrize("claim", published.CLAIMS, ids=lambda claim: claim.finding)
def test_claims_are_about_arms_of_their_studies(claim):
    arms = arms_of_study(claim.study)
    assert {*claim.weights, *claim.best_of} - {BEST} <= arms
    assert sum(claim.weights.values()) == pytest.approx(0)
    assert (BEST in claim.weights) == bool(claim.best_of)


def test_the_findings_of_one_paper_stand_together_and_differ():
    papers = [claim.paper for claim in published.CLAIMS]
    assert papers == sorted(papers, key=papers.index)
    assert len({(claim.paper, claim.finding) for claim in published.CLAIMS}) == len(papers)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    with contextlib.chdir(PROJECT):
        ended = run_command("published", f"--workdir={folder}")
    assert ended.status == 0, ended.err
    return folder, ended.out


def test_numbers_are_differences_of_mean_errors(written):
    folder, out = written
    rows = folders.rows(folder / "published.csv")
    [row] = [
        row for row in rows
        if row["dataset"] == "usps" and row["finding"] == "local, shared kernels beat local, unshared ones"
    ]  # fmt: skip
    accuracies = accuracies_of(read_scores(RESULTS / "core_usps").scores.results)
    means = {
        arm: np.mean([accuracy for (name, _), accuracy in accuracies.items() if name == arm])
        for arm in ("local_shared_none", "local_unshared_none")
    }
    saved = 100 * (means["local_shared_none"] - means["local_unshared_none"])
    assert float(row["fewer_errors_per_hundred_mean"]) == pytest.approx(saved, abs=1e-4)
    assert row["arms"] == "+1 local_shared_none -1 local_unshared_none"
    number = f"{saved:.2f} ({float(row['fewer_errors_per_hundred_ci_low']):.2f} to"
    page = (folder / "published.md").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert number in page and row["verdict"] in page and "Command: " in out
    assert {file.suffix for file in folder.iterdir()} == {".csv", ".md", ".tex", ".png", ".pdf", ".svg"}


def test_the_committed_table_is_that_of_the_committed_sweeps(written):
    folder, _ = written
    for name in ("published.csv", "published.md"):
        assert (RESULTS / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_folder_without_sweeps_is_refused_in_one_sentence(tmp_path):
    ended = run_command("published", f"--results={tmp_path}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 1 and not (tmp_path / "new").exists()
    assert ended.err == (
        f"error: {tmp_path} has no sweep of core or start or mixtures or translations: name the folder that "
        "has them, such as --results=results/finding.\n"
    )
