"""What tests compare of a folder of results."""

import csv
import pathlib

TABLES = ("table.csv", "table.md", "table.tex", "contrasts.csv", "contrasts.md", "contrasts.tex")


def tables(directory: pathlib.Path) -> dict[str, bytes]:
    """The bytes of every table."""
    return {name: (directory / name).read_bytes() for name in TABLES}


def records(directory: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    """Run -> bytes of its record, and when it was written in ns: a run again would change both."""
    return {
        path.parent.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in directory.glob("runs/*/record.json")
    }


def contents(directory: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    """Every file below `directory`, but for the lock, with when it was written in ns."""
    return {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def rows(path: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
