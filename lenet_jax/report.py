"""From the records in a sweep's folder to its tables and figure."""

import pathlib

from lenet_jax import figures, records, tables, workdir
from lenet_jax.errors import UserError
from lenet_jax.stats import CONFIDENCE


def read_records(directory: pathlib.Path) -> tuple[dict, list[dict]]:
    """The sweep's config.json and its runs' records, by arm and seed.

    Raises UserError where there is no sweep in `directory`, or a record is damaged.
    """
    paths = sorted(directory.glob(f"{workdir.RUNS}/*/{records.RECORD}"))
    try:
        sweep = records.read_record(path := directory / workdir.CONFIG)
        runs = [records.read_record(path := path_) for path_ in paths]
    except records.DamagedRecord as damage:
        raise UserError(
            f"{path} is damaged: {damage}. Give the sweep's command again: it sets the file aside and "
            "redoes what is missing."
        ) from damage
    if not sweep or not runs:
        raise UserError(
            f"{directory} holds no recorded runs: run experiments.ablate with this --workdir first."
        )
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
    where the sweep defines contrasts whose arms were run; accuracy.png.
    """
    sweep, runs = read_records(directory)
    _write_results(directory, runs)
    results = [run["result"] for run in runs]
    rows = tables.arm_rows(results, list(dict.fromkeys(result["arm"] for result in results)))
    notes = protocol_notes(sweep, runs)
    text = _write_table(
        directory, "table", rows, notes, not_in_terminal=("wired_connections", "val_accuracy_mean")
    )
    if contrasts := tables.contrast_rows(results, sweep["contrasts"]):
        text += "\n\n" + _write_table(directory, "contrasts", contrasts, [CONTRAST_NOTE])
    dataset = sweep["config"]["dataset"]
    title = (
        f"{dataset}: test accuracy, mean and {CONFIDENCE:.0%} interval over seeds (filled: shared kernels)"
    )
    figures.accuracy_against_parameters(rows, title, directory / "accuracy.png")
    return text


def protocol_notes(sweep: dict, runs: list[dict]) -> list[str]:
    """What stands under the table: how its numbers came about, and the command that gives them."""
    images, config, ran_on = runs[0]["images"], sweep["config"], [run["provenance"] for run in runs]
    seeds = sorted({run["result"]["seed"] for run in runs})
    return [
        f"Accuracies are fractions, means over the runs that did not diverge. Each run is scored once, "
        f"after its last epoch, on all {images['test']:,} test images of {config['dataset']}; it was trained "
        f"on {images['train']:,}, and {images['validation']:,} more were kept for validation.",
        f"Interval: {CONFIDENCE:.0%}, Student's t over the seeds (n = runs - diverged), cut to [0, 1]. Seeds "
        "change initialisation, random wiring and data order, not the test images.",
        "Connections are links from units to what they read, biases included, over the whole network; "
        "pooling has no weights and no connections here.",
        f"Every arm: {config['train.epochs']} epochs of {config['train.optimizer']}, batch "
        f"{config['train.batch_size']}, learning rate {config['train.learning_rate']} "
        f"({config['train.schedule']}), momentum {config['train.momentum']}, weight decay "
        f"{config['train.weight_decay']}; seeds {seeds[0]} to {seeds[-1]}.",
        f"Command: `{sweep['command']}`",
        "Ran on: "
        + _distinct(f"{at['devices']} x {at['device']} device of {at['host']}" for at in ran_on)
        + "; "
        + _distinct(
            f"Python {at['python']}, "
            + ", ".join(f"{name} {at['libraries'][name]}" for name in ("jax", "flax", "optax"))
            for at in ran_on
        )
        + "; revision "
        + _distinct(at["revision"] for at in ran_on)
        + ".",
    ]


CONTRAST_NOTE = (
    "Difference of test accuracies (fractions), arm minus baseline, paired by seed; the interval is "
    f"{CONFIDENCE:.0%}, Student's t over the pairs in which neither run diverged."
)


def _write_results(directory: pathlib.Path, runs: list[dict]) -> None:
    text = tables.to_csv([run["result"] for run in runs], tables.RESULT_COLUMNS)
    records.write_atomically(directory / "results.csv", text)


def _write_table(
    directory: pathlib.Path,
    name: str,
    rows: list[dict],
    notes: list[str],
    not_in_terminal: tuple[str, ...] = (),
) -> str:
    """Writes `rows` as CSV, Markdown and LaTeX, the Markdown with notes; returns it for a terminal."""
    notes_text = "\n".join(f"- {note}" for note in notes)
    records.write_atomically(directory / f"{name}.csv", tables.to_csv(rows))
    records.write_atomically(directory / f"{name}.md", f"{tables.to_text(rows, 'github')}\n\n{notes_text}\n")
    records.write_atomically(directory / f"{name}.tex", tables.to_text(rows, "latex_booktabs") + "\n")
    return f"{tables.to_text(rows, 'simple', not_in_terminal)}\n\n{notes_text}"


def _distinct(texts) -> str:
    return " and ".join(dict.fromkeys(texts))
