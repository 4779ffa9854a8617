"""Tables of probes, in words: one row per network and kind of weights, one column per setting."""

import collections
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lenet_jax.analysis.stats import CONFIDENCE, NO_INTERVAL, Interval
from lenet_jax.analysis.summaries import Row, interval_of
from lenet_jax.probes.probe import CHANCE, TRAINED, About, At, Probe
from lenet_jax.report import captions, columns, tables
from lenet_jax.report.markup import code_span, markdown_text
from lenet_jax.report.numbers import seeds_in_words, with_interval
from lenet_jax.runs import kept

Write = Callable[[Interval, str], str]  # an interval, and the form of its numbers, in words
LAYERS = {"stage_": "stage ", "pool_": "pooling ", "dense_": "layer "}


def at_in_words(at: At) -> str:
    """ "pooling 2" of pool_2; a number as it is."""
    if not isinstance(at, str):
        return f"{at:g}"
    for name, words in LAYERS.items():
        at = at.replace(name, words)
    return at


def to_markdown(
    probe: Probe, rows: Sequence[Row], differences: Sequence[Row], words: Mapping[str, str]
) -> str:
    """A probe's tables for a page, with its title above and how it is measured below.

    If there are too many settings, columns are evenly spaced among them, from the first to the last.

    Args:
      rows: of `lenet_jax.probes.rows.probe_rows`, not empty.
      differences: of `lenet_jax.probes.rows.difference_rows`.
      words: arm -> what it is, in words.
    """
    about = probe.about
    table = tables.to_markdown(_table(about, rows, words, with_interval))
    is_whole = len(_shown_settings(rows, _room(rows))) == len({row["at"] for row in rows})
    others = "" if is_whole else " All settings are in `probes.csv`."
    note = f"{markdown_text(about.notes)} {_interval(rows)}{others}"
    parts = [f"**{markdown_text(_title(about))}**", table, f"- {note}"]
    if differences:
        compared = tables.to_markdown(_difference_table(about, differences, words))
        parts += [f"Differences, paired by seed. {_interval(differences)}", compared]
    return "\n\n".join(parts)


def to_text(probe: Probe, rows: Sequence[Row], words: Mapping[str, str]) -> str:
    """The same for a terminal, without intervals."""
    table = tables.to_text(_table(probe.about, rows, words, _mean), tables.TERMINAL)
    return f"{_title(probe.about)}\n\n{table}"


def page_notes(
    header: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    missing: Mapping[str, int],
    words: Mapping[str, str],
    command: str,
) -> list[str]:
    """Notes under the tables of a page: how networks were trained and measured.

    Args:
      runs: records.
      missing: arm -> how many of its kept networks lack a measurement of the page.
      words: arm -> what it is, in words.
    """
    networks = collections.Counter(run["arm"] for run in runs if kept.WEIGHTS in run["kept"])
    in_part = [
        f"{markdown_text(words[arm])} ({networks[arm] - count} of {networks[arm]} networks)"
        for arm, count in missing.items()
    ]
    diverged = sum(run["result"]["status"] == "diverged" for run in runs)
    lost = sum(kept.WEIGHTS not in run["kept"] for run in runs) - diverged
    not_measured = [f"{diverged} diverged"] * (diverged > 0) + [f"{lost} were not kept"] * (lost > 0)
    return [
        *([f"Not measured, of {len(runs)} networks: {', '.join(not_measured)}."] if not_measured else []),
        *([f"Not all are measured yet: {captions.ARMS.join(in_part)}."] if in_part else []),
        f"Networks: {code_span(captions.recorded_command(header, runs))}",
        f"Measured by {code_span(f'{command} --workdir=DIR')}",
    ]


def _title(about: About) -> str:
    return f"{about.title}: {about.unit}, by {about.of}"


def _table(about: About, rows: Sequence[Row], words: Mapping[str, str], write: Write) -> list[Row]:
    cells = {(row["arm"], row["weights"], row["at"]): interval_of(row, "value") for row in rows}
    of_networks = list(dict.fromkeys((row["arm"], row["weights"]) for row in rows))
    settings = _shown_settings(rows, _room(rows))
    return [
        {
            "network": words[arm],
            **({"weights": weights} if _are_named(rows) else {}),
            **_of_settings(about, settings, cells, (arm, weights), write),
        }
        for arm, weights in of_networks
    ]


def _difference_table(about: About, rows: Sequence[Row], words: Mapping[str, str]) -> list[Row]:
    """A row for each two that are compared."""
    names = ("arm", "weights", "other_arm", "other_weights")
    cells = {(*(row[name] for name in names), row["at"]): interval_of(row, "difference") for row in rows}
    is_named = any(row["weights"] != TRAINED or row["other_weights"] != TRAINED for row in rows)
    settings = _shown_settings(rows, columns.MOST - 1)

    def difference(arm: str, weights: str, other: str, of_other: str) -> str:
        one = f"{words[arm]}, {weights}" if is_named else words[arm]
        of_arm = "chance" if of_other in CHANCE.values() else of_other
        return f"{one}, less {of_arm if other == arm else words[other]}"

    return [
        {
            "difference": difference(*compared),
            **_of_settings(about, settings, cells, compared, with_interval),
        }
        for compared in dict.fromkeys(tuple(row[name] for name in names) for row in rows)
    ]


def _of_settings(
    about: About, settings: Sequence[At], cells: Mapping[tuple, Interval], key: tuple, write: Write
) -> Row:
    """The columns of a row: each setting in words, and what the cell of `key` and the setting holds."""
    return {
        at_in_words(at): write(cells.get((*key, at), NO_INTERVAL), f".{about.decimals}f") for at in settings
    }


def _are_named(rows: Sequence[Row]) -> bool:
    """Whether the table says of which weights numbers are."""
    return {row["weights"] for row in rows} != {TRAINED}


def _room(rows: Sequence[Row]) -> int:
    """For how many settings the table has columns."""
    return columns.MOST - (2 if _are_named(rows) else 1)


def _shown_settings(rows: Sequence[Row], room: int) -> list[At]:
    """At most `room` of the settings, evenly spaced from the first to the last."""
    settings = list(dict.fromkeys(row["at"] for row in rows))
    chosen = np.unique(np.linspace(0, len(settings) - 1, min(room, len(settings))).round().astype(int))
    return [settings[i] for i in chosen]


def _mean(interval: Interval, form: str) -> str:
    return with_interval(Interval(interval.mean, None, None), form)


def _interval(rows: Sequence[Row]) -> str:
    """What the intervals cover, as a sentence."""
    seeds = {row["seeds"] for row in rows}
    if max(seeds) < 2:
        return "One seed, so there are no intervals."
    over = captions.CROSSED if all(row["covers_images"] for row in rows) else "Student's t over seeds"
    return f"Means over {seeds_in_words(seeds)}, with {CONFIDENCE:.0%} intervals, {over}."
