"""Figures of probes: one panel per probe, and per kind of weights where there are several."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.report.drawing import error_bars, literal, logarithmic, project_settings

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import Row, interval_of
from lenet_jax.probes.probe import CHANCE, CHANGE, TRAINED, UNTRAINED, Probe
from lenet_jax.report.figures import Look, looks_of
from lenet_jax.report.probe_tables import at_in_words

DRAWN = {UNTRAINED: "untrained", TRAINED: "trained", CHANGE: "change by training"}
ONE_COLOUR_EACH = [f"C{number}" for number in range(10)]  # matplotlib's cycle
NAME_WIDTH = 40  # of a line of the legend, in characters
MORE_MARKERS = "^DvPX<>ph*"  # of arms that would look alike


@project_settings()
def panels(
    rows: Mapping[Probe, Sequence[Row]], fields: Mapping[str, Mapping[str, Any]], words: Mapping[str, str]
) -> Figure:
    """Draws the rows of `lenet_jax.probes.rows.probe_rows` of each probe, one line or marker per network.

    Args:
      rows: by probe.
      fields: arm -> its flattened config, for its look as in `lenet_jax.report.figures.errors_of_arms`.
      words: arm -> its name in the figure.
    """
    kinds = {probe: {row["weights"] for row in found} & DRAWN.keys() for probe, found in rows.items()}
    shown = [(probe, weights) for probe in rows for weights in DRAWN if weights in kinds[probe]]
    columns = max(min(2, len(shown)), *map(len, kinds.values()))
    looks = _distinct(looks_of(fields))
    lines = -(-len(shown) // columns)
    height = 0.4 + 3.4 * lines + 0.3 * -(-len(fields) // columns)
    figure = Figure(figsize=(4.2 * columns, height), layout="constrained")
    grid = list(figure.subplots(lines, columns, squeeze=False).flat)
    handles: dict[str, Any] = {}
    untrained: dict[Probe, Axes] = {}
    for axes, (probe, weights) in zip(grid, shown, strict=False):
        if weights == UNTRAINED:
            untrained[probe] = axes
        elif weights == TRAINED and probe in untrained:
            axes.sharey(untrained[probe])
        of = f", {DRAWN[weights]}" if len(kinds[probe]) > 1 else ""
        axes.set_title(literal(f"{probe.about.title}{of}", width=48), fontsize=10)
        handles |= _draw(axes, probe, rows[probe], weights, looks)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    named = [arm for arm in fields if arm in handles]
    lines_of = [handles[arm] for arm in named]
    names = [literal(words[arm], NAME_WIDTH) for arm in named]
    figure.legend(lines_of, names, loc="outside lower center", ncols=columns, fontsize=9)
    has_chance = any(row["weights"] in CHANCE.values() for found in rows.values() for row in found)
    chance = " Black lines: chance." if has_chance else ""
    are_open = any(look.fill == "white" for look in looks.values())
    unshared = " Open: unshared kernels." if are_open else ""
    figure.suptitle(f"Bars: {CONFIDENCE:.0%} intervals.{unshared}{chance}", fontsize=9)
    return figure


def _draw(
    axes: Axes, probe: Probe, rows: Sequence[Row], weights: str, looks: Mapping[str, Look]
) -> dict[str, Any]:
    """Draws the values of some weights, with a line for those of chance; returns what the legend shows."""
    about = probe.about
    settings = list(dict.fromkeys(row["at"] for row in rows))
    is_text = isinstance(settings[0], str)
    places = {at: number if is_text else float(at) for number, at in enumerate(settings)}
    arms = list(dict.fromkeys(row["arm"] for row in rows if row["weights"] == weights))
    handles = {}
    for number, arm in enumerate(arms):
        chosen = [row for row in rows if row["arm"] == arm and row["weights"] == weights]
        offset = (number - (len(arms) - 1) / 2) * 0.6 / len(arms) if is_text else 0.0
        means, bars = error_bars([interval_of(row, "value") for row in chosen])
        look = looks[arm]
        handles[arm] = axes.errorbar(
            [places[row["at"]] + offset for row in chosen],
            means,
            yerr=bars,
            fmt=look.marker,
            linestyle="none" if is_text else "--" if look.fill == "white" else "-",
            color=look.colour,
            markerfacecolor=look.fill,
            markersize=5,
            linewidth=1.2,
            capsize=2,
        )
        for row in rows:
            if (row["arm"], row["weights"]) == (arm, CHANCE.get(weights)):
                place, half = places[row["at"]] + offset, 0.3 / len(arms)
                axes.hlines(row["value_mean"], place - half, place + half, colors="black", linewidth=1)
    if about.is_logarithmic:
        logarithmic(axes)
    if not is_text and all(place == round(place) for place in places.values()):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if is_text:
        words = [literal(at_in_words(at).replace(", ", ",\n")) for at in settings]
        axes.set_xticks(range(len(settings)), words, fontsize=8)
        axes.set_xlim(-0.5, len(settings) - 0.5)
    axes.set_xlabel(literal(about.of))
    axes.set_ylabel(literal(about.unit))
    axes.grid(True, which="major", alpha=0.3)
    return handles


def _distinct(looks: Mapping[str, Look]) -> dict[str, Look]:
    """The same looks, with other colours if all have one, and other markers where some would be alike."""
    if len(looks) > 1 and len({look.colour for look in looks.values()}) == 1:
        looks = {
            arm: look._replace(colour=colour, fill=look.fill if look.fill == "white" else colour)
            for (arm, look), colour in zip(looks.items(), itertools.cycle(ONE_COLOUR_EACH), strict=False)
        }
    found: dict[str, Look] = {}
    for arm, look in looks.items():
        markers = itertools.chain([look.marker], itertools.cycle(MORE_MARKERS))
        tried = (look._replace(marker=marker) for marker in itertools.islice(markers, 1 + len(MORE_MARKERS)))
        found[arm] = next((one for one in tried if one not in found.values()), look)
    return found
