"""README and docs show what the records say, and the records' tables are what the program makes."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

from configs.history import alternatives
from configs.history.families import ERAS
from experiments import paste
from experiments.scorecard import ENTRIES
from lenet_jax.analysis.summaries import OTHER_FIGURES
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.identity import differences
from lenet_jax.config.resolve import resolve
from lenet_jax.errors import UserError
from lenet_jax.report import columns
from lenet_jax.report.pages import write_report, write_side_by_side
from lenet_jax.report.scores import read_scores
from lenet_jax.runs.tuning import candidate_arms
from tests.helpers import folders
from tests.helpers.commands import load_config

RESULTS = paste.ROOT / "results"
ABLATIONS = sorted(path.parent for path in RESULTS.glob("*/config.json"))
SWEEPS = ABLATIONS + sorted(path.parent for path in RESULTS.glob("history/*/config.json"))
SIZES = sorted(path.parent for path in RESULTS.glob("sizes/*/config.json"))
FINDINGS = sorted(path.parent for path in RESULTS.glob("finding/*/config.json"))
SCORED = [finding for finding in FINDINGS if not finding.name.startswith("choices_")]
CORES = [finding for finding in FINDINGS if (finding / "planned.csv").exists()]
HISTORY = [paste.ROOT / "docs" / "history.md", *sorted((paste.ROOT / "docs" / "history").glob("*.md"))]
CHOICES = paste.ROOT / "docs" / "history" / "choices.md"

# ml_collections loads config files so; outside tests Python doesn't show this.
pytestmark = pytest.mark.filterwarnings(r"ignore:the load_module\(\) method:DeprecationWarning")


def header_of(sweep):
    """What a committed sweep's config.json records."""
    return json.loads((sweep / "config.json").read_text(encoding="utf-8"))


def config_of(sweep):
    """FILE and (ARG,), or () without one, of the --config that a committed sweep was made with."""
    [named] = [word for word in header_of(sweep)["command"] if word.startswith("--config=")]
    file, *argument = named.removeprefix("--config=").split(":", 1)
    return file, tuple(argument)


@pytest.mark.parametrize("page", paste.pages(), ids=lambda page: page.name)
def test_pages_show_what_is_recorded_and_counted(page: pathlib.Path):
    text = page.read_text(encoding="utf-8")
    assert paste.paste(text) == text, "out of date: run `make docs`"


def test_the_readme_is_short():
    lines = (paste.ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150 and max(map(len, lines)) <= 200


def test_a_page_that_disagrees_is_found():
    page = (paste.ROOT / "README.md").read_text(encoding="utf-8")
    block = next(found for found in paste.BLOCK.finditer(page) if "0." in found.group())
    altered = page.replace(block.group(), block.group().replace("0.", "7."))
    assert altered != page
    assert paste.paste(altered) == page


def test_a_source_that_is_not_there_is_refused():
    with pytest.raises(OSError, match="nothing.md"):
        paste.paste("<!-- paste: results/nothing.md -->\n<!-- end -->")
    with pytest.raises(UserError, match="config.model.kernel_size"):
        paste.paste(
            "<!-- paste: summary --config=configs/lenet5.py --config.model.kernel_size=40 -->\n<!-- end -->"
        )
    with pytest.raises(UserError, match="config.arms names a"):
        paste.paste("<!-- paste: summary --config=configs/ablation.py --config.arms=a -->\n<!-- end -->")


def test_single_numbers_are_pasted_within_a_line():
    text = "a <!-- paste: paper zipcode/zipcode_lm parameters -->1<!-- end --> b"
    pasted = "a <!-- paste: paper zipcode/zipcode_lm parameters -->9,760<!-- end --> b"
    assert paste.paste(text) == pasted
    with pytest.raises(UserError, match="no row zipcode with a column parameters"):
        paste.paste("<!-- paste: paper zipcode/zipcode parameters --><!-- end -->")


def test_a_cell_of_a_table_is_found_by_how_its_row_begins(tmp_path, monkeypatch):
    table = (
        "Words.\n\n| net | size | error (%) |\n|:--|--:|:--|\n| a, b | 1 | 2 (1 to 3) |\n| a, b | 2 | 4 |\n"
    )
    (tmp_path / "t.md").write_text(table)
    monkeypatch.setattr(paste, "ROOT", tmp_path)
    found = paste.paste('<!-- paste: cell t.md "error (%)" "a, b" 1 --><!-- end -->')
    assert found.split("-->")[1].split("<!--")[0].replace("\u00a0", " ") == "2 (1 to 3)"
    for arguments in ('"error (%)" "a, b"', '"error (%)" c', 'nope "a, b" 1'):
        with pytest.raises(UserError, match=r"t.md: \d rows with the .*columns are \['net', 'size', 'error"):
            paste.paste(f"<!-- paste: cell t.md {arguments} --><!-- end -->")
    with pytest.raises(UserError, match="No closing quotation"):
        paste.paste('<!-- paste: cell t.md "error --><!-- end -->')
    (tmp_path / "t.md").write_text(f"{table}\n{table}")
    with pytest.raises(UserError, match=r"t.md: 2 rows with the column error"):
        paste.paste('<!-- paste: cell t.md "error (%)" "a, b" 1 --><!-- end -->')
    (tmp_path / "t.md").write_text(f"{table}\n{table.replace('(%)', '(points)')}")
    assert ">4<" in paste.paste('<!-- paste: cell t.md "error (points)" "a, b" 2 --><!-- end -->')


@pytest.mark.parametrize("page", paste.pages(), ids=lambda page: page.name)
def test_no_line_within_a_paragraph_begins_with_a_comment(page):
    """In CommonMark, it would end the paragraph."""
    for line in page.read_text(encoding="utf-8").splitlines():
        assert not re.match(r"\s*<!-- paste: [^>]+-->.", line), line


@pytest.mark.parametrize("page", paste.pages(), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^]]+\]: (\S+)$", text, re.M)
    for link in links:
        if link.startswith(("http", "mailto")):
            continue
        file, _, section = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if section:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M)
            assert section in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", [*paste.pages(), paste.ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_tables_have_few_columns(page):
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            assert line.count("|") - 1 <= columns.MOST, line


