"""README and docs show what the records say, and the records' tables are what the program makes."""

import itertools
import json
import pathlib
import shutil

import pytest

from configs.history import tuned
from experiments import paste
from lenet_jax.report.pages import write_report
from tests.helpers import folders
from tests.helpers.commands import load_config

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


def rows_of(sweep, table):
    """The rows of a history sweep's CSV file by their arms."""
    return {row["arm"]: row for row in folders.rows(RESULTS / "history" / sweep / f"{table}.csv")}


def contrasts_of(directory):
    """The rows of a sweep's contrasts by their names."""
    return {row["contrast"]: row for row in folders.rows(directory / "contrasts.csv")}


def test_what_the_history_page_says_of_net_1_to_net_5_holds():
    """The paragraph before their differences; mend it if this fails."""
    papers, contrasts = rows_of("nets_1989", "papers"), rows_of("nets_1989", "contrasts")
    ours = [float(papers[f"net{i}_positions"]["test_selected_error_percent"]) for i in range(1, 6)]
    reports = [float(papers[f"net{i}"]["paper_error_percent"]) for i in range(1, 6)]
    assert ours == sorted(ours, reverse=True) and all(
        our > its for our, its in zip(ours, reports, strict=True)
    )
    steps = [before - after for before, after in itertools.pairwise(reports)]
    assert min(steps) == steps[1]
    assert any(float(papers[f"net{i}_positions"]["last_train_error_percent"]) > 0 for i in range(1, 6))

    def clear(place):
        """The nets that are better than the one before in all readings, and in any."""
        lows = {
            i: [
                float(contrasts[f"net{i}{place}"][f"{reading}difference_ci_low"])
                for reading in ("", "test_selected_", "last_")
            ]
            for i in range(2, 6)
        }
        return (
            [i for i, its in lows.items() if min(its) > 0],
            [i for i, its in lows.items() if max(its) > 0],
        )

    assert clear("_positions") == ([2, 4, 5], [2, 4, 5])
    assert clear("")[0] == [5] and clear("_moved")[0] == [2, 5]


def test_what_the_history_page_says_of_the_zip_code_net_holds():
    papers = rows_of("zipcode", "papers")
    for arm in ("zipcode_lm", "zipcode_sgd", "control_lm", "control_sgd"):
        assert float(papers[arm]["error_percent"]) <= float(papers[arm]["paper_error_percent_ci_high"])
    gains = [arm for arm, row in steps_of("zipcode_later").items() if float(row["difference_ci_low"]) > 0]
    assert gains == ["shifted", "relu"]
    later = {arm: float(row["error_percent"]) for arm, row in rows_of("zipcode_later", "papers").items()}
    assert later["dropout"] / later["original"] == pytest.approx(3 / 5, abs=0.03)


def steps_of(sweep):
    """The contrasts of a ladder's steps by their arms, without that of its ends."""
    contrasts = contrasts_of(RESULTS / "history" / sweep)
    return {row["arm"]: row for name, row in contrasts.items() if name != "all steps together"}


@pytest.mark.parametrize("sweep", ["figure9", "figure9_today"])
def test_what_the_history_page_says_of_figure_9_holds(sweep):
    papers = rows_of(sweep, "papers")
    below = {
        arm: float(row["error_percent"]) < float(row["paper_error_percent"])
        for arm, row in papers.items()
        if row["paper_error_percent"]
    }
    mlps = [arm for arm in below if arm.startswith("mlp")]
    assert len(mlps) == 8 and all(below[arm] for arm in mlps)
    distorted = [row for arm, row in rows_of(sweep, "contrasts").items() if arm.endswith("_dist")]
    assert len(distorted) == 5 and all(float(row["difference_mean"]) > 0 for row in distorted)
    clear = sum(float(row["difference_ci_low"]) > 0 for row in distorted)
    errors = {arm: float(row["error_percent"]) for arm, row in papers.items()}
    if sweep == "figure9_today":
        assert all(below.values()) and clear == 5
        assert errors["lenet5"] <= 0.9 and errors["lenet5_dist"] <= 0.7
        return
    assert clear == 3 and errors["lenet5"] <= 1.1
    assert not below["linear"] and errors["linear_activated"] < float(papers["linear"]["paper_error_percent"])
    assert errors["mlp_300_fan_in"] > float(papers["mlp_300"]["paper_error_percent"])
    assert tuned.CHOSEN["lenet5"] == "1-j10"
    assert errors["lenet5_damping"] > 85  # of ten classes, chance
    assert errors["lenet5_damping_root"] > 3 * float(papers["lenet5"]["paper_error_percent_ci_high"])


def test_what_the_history_page_says_of_the_steps_from_1998_to_today_holds():
    steps = steps_of("lenet5_later")
    assert [arm for arm, row in steps.items() if float(row["difference_ci_low"]) > 0] == ["max"]
    assert [arm for arm, row in steps.items() if float(row["difference_ci_high"]) < 0] == ["tanh"]
    ends = contrasts_of(RESULTS / "history" / "lenet5_later")["all steps together"]
    assert float(ends["difference_ci_low"]) < 0 < float(ends["difference_ci_high"])


@pytest.mark.parametrize("sweep", ABLATIONS, ids=lambda sweep: sweep.name)
def test_what_the_idea_page_says_of_the_tables_holds(sweep: pathlib.Path):
    """The sentences of docs/idea.md, "Reading the tables"; mend them if this fails."""
    rows = contrasts_of(sweep)
    low = {name: float(row["difference_ci_low"]) for name, row in rows.items()}
    high = {name: float(row["difference_ci_high"]) for name, row in rows.items()}
    for connectivity in ("local", "random", "full"):
        assert low[f"sharing, {connectivity}"] > 0
    for sharing in ("shared", "unshared"):
        assert low[f"local against random, {sharing}"] > 0
    assert low["sparse random against full, shared"] <= 0
    assert high["sparse random against full, unshared"] < 0
    assert low["both constraints"] > 0 and low["LeNet-5 against an MLP of its size"] > 0
