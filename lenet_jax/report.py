"""From the records in a sweep's folder to its tables and figure."""

import functools
import pathlib

from lenet_jax import atomic, figures, records, tables, workdir
from lenet_jax.errors import UserError
from lenet_jax.provenance import versions
from lenet_jax.stats import CONFIDENCE

LATEX_ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in "%_#&$"} | {"`": ""})
ONLY_IN_CSV = ("wired_connections", "val_accuracy_mean")  # columns that would crowd the page
CONTRAST_NOTE = (
    "Difference of test accuracies (fractions), arm minus baseline, paired by seed; the interval is "
    f"{CONFIDENCE:.0%}, Student's t over the pairs in which neither run diverged."
)
PAPER_NOTE = (
    "Errors are percent of the test images. The paper's have the Wilson interval of one network on as many "
    f"test images as it had, ours the {CONFIDENCE:.0%} interval, Student's t, of the mean over seeds."
)


def read_records(directory: pathlib.Path) -> tuple[dict, list[dict]]:
    """The sweep's config.json and its runs' records, by arm and seed.

    Raises UserError where there is no sweep in `directory`, or a record is damaged.
    """
    paths = workdir.record_paths(directory)
    try:
        sweep = records.read_record(path := directory / workdir.CONFIG)
        runs = [records.read_record(path := path_) for path_ in paths]
    except records.DamagedRecord as damage:
        raise UserError(
            f"{path} is damaged: {damage}. Give the sweep's command again: it sets the file aside and "
            "redoes what is missing."
        ) from damage
    if not sweep or not runs:
        lacks = "config.json of a sweep" if not sweep else "recorded runs"
        raise UserError(f"{directory} holds no {lacks}: run experiments.ablate with this --workdir first.")
    arms = sweep["arms"]
    order = {arm: position for position, arm in enumerate(arms)}
    runs.sort(key=lambda run: (order.get(run["result"]["arm"], len(arms)), run["result"]["seed"]))
    return sweep, runs


def write_results(directory: pathlib.Path) -> None:
    """Rewrites results.csv: one row per recorded run."""
    _, runs = read_records(directory)
    _write_results(directory, runs)


def write_report(directory: pathlib.Path) -> str:
    """Rewrites all tables and the figure from the records; returns the tables for a terminal.

    Files: results.csv; table.csv, table.md, table.tex; contrasts.csv, contrasts.md, contrasts.tex
    where the sweep defines contrasts whose arms were run; accuracy.png, or where the sweep refers to
    papers, papers.csv, papers.md, papers.tex and papers.png.
    """
    sweep, runs = read_records(directory)
    _write_results(directory, runs)
    results = [run["result"] for run in runs]
    rows = tables.arm_rows(results)
    notes = protocol_notes(sweep, runs)
    text = _write_table(directory, "table", rows, notes)
    if contrasts := tables.contrast_rows(results, sweep["contrasts"]):
        text += "\n\n" + _write_table(directory, "contrasts", contrasts, [CONTRAST_NOTE])
    else:
        _remove_table(directory, "contrasts")
    dataset = sweep["config"]["dataset"]
    if papers := tables.paper_rows(runs, sweep.get("references", {})):
        for_page = [tables.with_intervals_joined(row) for row in papers]
        text += "\n\n" + _write_table(directory, "papers", papers, [PAPER_NOTE], for_page)
        title = f"{dataset}: test error and {CONFIDENCE:.0%} intervals"
        atomic.write(directory / "papers.png", figures.errors_beside_papers(papers, title))
    else:
        title = f"{dataset}: test accuracy, mean and {CONFIDENCE:.0%} interval over seeds"
        atomic.write(directory / "accuracy.png", figures.accuracy_against_parameters(rows, title))
    return text