@pytest.mark.parametrize("page", HISTORY, ids=lambda page: page.name)
def test_numbers_on_pages_of_the_history_are_pasted(page):
    text = page.read_text(encoding="utf-8")
    for line in text.splitlines():
        # It would end the paragraph: a line that starts so is no part of one.
        assert not re.match(r" *<!-- paste: .+?-->.", line), line
    typed = paste.BLOCK.sub("", text)
    assert not re.findall(r"\d \(-?\d+\.\d+ to |\d\.\d+ ?%", typed)


def test_pages_of_the_history_show_every_effect_and_every_error_that_a_paper_reports():
    text = "".join(page.read_text(encoding="utf-8") for page in HISTORY)
    effects = set(re.findall(r"<!-- paste: contrast (\S+)(?: (\S+))? -->", text))
    errors = set(re.findall(r"<!-- paste: paper (\S+) (\w*error_percent) -->", text))
    recorded = [sweep.name for sweep in SWEEPS if sweep not in ABLATIONS and (sweep / "papers.csv").exists()]
    for sweep in recorded:
        for row in paste.excerpts_of(sweep).contrasts.values():
            arm = f"{sweep}/{row['arm']}"
            assert {(arm, ""), (arm, row["baseline"])} & effects, row["contrast"]
        for arm, row in rows_of(sweep, "papers").items():
            if row["paper_error_percent"]:
                assert (f"{sweep}/{arm}", f"{row['compared']}_percent") in errors, arm


def test_the_page_of_choices_has_the_commands_of_what_is_to_be_run():
    text = CHOICES.read_text(encoding="utf-8")
    to_be_run = [
        study
        for study in alternatives.STUDIES
        if not (RESULTS / "history" / f"alternatives_{study}").exists()
    ]
    assert re.findall(r"configs/history/alternatives\.py:(\w+)", text) == to_be_run
    others = re.search(r"the other arguments are (.+)\.", text)
    assert others and {"1989", *re.findall(r"`(\w+)`", others[1])} == set(ERAS)
    tried = {path.name for path in (RESULTS / "history").glob("choices_*")}
    assert set(re.findall(r"\[(choices_\w+)\]", text)) == tried


def test_every_error_of_a_paper_is_on_the_scorecard():
    of_sweeps = {entry.sweep for entry in ENTRIES}
    reported = {
        row["paper_error_percent"] for sweep in of_sweeps for row in rows_of(sweep, "papers").values()
    }
    shown = {rows_of(entry.sweep, "papers")[entry.arm]["paper_error_percent"] for entry in ENTRIES}
    assert shown == reported - {""}


def test_every_sweep_of_the_configs_is_committed():
    """Those named after a dataset come from the ablation, results/history/FILE_ARG from FILE.py:ARG."""
    assert {path.name for path in ABLATIONS} == {"mnist", "mnist_5k", "usps"}
    assert {config_of(sweep) for sweep in ABLATIONS} == {("configs/ablation.py", ())}
    history = [sweep for sweep in SWEEPS if sweep not in ABLATIONS]
    for sweep in history:
        file, argument = config_of(sweep)
        stem = pathlib.Path(file).stem
        assert sweep.name in (stem, "_".join([stem, *argument]))
    files = (paste.ROOT / "configs" / "history").glob("*.py")
    defined = {file.name for file in files if "\ndef get_arms(" in file.read_text(encoding="utf-8")}
    assert {pathlib.Path(config_of(sweep)[0]).name for sweep in history} == defined


