"""Several sweeps side by side: test errors of arms and planned contrasts, with a column for each dataset."""

import collections
from collections.abc import Sequence

from lenet_jax.analysis import planned
from lenet_jax.analysis.summaries import Row, arm_rows
from lenet_jax.report.captions import ARMS, distinct
from lenet_jax.report.scores import Sweep
from lenet_jax.report.words import with_words, words_of_runs

COUNTS = ("parameters", "macs")  # that are shown


def csv_rows(sweeps: Sequence[Sweep]) -> list[Row]:
    """One row per dataset and arm: `dataset`, `words` and the columns of `arm_rows`.

    An arm that several sweeps of one dataset have is that of the first. If a later sweep trains it
    differently, it has a row of its own, whose words end in what the arms of its group have in common, or in
    the name of the folder.
    """
    rows: dict[tuple[str, ...], Row] = {}
    firsts: dict[tuple[str, str], str] = {}
    for directory, header, runs, scores in sweeps:
        words = words_of_runs(header, runs)
        groups = {arm["name"]: arm.get("group", "") for arm in header["arms"]}
        dataset = scores.results[0]["dataset"]
        for row in arm_rows(scores.results, scores.wrong):
            arm = row["arm"]
            training = scores.training_of(arm)
            is_changed = firsts.setdefault((dataset, arm), training) != training
            change = (groups.get(arm) or directory.name) if is_changed else ""
            its_words = ", ".join(filter(None, (words[arm], change)))
            rows.setdefault((dataset, arm, change), {"dataset": dataset, "words": its_words, **row})
    return list(rows.values())


def page_rows(rows: Sequence[Row]) -> list[Row]:
    """One row per arm, for people: what it is, its counts, and `datasets`: dataset -> its row of `csv_rows`.

    What differs between datasets, such as the best MLP, stands once for each, in their order.
    """
    by_arm: dict[tuple[str, int], list[Row]] = {}
    times: collections.Counter[tuple[str, str]] = collections.Counter()
    for row in rows:
        place = row["dataset"], row["arm"]
        by_arm.setdefault((row["arm"], times[place]), []).append(row)
        times[place] += 1
    return [_page_row(its_rows) for its_rows in by_arm.values()]


def planned_rows(sweeps: Sequence[Sweep]) -> list[Row]:
    """One row per planned contrast, for people: its name in words, and `datasets`: dataset -> its row.

    The rows of datasets are those of `lenet_jax.analysis.planned.planned_rows`; of several sweeps of one
    dataset, the first that has the contrast counts.

    Args:
      sweeps: with planned contrasts.
    """
    words: dict[str, dict[str, None]] = collections.defaultdict(dict)
    datasets: dict[str, dict[str, Row]] = collections.defaultdict(dict)
    for _, header, runs, scores in sweeps:
        for arm, its_words in words_of_runs(header, runs).items():
            words[arm][its_words] = None
        for row in planned.planned_rows(scores.results, header["planned"], scores.wrong, scores.covers_draw):
            datasets[row["contrast"]].setdefault(scores.results[0]["dataset"], row)
    of_all = {arm: distinct(its_words, ARMS) for arm, its_words in words.items()}
    return [{"contrast": with_words(name, of_all), "datasets": rows} for name, rows in datasets.items()]


def _page_row(rows: Sequence[Row]) -> Row:
    counts = {name: distinct((f"{row[name]:,}" for row in rows), ARMS) for name in COUNTS}
    words = distinct((row["words"] for row in rows), ARMS)
    return {"words": words, **counts, "datasets": {row["dataset"]: row for row in rows}}
