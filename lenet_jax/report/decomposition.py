"""Several sweeps side by side: what each constraint is worth on each dataset, as one table and one figure."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lenet_jax.analysis.crossed import common_seeds, weighted_sum
from lenet_jax.analysis.effects import EFFECTS, SAVED, SHARE, SHOWN, Corners, effect_rows
from lenet_jax.analysis.stats import Interval
from lenet_jax.analysis.summaries import Row, accuracies_of, interval_of, missing_seeds
from lenet_jax.errors import UserError
from lenet_jax.report.columns import Column
from lenet_jax.report.drawing import error_bar, literal, project_settings
from lenet_jax.report.markup import markdown_text
from lenet_jax.report.names import dataset_words
from lenet_jax.report.numbers import (
    intervals_in_words,
    seeds_in_words,
    share_of_gap,
    uncorrected,
    with_interval,
)
from lenet_jax.report.scores import Sweep

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch


class Step(NamedTuple):
    """A constraint that is added to a network.

    Attributes:
      constraint: one of WORDS.
      effect: what it saves there, one of `lenet_jax.analysis.effects.EFFECTS`.
      corner: the network that it leads to.
    """

    constraint: str
    effect: str
    corner: str


# The steps of both orders from the fully connected network to the convolution.
ORDERS = (
    (
        Step("connectivity", "connectivity, unshared", "local_unshared"),
        Step("sharing", "sharing, local", "local_shared"),
    ),
    (
        Step("sharing", "sharing, full", "full_shared"),
        Step("connectivity", "connectivity, shared", "local_shared"),
    ),
)
COLOURS = {"connectivity": "#762a83", "sharing": "#5aae61"}  # not those of units in the pictures of wirings
HATCHES = {"connectivity": "", "sharing": "///"}  # told apart in black and white
# Behind a text, so that no line of the axes, whose places depend on the data, runs through it.
BEHIND = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
WORDS = {"connectivity": "sparse, local connectivity", "sharing": "weight sharing"}


HALF = 50.0  # percent of the gap
ACROSS = 2  # panels of one dataset next to each other
GAP = "how many fewer errors the convolution makes than the fully connected network"


class Panel(NamedTuple):
    """The decomposition on one dataset in one group of arms.

    Attributes:
      dataset: its name.
      group: what the group's arms have in common; "" if the group has no name.
      seeds: how many seeds all four corners have.
      errors: corner -> its mean test error in percent, over these seeds.
      effects: effect -> its row, as `lenet_jax.analysis.effects.effect_rows` returns it.
      training: corner -> its mean error on the training images in percent, over these seeds.
      fitted: how many fewer of a hundred training images the convolution gets wrong than the fully connected
        network, with an interval over seeds.
      covers_images: whether the intervals cover the draw of the test images.
      unfinished: the arms that lack seeds which other arms have, or which were planned.
    """

    dataset: str
    group: str
    seeds: int
    errors: Mapping[str, float]
    effects: Mapping[str, Row]
    training: Mapping[str, float]
    fitted: Interval
    covers_images: bool
    unfinished: tuple[str, ...]


def find_panels(sweeps: Sequence[Sweep]) -> list[Panel]:
    """The decompositions of each sweep, in the order of the sweeps and their groups.

    Raises UserError for a sweep in which no four corners have test scores for one seed, and for two
    decompositions of one dataset and group.
    """
    panels: dict[tuple[str, str], Panel] = {}
    for sweep in sweeps:
        for panel in _panels_of(sweep):
            if panels.setdefault((panel.dataset, panel.group), panel) is not panel:
                of_group = f" with {panel.group}" if panel.group else ""
                raise UserError(
                    f"{sweep.directory} has another decomposition of {panel.dataset}{of_group}: name one of "
                    "the two sweeps."
                )
    return list(panels.values())


def _panels_of(sweep: Sweep) -> list[Panel]:
    scores = sweep.scores
    rows = effect_rows(scores.results, scores.corners, scores.wrong)
    if not rows:
        raise UserError(
            f"{sweep.directory} cannot be decomposed: it needs test scores of the four corners, local and "
            "full with shared and unshared weights, for one seed at least; run the sweep's command again."
        )
    of_test, of_training = (
        accuracies_of(scores.results, column) for column in ("test_accuracy", "train_accuracy")
    )
    lacking = missing_seeds(scores.results)
    recorded_seeds = {
        arm: {run["seed"] for run in scores.results if run["arm"] == arm} for arm in scores.fields
    }
    intended: dict[str, int] = {}
    for contrast in sweep.header.get("planned", []):
        for arm in contrast["weights"]:
            intended[arm] = max(intended.get(arm, 0), contrast["seeds"])
    panels = []
    for group, corners in scores.corners.items():
        effects = {row["effect"]: row for row in rows if row.get("group", "") == group}
        if effects:
            seeds = common_seeds(corners, of_test)
            gap = weighted_sum(dict(zip(corners, EFFECTS["gap"], strict=True)), of_training, None)
            fitted = gap.interval(bounds=(-1.0, 1.0)).map(lambda saved: 100 * saved)
            unfinished = tuple(
                arm for arm in corners if arm in lacking or len(recorded_seeds[arm]) < intended.get(arm, 0)
            )
            panels.append(
                Panel(
                    dataset=scores.results[0]["dataset"],
                    group=group,
                    seeds=len(seeds),
                    errors=_mean_errors(corners, of_test, seeds),
                    effects=effects,
                    training=_mean_errors(corners, of_training, seeds),
                    fitted=fitted,
                    covers_images=scores.covers_draw,
                    unfinished=unfinished,
                )
            )
    return panels


def _mean_errors(
    corners: Corners, accuracies: Mapping[tuple[str, int], float], seeds: Sequence[int]
) -> dict[str, float]:
    """Corner -> its mean error in percent, over these seeds."""
    return {
        name: 100 * statistics.fmean(1 - accuracies[arm, seed] for seed in seeds)
        for name, arm in corners._asdict().items()
    }


def csv_rows(panels: Sequence[Panel]) -> list[Row]:
    """One row per panel and effect: `dataset`, `group`, the columns of `effect_rows`."""
    return [
        {"dataset": panel.dataset, "group": panel.group, **row}
        for panel in panels
        for row in panel.effects.values()
    ]


def page_rows(panels: Sequence[Panel]) -> list[Row]:
    """One row per panel, for people: the gap and what each constraint is of it, as rows of effects."""
    return [
        {"networks": _networks(panel), **{name: panel.effects[name] for name in SHOWN}} for panel in panels
    ]


def order_rows(panels: Sequence[Panel], constraint: str) -> list[Row]:
    """One row per panel, for people: what a constraint saves as the first, as the second, on average.

    The interaction is what it saves as the second minus what it saves as the first.
    """
    # The constraint is the first step of one order and the second of the other.
    first, second = (
        next(steps[place].effect for steps in ORDERS if steps[place].constraint == constraint)
        for place in (0, 1)
    )
    return [
        {
            "networks": _networks(panel),
            "added first": panel.effects[first],
            "added second": panel.effects[second],
            "average": panel.effects[constraint],
            "interaction": panel.effects["interaction"],
        }
        for panel in panels
    ]


def training_rows(panels: Sequence[Panel]) -> list[Row]:
    """One row per panel, for people: the corners' errors on their training images, and the gap there."""
    return [{"networks": _networks(panel), **panel.training, "gap": panel.fitted} for panel in panels]


