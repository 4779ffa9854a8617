"""Records on disk, with a digest that tells whether they are what was written."""

import hashlib
import json
import pathlib

from lenet_jax import files

RECORD = "record.json"


class DamagedRecord(Exception):
    """A record that is not what was written. Its text says what is wrong with it."""


def write_record(path: pathlib.Path, content: dict) -> None:
    """Writes `content` (JSON types) with a digest over it."""
    document = {"sha256": _digest(content), **content}
    files.write(path, json.dumps(document, indent=1) + "\n")


def read_record(path: pathlib.Path) -> dict | None:
    """What `write_record` wrote, or None where there is no file.

    Raises DamagedRecord where the file is truncated or was altered.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise DamagedRecord(f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or "sha256" not in document:
        raise DamagedRecord("it has no digest")
    digest = document.pop("sha256")
    if digest != _digest(document):
        raise DamagedRecord("its digest does not match its content")
    return document


def set_aside(path: pathlib.Path) -> pathlib.Path:
    """Renames a damaged file to a free name beside it, and returns that name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    return aside


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