def protocol_notes(sweep: dict, runs: list[dict]) -> list[str]:
    """What stands under the table: how its numbers came about, and the command that gives them."""

    def distinct(values) -> str:
        return " and ".join(dict.fromkeys(map(str, values)))

    def train(field: str) -> str:
        return distinct(run["config"][f"train.{field}"] for run in runs)

    def images(split: str) -> str:
        return distinct(f"{run['images'][split]:,}" for run in runs)

    dataset = distinct(run["result"]["dataset"] for run in runs)
    ran_on = [run["provenance"] for run in runs]
    seeds = sorted({run["result"]["seed"] for run in runs})
    devices = distinct(f"{at['devices']} x {at['device']} on {at['host']}" for at in ran_on)
    by_validation = [run["config"].get("train.epoch_chosen") == "validation" for run in runs]
    if any(by_validation):
        scored = (
            f"is scored after each epoch, on {images('test')} test images of {dataset} drawn by its seed; "
            "the epoch with the best validation accuracy counts, test_selected is the best of all "
            "epochs on the test images themselves, as some papers chose, and last the last epoch"
        )
    else:
        scored = f"is scored once, after its last epoch, on all {images('test')} test images of {dataset}"
    held_out = [run["images"]["validation"] for run in runs]
    kept = f"{images('validation')} more were kept for validation" if any(held_out) else "none were kept back"
    protocols: dict[str, list[str]] = {}
    for run in runs:
        # Records of before there was a choice of losses are all of one protocol.
        its = tables.protocol(run) if "train.loss" in run["config"] else ""
        arms = protocols.setdefault(its, [])
        if run["result"]["arm"] not in arms:
            arms.append(run["result"]["arm"])
    if len(protocols) == 1:
        training = (
            f"{train('epochs')} epochs of {train('optimizer')}, batch {train('batch_size')}, learning rate "
            f"{train('learning_rate')} ({train('schedule')}), momentum {train('momentum')}, weight decay "
            f"{train('weight_decay')}"
        )
    else:
        training = "; ".join(f"{', '.join(arms)}: {its}" for its, arms in protocols.items())
    return [
        "Accuracies are fractions, means over the runs that did not diverge (whose loss stayed finite). Each "
        f"run {scored}; it was trained on {images('train')}, and {kept}.",
        f"Interval: {CONFIDENCE:.0%}, Student's t over the seeds (n = runs - diverged), cut to [0, 1]. Seeds "
        "change initialisation, random wiring and data order, not the test images.",
        "Connections are links from units to what they read, biases included, and macs are "
        "multiply-accumulates an image, both over the whole network; pooling has none of either here.",
        f"Training: {training}; seeds {', '.join(map(str, seeds))}.",
        f"Command: `{recorded_command(sweep, runs)}`",
        f"Ran on {devices}; {distinct(map(versions, ran_on))}; "
        f"revision {distinct(at['revision'] for at in ran_on)}.",
    ]


def recorded_command(sweep: dict, runs: list[dict]) -> str:
    """The command that gives all recorded runs in a new folder, as far as one command can."""
    arms = list(dict.fromkeys(run["result"]["arm"] for run in runs))
    seeds = 1 + max(run["result"]["seed"] for run in runs) - sweep["config"]["seed"]
    selection = f"--config.seeds={seeds}"
    if set(arms) != set(sweep["arms"]):
        selection += f" --config.arms={','.join(arms)}"
    return sweep["command"].replace("--workdir=DIR", f"{selection} --workdir=DIR")


def _write_results(directory: pathlib.Path, runs: list[dict]) -> None:
    text = tables.to_csv([run["result"] for run in runs])
    atomic.write(directory / "results.csv", text)


def _remove_table(directory: pathlib.Path, name: str) -> None:
    """Removes a table of an earlier report, which no longer holds."""
    for suffix in ("csv", "md", "tex"):
        (directory / f"{name}.{suffix}").unlink(missing_ok=True)


def _write_table(
    directory: pathlib.Path, name: str, rows: list[dict], notes: list[str], for_page: list[dict] | None = None
) -> str:
    """Writes `rows` as CSV, and as Markdown and LaTeX as they are or as `for_page` has them.

    The notes stand under the latter. Returns the table for a terminal.
    """
    notes_text = "\n".join(f"- {note}" for note in notes)
    table = functools.partial(tables.to_text, for_page or [_without(row, ONLY_IN_CSV) for row in rows])
    atomic.write(directory / f"{name}.csv", tables.to_csv(rows))
    atomic.write(directory / f"{name}.md", f"{table('pipe')}\n\n{notes_text}\n")
    latex_notes = "".join(f"\n{note.translate(LATEX_ESCAPES)}\n" for note in notes)
    atomic.write(directory / f"{name}.tex", f"{table('latex_booktabs')}\n{latex_notes}")
    return f"{tables.to_text([tables.shortened(row) for row in rows], 'simple')}\n\n{notes_text}"


def _without(row: dict, columns: tuple[str, ...]) -> dict:
    return {column: value for column, value in row.items() if column not in columns}
