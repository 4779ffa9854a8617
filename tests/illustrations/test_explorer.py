"""docs/explorer.html holds the project's counts, and shows them; the browser's tests need a Chromium."""

import itertools
import json
import re

import jax
import numpy as np
import pytest

from experiments.illustrate import EXPLORER
from experiments.paste import ROOT
from lenet_jax.illustrations import explorer
from lenet_jax.illustrations.explorer import Stage
from lenet_jax.illustrations.weights import WIRING_SEED
from lenet_jax.models.wiring import CONNECTIVITY, SHARING, output_size
from tests.helpers.browser import READABLE, open_browser
from tests.helpers.recorded import header, write_runs
from tests.helpers.results import arm, result

LENET5 = (Stage("local", "shared", 5, 6), Stage("local", "shared", 5, 16))
SOME = [
    LENET5,
    (Stage("full", "unshared", 5, 6), Stage("full", "unshared", 5, 16)),
    (Stage("random", "unshared", 3, 12), Stage("local", "shared", 7, 8)),
    (Stage("local", "unshared", 7, 3), Stage("full", "shared", 3, 32)),
    (Stage("full", "shared", 3, 3), Stage("random", "shared", 5, 32)),
]


@pytest.fixture(scope="module")
def data():
    """What the committed page holds."""
    found = re.search(r'id="data">(.*?)</script>', EXPLORER.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def page():
    with open_browser() as page:
        page.open(EXPLORER, 900)
        yield page


def rows(data, setting):
    """The page's rows for both stages and the classifier: units, parameters, connections, MACs."""
    (first, second), counts = setting, data["counts"]
    return [
        counts["first"][first.key],
        counts["second"][f"{first.kernel_size} {first.maps} {second.key}"],
        counts["classifier"][f"{first.kernel_size} {second.kernel_size} {second.maps}"],
    ]


def assert_counted(data, setting):
    counts = explorer.network(setting).counts
    sums = [sum(row[i] for row in rows(data, setting)) for i in (1, 2, 3)]
    assert sums == [counts.parameters, counts.connections, counts.macs], setting
    shapes = [row[0] for row in rows(data, setting)[:2]]
    assert shapes == [list(layer.output_shape) for layer in counts.wired.layers], setting


@pytest.mark.parametrize("setting", SOME, ids=lambda setting: " ".join(stage.key for stage in setting))
def test_counts_are_those_of_the_network(data, setting):
    assert_counted(data, setting)


@pytest.mark.slow
def test_counts_of_every_setting_are_those_of_its_network(data):
    """Every stage 3 behind every size and number of maps, and every stage 1, as the layers' counts add up."""
    for setting in itertools.product(explorer.stages(0), explorer.stages(1)):
        assert len(rows(data, setting)) == 3  # there is an entry for it
    befores = itertools.cycle(itertools.product(CONNECTIVITY, reversed(SHARING)))
    for kernel_size, maps, after in itertools.product((3, 5, 7), (3, 6, 12), explorer.stages(1)):
        assert_counted(data, (Stage(*next(befores), kernel_size, maps), after))


@pytest.mark.slow
def test_the_committed_page_is_what_would_be_made_now():
    assert EXPLORER.read_text(encoding="utf-8") == explorer.page(ROOT / "results"), "run `make docs`"


def test_the_committed_page_has_the_template_and_what_is_measured_now(data):
    before, after = explorer.TEMPLATE.read_text(encoding="utf-8").split(explorer.PLACEHOLDER)
    committed = EXPLORER.read_text(encoding="utf-8")
    assert committed.startswith(before) and committed.endswith(after), "run `make docs`"
    assert data["measured"] == explorer.measured(ROOT / "results"), "run `make docs`"


def test_the_page_needs_nothing_from_elsewhere():
    text = EXPLORER.read_text(encoding="utf-8")
    assert len(text) < 150_000
    assert not re.search(r'(?:src|href)="https?:|@import|url\(|fetch\(', text)


def test_measured_are_the_arms_of_finished_sweeps_that_differ_in_nothing_else(data):
    [mnist] = [
        one
        for one in data["measured"][" ".join(stage.key for stage in LENET5)]
        if one["sweep"] == "results/mnist"
    ]
    assert mnist["error"] == "1.04%" and mnist["interval"] == "0.93 to 1.15" and mnist["over"] == "5 seeds"
    assert mnist["training"] == "10 epochs, batch size 64, rate 0.1"
    fields = explorer.network(LENET5).fields
    assert explorer.setting_of(fields) == LENET5
    assert explorer.setting_of(fields | {"train.learning_rate": 0.5, "dataset": "mnist"}) == LENET5
    for other in (
        {"model.pooling": "max"},
        {"data.move": 2},
        {"model.maps": [6]},
        {"model.maps": [6, 15]},
        {"model.sharing": "blocks", "model.block": [7]},
        {"model.sharing": "shared,blocks", "model.block": [5]},
        {"model.sharing": "low_rank", "model.rank": [2]},
        {"model.radius": [3, 3]},
        {"train.average_every": 100},
        {"train.loss": "squared_error"},
        {"train.momentum": 0.0},
    ):
        assert explorer.setting_of(fields | other) is None, other
    mixed = (Stage("local", "shared", 3, 6), Stage("full", "unshared", 5, 8))
    assert explorer.setting_of(explorer.network(mixed).fields) == mixed


@pytest.mark.parametrize(
    "row, shown",
    [
        ("5,0,0.99,0.985,0.995", ("1.00%", "0.50 to 1.50", "5 seeds")),
        ("5,2,0.99,0.985,0.995", ("1.00%", "0.50 to 1.50", "3 seeds")),  # two have diverged
        ("1,0,0.99,,", None),  # one seed has no interval
        ("5,0,,,", None),  # not scored
    ],
)
def test_measured_arms_have_an_interval_over_the_seeds_that_count(tmp_path, row, shown):
    fields = explorer.network(LENET5).fields | {"dataset": "fashion_mnist"}
    folder = tmp_path / "results" / "sweep"
    results = [result("local_shared", seed, 0.99, dataset=fields["dataset"]) for seed in range(int(row[0]))]
    write_runs(folder, header([arm("local_shared")], fields), results)
    ends = ",".join(f"test_accuracy_{end}" for end in ("mean", "ci_low", "ci_high"))
    (folder / "table.csv").write_text(f"arm,runs,diverged,{ends}\nlocal_shared,{row}\n")
    measured = explorer.measured(tmp_path / "results")
    if shown is None:
        assert measured == {}
        return
    [[one]] = measured.values()
    assert (one["error"], one["interval"], one["over"]) == shown
    assert (one["dataset"], one["sweep"]) == ("Fashion-MNIST", "results/sweep")


@pytest.mark.parametrize("width", [900, 400])
def test_everything_can_be_read(page, width):
    page.open(EXPLORER, width)
    assert page.evaluate("innerWidth") == width
    assert page.evaluate(READABLE) == []
    for stage in (0, 1):  # with the longest numbers and texts
        for field, value in {"connectivity": "full", "sharing": "unshared", "maps": (12, 32)[stage]}.items():
            choose(page, f"{field}-{stage}", value)
    assert page.evaluate(READABLE) == []
    choose(page, "connectivity-1", "random")
    assert page.evaluate(READABLE) == []
    assert page.errors == []


def choose(page, id, value):
    """Chooses a value and tells the page, as a browser does."""
    page.evaluate(f"document.getElementById({json.dumps(id)}).value = {json.dumps(str(value))}")
    page.evaluate("document.getElementById('form').dispatchEvent(new Event('input'))")


def shown(page, selector):
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")


def test_the_keyboard_reaches_and_changes_everything(page):
    page.open(EXPLORER, 900)
    reached = []
    for _ in range(12):
        page.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    fields = ("connectivity", "sharing", "kernel_size", "maps", "weight")
    assert reached == ["row", "column", *(f"{field}-{stage}" for stage in (0, 1) for field in fields)]
    assert "Weight 1:" in shown(page, "#follows-1")
    page.press("ArrowRight", times=2)  # on the last, the weight that is followed in stage 3
    assert "Weight 3:" in shown(page, "#follows-1")
    page.evaluate("document.getElementById('sharing-0').focus()")
    page.press("ArrowDown")
    assert page.evaluate("document.getElementById('sharing-0').value") == "unshared"
    assert "results/finding/stages" in shown(page, "#measured")
    counts = explorer.network((LENET5[0]._replace(sharing="unshared"), LENET5[1])).counts
    assert f"{counts.parameters:,}" in shown(page, "#counts tr.sum")
    page.evaluate("document.getElementById('maps-0').focus()")
    page.press("ArrowDown")
    assert shown(page, "#measured") == "Not measured."


def test_screen_readers_hear_what_changes_and_only_that(page):
    page.open(EXPLORER, 900)
    page.evaluate("""(() => {
      window.written = [];
      const live = [...document.querySelectorAll("[aria-live]")];
      const note = ({ target }) => window.written.push(target.closest("[aria-live]").id);
      const observer = new MutationObserver((changes) => changes.forEach(note));
      live.forEach((one) => observer.observe(one, { childList: true, subtree: true }));
    })()""")
    page.evaluate("document.getElementById('weight-0').focus()")
    page.press("ArrowRight", times=3)
    assert page.evaluate("written") == []
    follows = page.evaluate("document.getElementById('weight-0').getAttribute('aria-valuetext')")
    assert follows.startswith("Weight 4: row") and follows == shown(page, "#follows-0")
    choose(page, "sharing-0", "unshared")
    assert set(page.evaluate("written")) == {"measured", "reads-0"}


def test_a_key_explains_the_colours(page):
    page.open(EXPLORER, 900)
    choose(page, "sharing-0", "unshared")
    style = "getComputedStyle(document.querySelector('{}')).{}"
    for name in ("first", "second"):
        drawn = page.evaluate(style.format(f"#svg-0-1 .{name}", "fill"))
        assert page.evaluate(style.format(f".key.{name}", "backgroundColor")) == drawn
    assert page.evaluate(style.format("#svg-0-1 .followed", "stroke")) == page.evaluate(
        style.format(".key.followed", "borderTopColor")
    )
    assert (
        len({page.evaluate(style.format(f"#svg-0-1 .{name}", "fill")) for name in ("first", "second")}) == 2
    )


def test_the_table_shows_the_counts(page):
    for setting in SOME:
        for stage, chosen in enumerate(setting):
            for field, value in chosen._asdict().items():
                choose(page, f"{field}-{stage}", value)
        counts = explorer.network(setting).counts
        numbers = [f"{number:,}" for number in (counts.parameters, counts.connections, counts.macs)]
        assert shown(page, "#counts tr.sum").split() == ["network", *numbers]


def test_the_page_adds_up_every_setting(page, data):
    """The page's sums against those of its layers, which the tests above compare with networks."""
    totals = page.evaluate("""(() => {
      const { options } = data;
      const of = (stage) => options.connectivity.flatMap((connectivity) =>
        options.sharing.flatMap((sharing) => options.kernel_size.flatMap((kernel_size) =>
          options.maps[stage].map((maps) => ({ connectivity, sharing, kernel_size, maps })))));
      return of(0).flatMap((first) => of(1).map((second) => counts([first, second])[3].slice(2)));
    })()""")
    expected = [
        [sum(row[i] for row in rows(data, setting)) for i in (1, 2, 3)]
        for setting in itertools.product(explorer.stages(0), explorer.stages(1))
    ]
    assert totals == expected and len(totals) == 54**2


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("connectivity", CONNECTIVITY)
def test_the_units_shown_read_what_the_wiring_says(page, connectivity, sharing):
    entry = CONNECTIVITY[connectivity]
    key = jax.random.key(WIRING_SEED) if entry.is_drawn else None
    for kernel_size, stage in itertools.product(explorer.KERNEL_SIZES, (0, 1)):
        chosen = Stage(connectivity, sharing, kernel_size, 6)
        setting = [chosen._asdict(), chosen._replace(maps=16)._asdict()]
        side = 32 if stage == 0 else output_size(32, kernel_size) // 2
        out = output_size(side, kernel_size)
        is_example = entry.is_drawn and sharing == "unshared"
        reads_PT = None if is_example else np.asarray(entry.reads(sharing, side, kernel_size, key=key))
        for row, column in itertools.product(range(3), repeat=2):
            numbers = np.array(page.evaluate(f"weights({json.dumps(setting)}, {stage}, {row}, {column})"))
            unit = [0, (out - 1) // 2, out - 1][row] * out + [0, (out - 2) // 2, out - 2][column]
            taps = entry.taps(side, kernel_size)
            own = sharing == "unshared"
            for neighbour in (0, 1):
                weights = numbers[neighbour][numbers[neighbour] > 0]
                assert sorted(weights) == list(
                    range(1 + own * neighbour * taps, 1 + taps + own * neighbour * taps)
                )
                if reads_PT is not None:
                    positions = numbers[neighbour].argsort()[-taps:]  # by their weights
                    assert list(positions) == list(reads_PT[unit + neighbour])
