"""report.html: what it says, that it needs nothing else, and that it can be read."""

import base64
import html.parser
import io
import itertools
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from lenet_jax.data import load_native
from lenet_jax.report import disputed, web_page
from lenet_jax.report.contents import HEADINGS, contents_of
from lenet_jax.report.markup import html_note
from lenet_jax.report.pages import write_report
from lenet_jax.report.scores import read_scores
from lenet_jax.runs.store import read_epochs
from tests.helpers.browser import READABLE, open_browser
from tests.helpers.recorded import header, remove_runs, write_runs
from tests.helpers.results import arm, result, unscored

pytestmark = pytest.mark.usefixtures("one_format")

ARMS = [arm("wide", baselines={"width": "narrow"}), arm("narrow", baselines={"speed": "slow"}), arm("slow")]
ACCURACIES = {"wide": (0.9, 0.92, 0.91), "narrow": (0.8, 0.81, 0.82), "slow": (0.81, 0.8, 0.82)}
VOID = {"meta", "link", "img"}


class Parsed(html.parser.HTMLParser):
    """A page's tags with their attributes, and its text, in order."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open[-1:] != ["style"]:
            self.words.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def of(self, *tags):
        return [attributes for tag, attributes in self.tags if tag in tags]


def results(**accuracies):
    return [result(arm, seed, it) for arm, its in accuracies.items() for seed, it in enumerate(its)]


def page_of(directory):
    write_report(directory)
    return (directory / "report.html").read_text(encoding="utf-8")


@pytest.fixture
def directory(tmp_path):
    write_runs(tmp_path, header(ARMS), results(**ACCURACIES))
    return tmp_path


def test_findings_come_first_and_tables_have_the_cells_and_captions_of_markdown(directory):
    page = page_of(directory)
    text = Parsed(page).text
    contents = contents_of(read_scores(directory))
    for finding in contents.found:
        for sentence in finding.sentences:
            assert page.index(html_note(sentence)) < page.index('id="figures"')
    sections = [page.index(f'id="{name}"') for name in web_page.SECTIONS]
    assert sections == sorted(sections)
    assert HEADINGS.keys() == contents.tables.keys()
    for name, table in contents.tables.items():
        if table:
            caption, rows = table.laid_out()
            assert html_note(caption) in page and caption in (directory / f"{name}.md").read_text()
            for row in rows:
                assert all((f"{cell:,}" if isinstance(cell, int) else cell) in text for cell in row.values())
    assert "width: wide saves 10.00 (7.52 to 12.48) errors per hundred test images" in text
    assert "Not resolved with 3 seeds: speed: narrow against slow, 0.00 (" in text
    assert "accuracy.png" in text and "`" not in text


def test_the_first_screen_says_what_was_measured_on_what_how_and_how_sure(directory):
    text = Parsed(page_of(directory)).text
    first = text[: text.index("What was found Figures")]
    for part in (
        "Test error of 3 arms on digits", "The test error of 3 arms", "in 9 runs, seeds 0 to 2",
        "All 360 test images of digits: 8x8 pixels, 10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9).",
        "Each run is scored once, after its last epoch. Each run was trained on 1,293 images",
        "Brackets after a number hold its interval. Interval: 95%, Student's t over the seeds",
    ):  # fmt: skip
        assert part in first
    assert "Unfinished" not in text


def test_what_is_not_finished_is_said_at_the_top(directory):
    remove_runs(directory, "slow")
    write_runs(directory, header(ARMS), [result("wide", 3, 0.9)])
    write_report(directory, "Runs sent to jobs: 7 <done>.\nJob 12 has ended.")
    page = (directory / "report.html").read_text()
    text = Parsed(page).text
    start = text[: text.index("Measured")]
    assert "Runs sent to jobs: 7 <done>. Job 12 has ended." in start
    assert "1 of the 3 arms of the config have no runs: slow." in start
    assert "without seed 3: narrow" in start
    assert 'class="open"' in page[: page.index("<dl>")]


def test_a_plan_that_lacks_runs_is_said_at_the_top(tmp_path):
    plan = {"name": "width", "weights": {"wide": 1.0, "narrow": -1.0}, "margin": 0.0, "seeds": 5}
    write_runs(tmp_path, header(ARMS) | {"planned": [plan]}, results(**ACCURACIES))
    text = Parsed(page_of(tmp_path)).text
    assert "not all planned runs are recorded" in text[: text.index("Measured")]
    assert "width: nothing is claimed yet, as runs are missing, 10.00 (7.52 to 12.48) fewer errors" in text


HOSTILE = """<script>alert("1")</script> & '$title' <img src=x onerror=y> `c`"""


def test_hostile_text_is_shown_as_it_is(tmp_path):
    arms = [arm("a", label=HOSTILE, baselines={HOSTILE: "b"}), arm("b", overrides={HOSTILE: [HOSTILE]})]
    runs = [result(name, seed, 0.5 + seed / 9, dataset=HOSTILE) for name in ("a", "b") for seed in (0, 1)]
    sweep = header(arms) | {"command": ["python", HOSTILE]}
    write_runs(tmp_path, sweep, runs, {"revision": HOSTILE, "python": "3", "libraries": {}, "device": "<i>",
                                      "host": "<b>", "devices": 1}, dataset="sha256:0123")  # fmt: skip
    parsed = Parsed(page_of(tmp_path))
    assert not {"script", "i", "b"} & {tag for tag, _ in parsed.tags}
    assert parsed.text.count(HOSTILE) > 8
    assert not [name for _, attributes in parsed.tags for name in attributes if name.startswith("on")]
    assert {attributes["src"][:5] for attributes in parsed.of("img")} == {"data:"}


def test_the_page_needs_nothing_from_elsewhere(sweep_copy):
    page = page_of(sweep_copy)
    parsed = Parsed(page)
    assert all(one["src"].startswith("data:image/") for one in parsed.of("img"))
    targets = {one["href"] for one in parsed.of("a", "link")}
    assert targets == {"data:,", *(f"#{name}" for name in web_page.SECTIONS)}
    assert not parsed.of("script", "iframe", "object", "use")
    assert not re.search(r"@import|url\(|https?://|srcset", re.sub(r'"data:[^"]*"', "", page))
    assert "default-src 'none'" in page


def test_readers_of_structure_find_it(sweep_copy):
    parsed = Parsed(page_of(sweep_copy))
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(one["alt"] for one in parsed.of("img")) and parsed.of("img")
    assert all(one["aria-label"] and one["role"] == "img" for one in parsed.of("svg")) and parsed.of("svg")
    assert {one["scope"] for one in parsed.of("th")} == {"col", "row"}
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {one["aria-labelledby"] for one in parsed.of("table")} <= set(ids)
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in parsed.of("div") if "role" in one)


def test_sections_without_content_say_why(directory):
    text = Parsed(page_of(directory)).text
    assert "this folder has no epochs.jsonl with the epochs of its runs" in text
    assert "The wrong answers of some runs are not known: mistakes.npz" in text


def test_a_single_run_has_its_page(tmp_path):
    write_runs(tmp_path, header([arm("one")]), [result("one", 0, 0.95)])
    text = Parsed(page_of(tmp_path)).text
    assert "Test error (%): local, shared (LeNet-5), 5.00 in 1 run." in text
    assert "in one run, seed 0" in text and "Brackets" not in text


def test_tuning_has_validation_errors(tmp_path):
    tuning = header([arm("net-slow"), arm("net-fast")]) | {"kind": "tuning"}
    write_runs(tmp_path, tuning, [unscored("net-slow", 0, 0.5), unscored("net-fast", 0, 0.75)])
    text = Parsed(page_of(tmp_path)).text
    assert "Validation error of 2 candidates on digits" in text
    assert "The lowest validation error (%): net-fast, 25.00 in 1 run." in text
    assert "144 validation images of digits, held out from training" in text


def test_every_run_has_its_curve(sweep_copy):
    parsed = Parsed(page_of(sweep_copy))
    runs = {(row["arm"], row["seed"]) for row in read_epochs(sweep_copy) if row["val_accuracy"] is not None}
    assert len(parsed.of("polyline")) == len(runs) > 5
    assert len(parsed.of("svg")) == len({arm for arm, _ in runs})
    assert "Error on validation images in percent after each epoch" in parsed.text
    with (sweep_copy / "epochs.jsonl").open("a") as file:
        file.write("{damaged\n")
    page = web_page.to_html(contents_of(read_scores(sweep_copy)), [])  # as in a folder that cannot be mended
    assert re.search(r"The epochs cannot be read: .*epochs\.jsonl, line \d+, is damaged", Parsed(page).text)


def shown(directory):
    return disputed.find_disputed(contents_of(read_scores(directory)))


def test_disputed_images_are_shown_with_their_labels_and_answers(sweep_copy, monkeypatch):
    write_report(sweep_copy)
    native = load_native("digits")
    found = shown(sweep_copy)
    assert re.match(
        r"Of 360 test images, \d+ are answered wrongly in at least 90% of one arm's runs", found.about
    )
    assert 0 < len(found.images) <= disputed.MOST
    for one in found.images:
        assert one.label == str(native.test_labels[one.number]) and one.wrong and one.right
        image = np.asarray(Image.open(io.BytesIO(one.png)))
        assert np.abs(image - (255 - 255 / 16 * native.test_images[one.number])).max() <= 0.5
    page = page_of(sweep_copy)
    assert base64.b64encode(found.images[0].png).decode() in page

    monkeypatch.setattr(disputed, "is_here", lambda place: False)
    elsewhere = shown(sweep_copy)
    assert elsewhere.about.endswith("The images of digits are not on this machine: there are only their "
                                    "numbers, labels and answers.")  # fmt: skip
    assert elsewhere.images == [one._replace(png=None) for one in found.images]
    shutil.rmtree(sweep_copy / "predictions")
    unlabelled = shown(sweep_copy)
    assert unlabelled.about.endswith("there are only their numbers and answers.")
    assert unlabelled.images == [one._replace(png=None, label="") for one in found.images]
    assert f"Test image {found.images[0].number:,}" in Parsed(page_of(sweep_copy)).text


@pytest.fixture(scope="module")
def browser():
    with open_browser() as page:
        yield page


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [900, 400])
@pytest.mark.parametrize("which", ["trained", "hostile"])
def test_everything_can_be_read(browser, sweep_copy, tmp_path, which, width, scheme, monkeypatch):
    monkeypatch.undo()
    folder = sweep_copy
    if which == "hostile":
        folder = tmp_path / "hostile"
        arms = [arm("a" * 60, label=HOSTILE * 3, baselines={"b" * 90: "c"}), arm("c", label="x" * 200)]
        runs = [result(name["name"], seed, 0.5 + seed / 9) for name in arms for seed in (0, 1)]
        write_runs(folder, header(arms), runs)
    write_report(folder)
    browser.prefer(scheme)
    browser.open(folder / "report.html", width)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate(READABLE) == []
    browser.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
    assert browser.evaluate(READABLE) == []
    assert browser.errors == []


@pytest.mark.slow
def test_the_keyboard_reaches_links_folds_and_what_scrolls(browser, sweep_copy):
    write_report(sweep_copy)
    browser.open(sweep_copy / "report.html", 400)
    wanted = browser.evaluate(
        "[...document.querySelectorAll('a, summary, *')].filter((one) => one.matches('a, summary') "
        "|| (getComputedStyle(one).overflowX === 'auto' && one.checkVisibility())).length"
    )
    assert wanted > len(web_page.SECTIONS) + 3
    reached = set()
    for _ in range(wanted):
        browser.press("Tab")
        reached.add(browser.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert len(reached) == wanted
    browser.evaluate("document.querySelector('details > summary').focus()")
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('details').open")