@pytest.mark.parametrize("sweep", SWEEPS + SIZES + SCORED, ids=lambda sweep: sweep.name)
def test_committed_sweeps_have_the_arms_of_their_configs(sweep: pathlib.Path):
    """As their configs define them now; arms that were added to a config later need not be recorded.

    Overrides may be written otherwise, as long as they lead to the same runs.
    """
    file, argument = config_of(sweep)
    module = load_config(paste.ROOT / file)
    config = module.get_config(*argument)
    arms = module.get_arms(config, *argument)
    recorded = header_of(sweep)
    if recorded["kind"] == "tuning":
        arms = candidate_arms(arms)
    defined = json.loads(json.dumps([arm.to_record() for arm in arms]))
    names = [arm["name"] for arm in recorded["arms"]]
    defined = [arm for arm in defined if arm["name"] in names]
    without = {"overrides": {}}
    recorded_arms = [completed(arm) for arm in recorded["arms"]]
    assert [arm | without for arm in recorded_arms] == [arm | without for arm in defined]
    config.dataset = recorded["config"]["dataset"]
    for earlier, now in zip(recorded_arms, defined, strict=True):
        if earlier != now:
            base = override(default_config(), as_tuples(recorded["config"]))
            first, second = (
                resolve(override(of, as_tuples(arm["overrides"]))).fields
                for of, arm in ((base, earlier), (config, now))
            )
            assert differences(first, second) == []


def completed(arm):
    """A recorded arm, which may be older than groups, factors and some figures of papers."""
    paper = arm["paper"] and dict.fromkeys(OTHER_FIGURES) | arm["paper"]
    return {"group": "", "factors": []} | arm | {"paper": paper}


def as_tuples(fields):
    """Fields that JSON returned, with tuples for lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


@pytest.mark.parametrize(
    "sweep",
    # Hundreds of runs, whose wrong answers take a while, are slow.
    [*SWEEPS, *SIZES, *(pytest.param(finding, marks=pytest.mark.slow) for finding in FINDINGS)],
    ids=lambda sweep: sweep.name,
)
def test_committed_tables_come_out_of_the_committed_records(sweep: pathlib.Path, tmp_path, one_format):
    copy = shutil.copytree(sweep, tmp_path / sweep.name)
    names = ("results", "table", "contrasts", "papers", "effects", "planned", "plane", "wirings", "images")
    written = [path for name in names for ending in ("csv", "md") for path in copy.glob(f"{name}.{ending}")]
    assert {"table.csv", "table.md"} <= {path.name for path in written}
    for file in written:
        file.unlink()
    write_report(copy)
    for file in written:
        assert file.read_bytes() == (sweep / file.name).read_bytes(), file.name


# Folder -> the sweeps that its tables show side by side, apart from those of the core.
SIDE_BY_SIDE = {"": [], "pooling": ["pooling_usps"], "variations": ["permuted", "decay", "fit"]}


@pytest.mark.slow
@pytest.mark.parametrize(("beside", "others"), SIDE_BY_SIDE.items())
def test_the_sweeps_of_the_finding_are_side_by_side(beside, others, tmp_path, monkeypatch, one_format):
    monkeypatch.chdir(paste.ROOT)
    folder = RESULTS / "finding" / beside
    names = re.search("--sweeps=(\\S+)", (folder / "errors.md").read_text(encoding="utf-8"))[1].split(",")
    datasets = {name.partition("_")[2] or "mnist" for name in others}
    cores = [core.name for core in CORES if not others or core.name.partition("_")[2] in datasets]
    assert sorted(names) == [f"results/finding/{name}" for name in sorted([*cores, *others])]
    command = f"python -m experiments.decompose --sweeps={','.join(names)} --workdir=DIR"
    write_side_by_side(tmp_path, [read_scores(pathlib.Path(name)) for name in names], command)
    both = ("changed_arms", "changes", "decomposition", "errors")
    pages = ("answer", "connectivity", "planned", "sharing", "training", *both)
    for name in (*(f"{table}.csv" for table in both), *(f"{page}.md" for page in pages)):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.parametrize(
    "sweep", sorted(path.parent for path in RESULTS.glob("**/config.json")), ids=lambda sweep: sweep.name
)
def test_a_committed_sweep_is_few_files(sweep: pathlib.Path):
    committed = committed_below(sweep)
    assert len(committed) <= 10
    assert {"config.json", "runs.jsonl", "table.csv", "table.md"} <= {path.name for path in committed}
    assert not [path for path in committed if path.suffix in (".tex", ".pdf", ".svg")]  # made by the report


def committed_below(folder):
    """The files below `folder` that git tracks; skips the test where this is not a git checkout."""
    listed = subprocess.run(["git", "ls-files", folder], cwd=paste.ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [pathlib.Path(line) for line in listed.stdout.splitlines()]


def rows_of(sweep, table):
    """The rows of a history sweep's CSV file by their arms."""
    return {row["arm"]: row for row in folders.rows(RESULTS / "history" / sweep / f"{table}.csv")}