def caption(panels: Sequence[Panel]) -> str:
    """What the numbers of the table are, in Markdown."""
    return (
        f"Gap: {GAP}. Connectivity and sharing: their parts of it, averaged over both orders. "
        f"{_saved(panels)}"
    )


def order_caption(panels: Sequence[Panel], constraint: str) -> str:
    """Of the table of one constraint, in Markdown."""
    other = next(other for other in WORDS if other != constraint)
    return (
        f"What {WORDS[constraint]} saves where it is added first, to the fully connected network, and "
        f"second, to the network that has {WORDS[other]} already. Interaction: second minus first. Gap: "
        f"{GAP}. {_saved(panels)}"
    )


def training_caption(panels: Sequence[Panel]) -> str:
    """Of the table of training errors, in Markdown."""
    seeds = {panel.seeds for panel in panels}
    intervals = intervals_in_words(seeds, covers_images=None)
    return (
        "Mean errors on the images that the networks were trained on, in percent. Gap: how many fewer of a "
        "hundred training images the convolution answers wrongly than the fully connected network; "
        f"{intervals}. Where it is far from 0, the gap on test images is not about generalization alone."
    )


def _saved(panels: Sequence[Panel]) -> str:
    intervals = uncorrected(_intervals(panels), {panel.seeds for panel in panels})
    has_costs = any(panel.effects["gap"][f"{SAVED}_mean"] < 0 for panel in panels)
    return (
        f"Numbers are errors per hundred test images; {intervals}. Percentages are shares of the gap. A "
        "constraint may also cost errors; then its share is below 0. "
        f"{'A gap below 0 has no shares. ' if has_costs else ''}Differences are taken before rounding."
    )


