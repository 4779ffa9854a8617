"""The parts of a results folder that tests compare."""

import csv
import json
import pathlib

TABLES = ("table.csv", "table.md", "table.tex", "contrasts.csv", "contrasts.md", "contrasts.tex")


def tables(directory: pathlib.Path) -> dict[str, bytes]:
    """The bytes of every table."""
    return {name: (directory / name).read_bytes() for name in TABLES}


def lines(directory: pathlib.Path, kind: str) -> list[str]:
    """The whole lines of runs.jsonl or epochs.jsonl, and of the files of processes that were killed."""
    paths = sorted(directory.glob(f"{kind}.*jsonl"))
    return [
        line for path in paths for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")
    ]


def records(directory: pathlib.Path) -> dict[str, str]:
    """Run -> its line, which a second run would change, as it holds the wall time."""
    found: dict[str, str] = {}
    for line in lines(directory, "runs"):
        run = json.loads(line)
        assert found.setdefault(f"{run['arm']}-seed{run['seed']}", line) == line
    return found


def results(directory: pathlib.Path) -> list[dict]:
    """The result of each run."""
    return [json.loads(line)["result"] for line in records(directory).values()]


def numbers(directory: pathlib.Path) -> list[tuple[dict, dict]]:
    """All that a sweep decides, without times: the result of each run with the digests of its files."""
    runs = [json.loads(line) for line in records(directory).values()]
    for run in runs:
        run["result"].pop("wall_seconds")
    return [(run["result"], run["kept"]) for run in runs]


def epochs(directory: pathlib.Path) -> list[dict]:
    """The metrics of each run and epoch."""
    return [json.loads(line) for line in lines(directory, "epochs")]


def remove_run(directory: pathlib.Path, arm: str, seed: int) -> None:
    """Removes a run's line, as if it had not been run."""
    path = directory / "runs.jsonl"
    kept = [
        line
        for line in path.read_text().splitlines(keepends=True)
        if (json.loads(line)["arm"], json.loads(line)["seed"]) != (arm, seed)
    ]
    path.write_text("".join(kept))


def contents(directory: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    """Every file below `directory` except locks: its bytes, and its modification time in ns."""
    return {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def rows(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
