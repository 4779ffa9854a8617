"""Figures of sweeps over the number of training images: test errors, and what each constraint is worth."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from lenet_jax.report.decomposition import COLOURS, WORDS
from lenet_jax.report.drawing import arm_name, entitle, error_bars, logarithmic, project_settings
from lenet_jax.report.figures import looks_of

# isort: split
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from lenet_jax.analysis.effects import RATIO, Corners
from lenet_jax.analysis.sample_sizes import Lines
from lenet_jax.analysis.stats import Interval
from lenet_jax.analysis.summaries import Row, error_percent, interval_of

OFFSET = 1.04  # of the two constraints, as a ratio of numbers of images, so that no interval covers another
CLOSE = 1.6  # ratio of numbers of images whose labels would overlap
RATIO_TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 5, 10)
MARKERS = {"connectivity": "D", "sharing": "^"}

Ratios = Mapping[str, Mapping[int, Interval]]  # constraint -> number of training images -> ratio of errors


def ratios_of(lines: Lines, corners: Mapping[str, Corners], effects: Sequence[Row]) -> Ratios:
    """The ratio of errors with each constraint to those without it, where it is known for several sizes.

    It is that of the groups whose corners all have one size; {} if there are fewer than two, or two of one
    size.

    Args:
      corners: by group, of `lenet_jax.analysis.effects.find_corners`.
      effects: rows of `effect_rows`.
    """
    images = {arm: size for line in lines.values() for size, arm in line.items()}
    sizes = {group: {images.get(arm) for arm in arms} for group, arms in corners.items()}
    of_groups = {group: size for group, (size, *others) in sizes.items() if size is not None and not others}
    if len(of_groups) < 2 or len(set(of_groups.values())) < len(of_groups):
        return {}
    return {
        constraint: {
            of_groups[group]: interval_of(row, RATIO)
            for row in effects
            if row["effect"] == constraint and (group := row.get("group", "")) in of_groups
        }
        for constraint in WORDS
    }


@project_settings()
def error_against_images(
    lines: Lines,
    rows: Mapping[str, Row],
    words: Mapping[str, str],
    fields: Mapping[str, Mapping[str, Any]],
    ratios: Ratios,
    title: str,
) -> Figure:
    """Draws test error against the number of training images, one line per network, both logarithmic.

    A second panel shows the ratios, if there are any.

    Args:
      lines: of `lenet_jax.analysis.sample_sizes.find_lines`.
      rows: arm -> its row of `lenet_jax.analysis.summaries.arm_rows`.
      words: network -> its name in the figure.
      fields: arm -> its flattened config, for its look as in `figures.errors_of_arms`.
      ratios: of `ratios_of`.
    """
    figure = Figure(figsize=(11 if ratios else 8, 5), layout="constrained")
    panels = figure.subplots(1, 2 if ratios else 1, squeeze=False)[0]
    _draw_errors(panels[0], lines, rows, words, fields)
    if ratios:
        _draw_ratios(panels[1], ratios)
    sizes = sorted({images for line in lines.values() for images in line})
    is_close = any(after < CLOSE * before for before, after in itertools.pairwise(sizes))
    for ax in panels:
        ax.set_xscale("log")
        ax.set_xticks(sizes)
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="x", rotation=45 if is_close else 0)
        ax.set_xlabel("training images")
        ax.grid(True, which="major", alpha=0.3)
        ax.legend()
    return entitle(figure, title)


def _draw_errors(
    axes: Axes,
    lines: Lines,
    rows: Mapping[str, Row],
    words: Mapping[str, str],
    fields: Mapping[str, Mapping[str, Any]],
) -> None:
    looks = looks_of({arm: fields[arm] for line in lines.values() for arm in line.values()})
    for name, line in lines.items():
        look = looks[next(iter(line.values()))]
        errors, bars = error_bars([error_percent(rows[arm]) for arm in line.values()])
        axes.errorbar(
            list(line),
            errors,
            yerr=bars,
            fmt=look.marker,
            linestyle="--" if look.fill == "white" else "-",
            color=look.colour,
            markerfacecolor=look.fill,
            capsize=look.cap,
            label=arm_name(words[name]),
        )
    logarithmic(axes)
    axes.set_ylabel("test error (%)")


def _draw_ratios(axes: Axes, ratios: Ratios) -> None:
    for shift, (constraint, of_sizes) in zip((1 / OFFSET, OFFSET), ratios.items(), strict=True):
        means, bars = error_bars(list(of_sizes.values()))
        axes.errorbar(
            [size * shift for size in of_sizes],
            means,
            yerr=bars,
            fmt=MARKERS[constraint],
            linestyle="-",
            color=COLOURS[constraint],
            capsize=4,
            label=WORDS[constraint],
        )
    axes.axhline(1, color="0.5", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(RATIO_TICKS))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel(
        "errors with the constraint / errors without it\n(mean of both orders; below 1, it saves errors)"
    )