def _intervals(panels: Sequence[Panel]) -> str:
    """What intervals there are and what they cover, as the end of a sentence."""
    covering = dict.fromkeys(dataset_words(panel.dataset) for panel in panels if panel.covers_images)
    cover_all = all(panel.covers_images for panel in panels)
    some = "" if cover_all or not covering else f", on {' and '.join(covering)} for others too"
    return f"{intervals_in_words([panel.seeds for panel in panels], cover_all)}{some}"


def answers(panels: Sequence[Panel]) -> list[str]:
    """Which part of the gap is the larger one on each panel, in sentences of Markdown."""
    found = []
    for panel in panels:
        of_gap = interval_of(panel.effects["gap"], SAVED)
        gap = with_interval(of_gap, ".2f")
        larger = _larger_part(panel)
        if of_gap.high is not None and of_gap.high < 0:
            part = "the convolution makes more errors than the fully connected network"
        elif larger:
            part = f"{WORDS[larger]} is the larger part, {_share(panel, larger)}"
        else:
            part = f"neither part is clearly larger: {WORDS['sharing']} is {_share(panel, 'sharing')}"
        found.append(f"{markdown_text(_networks(panel))}: the gap is {gap}; {part}.")
    return found


def notes(panels: Sequence[Panel]) -> list[str]:
    """What is unfinished, in sentences of Markdown."""
    found = []
    for panel in panels:
        if panel.unfinished:
            arms = ", ".join(map(markdown_text, panel.unfinished))
            dataset = markdown_text(dataset_words(panel.dataset))
            found.append(
                f"Unfinished: on {dataset}, {arms} lack seeds that other arms have or that were planned; "
                f"numbers are over the {seeds_in_words([panel.seeds])} of all four corners."
            )
    return found


