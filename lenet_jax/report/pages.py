"""From the records in a sweep's folder to its tables and figure."""

import functools
import pathlib

from lenet_jax import files
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.errors import UserError
from lenet_jax.report import figures, tables
from lenet_jax.runs import records, workdir
from lenet_jax.runs.provenance import versions

LATEX_ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in "%_#&$"} | {"`": ""})
ONLY_IN_CSV = ("wired_connections",)  # columns that would crowd the page
ACCURACY_NOTE = (
    "Accuracies are fractions, means over the runs that did not diverge (whose loss stayed finite)."
)
CONTRAST_NOTE = (
    "Difference of test accuracies (fractions), arm minus baseline, paired by seed; the interval is "
    f"{CONFIDENCE:.0%}, Student's t over the pairs in which neither run diverged."
)
PAPER_NOTE = (
    "Errors are percent of the test images. The paper's have the Wilson interval of one network on as many "
    f"test images as it had, ours the {CONFIDENCE:.0%} interval, Student's t, of the mean over seeds that "
    "did not diverge."
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
    scored, *others = notes.values()
    text = _write_table(directory, "table", rows, [f"{ACCURACY_NOTE} {scored}", *others])
    if contrasts := tables.contrast_rows(results, sweep["contrasts"]):
        text += "\n\n" + _write_table(directory, "contrasts", contrasts, [CONTRAST_NOTE])
    else:
        _remove(directory, "contrasts.csv", "contrasts.md", "contrasts.tex")
    dataset = sweep["config"]["dataset"]
    if papers := tables.paper_rows(runs, sweep.get("references", {})):
        under = [PAPER_NOTE, *(notes[name] for name in ("scored", "command", "machine"))]
        for_page = [tables.with_intervals_joined(row) for row in papers]
        text += "\n\n" + _write_table(directory, "papers", papers, under, for_page)
        title = f"{dataset}: test error and {CONFIDENCE:.0%} intervals"
        files.write(directory / "papers.png", figures.errors_beside_papers(papers, title))
        _remove(directory, "accuracy.png")
    else:
        _remove(directory, "papers.csv", "papers.md", "papers.tex", "papers.png")
        title = f"{dataset}: test accuracy, mean and {CONFIDENCE:.0%} interval over seeds"
        files.write(directory / "accuracy.png", figures.accuracy_against_parameters(rows, title))
    return text


def protocol_notes(sweep: dict, runs: list[dict]) -> dict[str, str]:
    """What stands under the tables: how their numbers came about, and the command that gives them."""

    def distinct(values) -> str:
        return " and ".join(dict.fromkeys(map(str, values)))

    def images(split: str) -> str:
        return distinct(f"{run['images'][split]:,}" for run in runs)

    dataset = distinct(run["result"]["dataset"] for run in runs)
    ran_on = [run["provenance"] for run in runs]
    seeds = sorted({run["result"]["seed"] for run in runs})
    devices = distinct(f"{at['devices']} x {at['device']} on {at['host']}" for at in ran_on)
    drawn = any(run["config"].get("data.draw") for run in runs)
    test_images = f"{images('test')} test images of {dataset}"
    test_images = f"the {test_images} that its seed draws" if drawn else f"all {test_images}"
    if any(run["config"].get("data.positions", 1) > 1 for run in runs):
        test_images += " (with digits at several positions, out of the training file)"
    held_out = any(run["images"]["validation"] for run in runs)
    kept = f"{images('validation')} more were kept for validation" if held_out else "none were kept back"
    trained = f"was trained on {images('train')}, and {kept}."
    if any(run["config"].get("train.select_epoch") == "best_validation" for run in runs):
        scored = (
            f"Each run is scored after each epoch, on {test_images}; the epoch with the best validation "
            "accuracy counts. Beside it, test_selected is the best of all epochs on the test images "
            f"themselves, as some papers chose, and last the last epoch. Each run {trained}"
        )
    else:
        scored = f"Each run is scored once, after its last epoch, on {test_images}; it {trained}"
    protocols: dict[str, dict] = {}  # protocol -> its arms, as the keys of a dict
    for run in runs:
        protocols.setdefault(tables.protocol(run), {})[run["result"]["arm"]] = None
    if len(protocols) == 1:
        [training] = protocols
    else:
        training = "; ".join(f"{', '.join(arms)}: {its}" for its, arms in protocols.items())
    changed = "initialisation, random wiring and data order"
    changed += ", and which images a run has" if drawn else ", not the test images"
    return {
        "scored": scored,
        "interval": f"Interval: {CONFIDENCE:.0%}, Student's t over the seeds (n = runs - diverged), cut to "
        f"[0, 1]. Seeds change {changed}.",
        "counts": "Connections are links from units to what they read, biases included, and macs are "
        "multiply-accumulates an image, both over the whole network; pooling without weights has none of "
        "either.",
        "training": f"Training: {training}; seeds {', '.join(map(str, seeds))}.",
        "command": f"Command: `{recorded_command(sweep, runs)}`",
        "machine": f"Ran on {devices}; {distinct(map(versions, ran_on))}; "
        f"revision {distinct(at['revision'] for at in ran_on)}.",
    }


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
    files.write(directory / "results.csv", text)


def _remove(directory: pathlib.Path, *names: str) -> None:
    """Removes files of an earlier report, which no longer hold."""
    for name in names:
        (directory / name).unlink(missing_ok=True)


def _write_table(
    directory: pathlib.Path, name: str, rows: list[dict], notes: list[str], for_page: list[dict] | None = None
) -> str:
    """Writes `rows` as CSV, and as Markdown and LaTeX as they are or as `for_page` has them.

    The notes stand under the latter. Returns the table for a terminal.
    """
    notes_text = "\n".join(f"- {note}" for note in notes)
    table = functools.partial(tables.to_text, for_page or [_without(row, ONLY_IN_CSV) for row in rows])
    files.write(directory / f"{name}.csv", tables.to_csv(rows))
    files.write(directory / f"{name}.md", f"{table('pipe')}\n\n{notes_text}\n")
    latex_notes = "".join(f"\n{note.translate(LATEX_ESCAPES)}\n" for note in notes)
    files.write(directory / f"{name}.tex", f"{table('latex_booktabs')}\n{latex_notes}")
    return f"{tables.to_text([tables.shortened(row) for row in rows], 'simple')}\n\n{notes_text}"


def _without(row: dict, columns: tuple[str, ...]) -> dict:
    return {column: value for column, value in row.items() if column not in columns}
