"""Several sweeps side by side: the test error of each arm on each dataset, as one table."""

from collections.abc import Iterable, Sequence

from lenet_jax.analysis.summaries import Row, arm_rows
from lenet_jax.report.captions import ARMS
from lenet_jax.report.scores import Sweep
from lenet_jax.report.words import words_of_runs

COUNTS = ("parameters", "macs")  # that are shown


def csv_rows(sweeps: Sequence[Sweep]) -> list[Row]:
    """One row per dataset and arm: `dataset`, `words` and the columns of `arm_rows`.

    An arm that several sweeps of one dataset have is that of the first.
    """
    rows: dict[tuple[str, str], Row] = {}
    for _, header, runs, scores in sweeps:
        words = words_of_runs(header, runs)
        dataset = scores.results[0]["dataset"]
        for row in arm_rows(scores.results, scores.wrong):
            arm = row["arm"]
            rows.setdefault((dataset, arm), {"dataset": dataset, "words": words[arm], **row})
    return list(rows.values())


def page_rows(rows: Sequence[Row]) -> list[Row]:
    """One row per arm, for people: what it is, its counts, and dataset -> its row of `csv_rows`.

    What differs between datasets, such as the best MLP, stands once for each, in their order.
    """
    by_arm: dict[str, list[Row]] = {}
    for row in rows:
        by_arm.setdefault(row["arm"], []).append(row)
    return [_page_row(its_rows) for its_rows in by_arm.values()]


def _page_row(rows: Sequence[Row]) -> Row:
    counts = {name: _distinct(f"{row[name]:,}" for row in rows) for name in COUNTS}
    words = _distinct(row["words"] for row in rows)
    return {"words": words, **counts, **{row["dataset"]: row for row in rows}}


def _distinct(texts: Iterable[str]) -> str:
    return ARMS.join(dict.fromkeys(texts))