@project_settings()
def figure(panels: Sequence[Panel]) -> Figure:
    """Draws both orders from the fully connected network to the convolution.

    Datasets are below each other, and groups next to each other; of one dataset, at most ACROSS groups are.
    """
    datasets = list(dict.fromkeys(panel.dataset for panel in panels))
    groups = list(dict.fromkeys(panel.group for panel in panels))
    places = list(itertools.product(datasets, groups))
    across = min(ACROSS, len(groups)) if len(datasets) == 1 else len(groups)
    down = -(-len(places) // across)
    drawn = Figure(figsize=(2.6 + 3.9 * across, 1.2 + 1.9 * down), layout="constrained")
    share = "row" if len(datasets) > 1 else True
    grid = drawn.subplots(down, across, squeeze=False, sharex=share, sharey=share)
    for axes, place in itertools.zip_longest(grid.flat, places):
        of_both = [panel for panel in panels if (panel.dataset, panel.group) == place]
        if of_both:
            _draw(axes, of_both[0])
        else:
            axes.set_axis_off()
    for axes in grid.flat[len(places) - across : len(places)]:  # the last of each column
        axes.tick_params(labelbottom=True)
    scales = ", on another scale for each dataset" if len(datasets) > 1 else ""
    has_whiskers = {panel.seeds for panel in panels} != {1}
    whiskers = "; whiskers: where a bar may end (0 is included if they pass its start)"
    drawn.supxlabel(
        f"test error (%), from before to after each step{scales}\n"
        f"numbers: fewer errors per hundred test images{whiskers if has_whiskers else ''}\n"
        f"{_intervals(panels)}",
        fontsize=9,
    )
    handles = [
        Patch(facecolor=COLOURS[name], hatch=HATCHES[name], edgecolor="white", label=words)
        for name, words in WORDS.items()
    ]
    drawn.legend(handles=handles, loc="outside upper center", ncols=2)
    return drawn


def _draw(axes: Axes, panel: Panel) -> None:
    """Four bars, one below the other: two steps in each of the two orders, from error to error."""
    places, names = [], []
    for order, steps in enumerate(ORDERS):
        error = panel.errors["full_unshared"]
        for number, (constraint, effect, corner) in enumerate(steps):
            place = 2.5 * order + number
            row = panel.effects[effect]
            saved = row[f"{SAVED}_mean"]
            below, above = error_bar(*interval_of(row, SAVED))
            axes.barh(
                place,
                -saved,
                left=error,
                height=0.8,
                color=COLOURS[constraint],
                hatch=HATCHES[constraint],
                edgecolor="white",
                xerr=[[above], [below]],
                error_kw={"capsize": 3, "linewidth": 1},
            )
            right = max(error, error - saved + below)
            axes.annotate(
                f"{saved:z.2f}",
                (right, place),
                (4, 0),
                textcoords="offset points",
                verticalalignment="center",
                fontsize=9,
                bbox=BEHIND,
            )
            error = panel.errors[corner]
            places.append(place)
            names.append(f"{'then' if number else 'first'} {constraint}")
    axes.set_yticks(places, names, fontsize=9)
    axes.set_ylim(4.1, -2.0)
    # One above the other, as the two may be close.
    names_of_corners = (("local_shared", "convolution", -1.6), ("full_unshared", "fully connected", -0.8))
    for corner, words, height in names_of_corners:
        error = panel.errors[corner]
        axes.axvline(error, color="0.5", linewidth=0.8, linestyle=":", zorder=0)
        axes.text(
            error,
            height,
            words,
            horizontalalignment="center",
            verticalalignment="center",
            fontsize=8,
            bbox=BEHIND,
        )
    axes.use_sticky_edges = False  # bars leave a margin for the words
    axes.margins(x=0.2)
    axes.set_title(literal(_networks(panel)), fontsize=10)
    axes.grid(True, axis="x", alpha=0.3)


COLUMNS, ORDER_COLUMNS = (
    (
        Column("networks", "networks", lambda row, name: row[name]),
        *(Column(name, name, lambda row, name: _cell(row[name])) for name in names),
    )
    for names in (SHOWN, ("added first", "added second", "average", "interaction"))
)


TRAINING_COLUMNS = [
    Column("networks", "networks", lambda row, name: row[name]),
    *(
        Column(name, name.replace("_", ", "), lambda row, name: f"{row[name]:.2f}")
        for name in reversed(Corners._fields)
    ),
    Column("gap", "gap", lambda row, name: with_interval(row[name], ".2f")),
]


def _cell(row: Row) -> str:
    """ "0.80 (0.71 to 0.89), 49% (41 to 57)"."""
    return f"{with_interval(interval_of(row, SAVED), '.2f')}{share_of_gap(row)}"


def _networks(panel: Panel) -> str:
    """ "MNIST, average pooling"; it says if the panel is unfinished."""
    unfinished = "unfinished" if panel.unfinished else ""
    return ", ".join(filter(None, (dataset_words(panel.dataset), panel.group, unfinished)))


def _share(panel: Panel, constraint: str) -> str:
    """ "49% (41 to 57)", or what is saved if the gap is not clear enough for a share."""
    row = panel.effects[constraint]
    return share_of_gap(row).removeprefix(", ") or f"{_cell(row)} errors per hundred"


def _larger_part(panel: Panel) -> str | None:
    """The constraint whose share is above half of the gap, with its interval; None if neither is."""
    for constraint in WORDS:
        low = interval_of(panel.effects[constraint], SHARE).low
        if low is not None and low > HALF:
            return constraint
    return None
