"""README and docs show what the records say, and the records' tables are what the program makes."""

import csv
import json
import pathlib
import shutil

import pytest

from experiments import paste
from lenet_jax.report import write_report
from tests.commands import load_config

RESULTS = paste.ROOT / "results"
ABLATIONS = sorted(path.parent for path in RESULTS.glob("*/config.json"))
SWEEPS = ABLATIONS + sorted(path.parent for path in RESULTS.glob("history/*/config.json"))


@pytest.mark.parametrize("page", paste.pages(), ids=lambda page: page.name)
def test_pages_show_what_is_recorded_and_counted(page: pathlib.Path):
    text = page.read_text(encoding="utf-8")
    assert paste.paste(text) == text, "out of date: run `make docs`"


def test_a_page_that_disagrees_is_found():
    page = (paste.ROOT / "README.md").read_text(encoding="utf-8")
    block = paste.BLOCK.search(page)
    altered = page.replace(block.group(), block.group().replace("0.9", "0.8"))
    assert altered != page
    assert paste.paste(altered) == page


def test_the_figures_of_readme_and_results_are_committed():
    assert {path.name for path in ABLATIONS} == {"mnist", "usps"}
    configs = {path.stem for path in (paste.ROOT / "configs" / "history").glob("*.py")}
    assert {path.name for path in SWEEPS} - {"mnist", "usps"} == configs - {"lenet5"}  # a single run


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_committed_sweeps_refer_to_what_their_configs_do(sweep: pathlib.Path):
    name = "ablation" if sweep in ABLATIONS else f"history/{sweep.name}"
    module = load_config(paste.ROOT / "configs" / f"{name}.py")
    recorded = json.loads((sweep / "config.json").read_text(encoding="utf-8"))
    for what, recorded_as in (
        ("contrasts", recorded["contrasts"]),
        ("references", recorded.get("references", {})),
    ):
        defined = getattr(module, f"get_{what}")() if hasattr(module, f"get_{what}") else {}
        assert recorded_as == json.loads(json.dumps(defined)), what


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_committed_tables_come_out_of_the_committed_records(sweep: pathlib.Path, tmp_path):
    copy = shutil.copytree(sweep, tmp_path / sweep.name)
    names = ("results", "table", "contrasts", "papers")
    written = [path for name in names for path in copy.glob(f"{name}.*") if path.suffix != ".png"]
    assert len(written) >= 4
    for file in written:
        file.unlink()
    write_report(copy)
    for file in written:
        assert file.read_bytes() == (sweep / file.name).read_bytes(), file.name


def test_what_the_history_page_says_of_net_1_to_net_5_holds():
    """The sentence before their differences; mend it if this fails."""
    with open(RESULTS / "history" / "nets_1989" / "papers.csv", encoding="utf-8", newline="") as file:
        errors = {row["arm"]: float(row["error_percent"]) for row in csv.DictReader(file)}
    moved = [errors[f"net{number}_moved"] for number in range(1, 6)]
    assert moved == sorted(moved, reverse=True)
    with open(RESULTS / "history" / "nets_1989" / "contrasts.csv", encoding="utf-8", newline="") as file:
        low = {row["arm"]: float(row["difference_ci_low"]) for row in csv.DictReader(file)}
    assert [low[f"net{number}"] > 0 for number in range(2, 6)] == [False, False, False, True]
    assert [low[f"net{number}_moved"] > 0 for number in range(2, 6)] == [True, False, False, True]


@pytest.mark.parametrize("sweep", ABLATIONS, ids=lambda sweep: sweep.name)
def test_what_the_idea_page_says_of_the_tables_holds(sweep: pathlib.Path):
    """The sentences of docs/idea.md, "Reading the tables"; mend them if this fails."""
    with open(sweep / "contrasts.csv", encoding="utf-8", newline="") as file:
        rows = {row["contrast"]: row for row in csv.DictReader(file)}
    low = {name: float(row["difference_ci_low"]) for name, row in rows.items()}
    high = {name: float(row["difference_ci_high"]) for name, row in rows.items()}
    for connectivity in ("local", "random", "full"):
        assert low[f"sharing, {connectivity}"] > 0
    for sharing in ("shared", "unshared"):
        assert low[f"local against random, {sharing}"] > 0
    assert low["sparse random against full, shared"] <= 0
    assert high["sparse random against full, unshared"] < 0
    assert low["both constraints"] > 0 and low["LeNet-5 against an MLP of its size"] > 0
