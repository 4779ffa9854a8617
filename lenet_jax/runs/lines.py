"""JSON with a checksum: documents, and files of one record per line."""

import hashlib
import json
import pathlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from absl import logging

from lenet_jax import files


class Damaged(Exception):
    """Text that differs from what was written. The message says how."""


class Line(NamedTuple):
    """One record of a file, and its text without the line feed."""

    content: dict[str, Any]
    text: bytes


class DamagedLine(NamedTuple):
    """A line that differs from what was written. `str()` of it names the file, the line and the reason."""

    path: pathlib.Path
    number: int
    text: bytes
    reason: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}, is damaged: {self.reason}"


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """`content` (JSON types) with a checksum over it."""
    return {**content, "sha256": digest(content)}


def unseal(text: str | bytes) -> dict[str, Any]:
    """The content that was sealed and written as `text`. Raises Damaged if it was altered."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or "sha256" not in document:
        raise Damaged("it has no checksum")
    checksum = document.pop("sha256")
    if checksum != digest(document):
        raise Damaged("its checksum does not match its content")
    return document


def to_line(content: Mapping[str, Any]) -> bytes:
    """`content` (JSON types) as one sealed line, with its line feed."""
    return json.dumps(seal(content), allow_nan=False).encode() + b"\n"


def digest(content: Mapping[str, Any]) -> str:
    """The SHA-256 of `content` (JSON types), 64 hexadecimal digits, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class LineFile:
    """The lines of one file; `read_on` reads only what was appended since the last call.

    A last line without a line feed is damaged, unless it holds a whole record. In an `appended` file
    it is a line that is still being written, or whose process was killed: it is ignored.

    Args:
      appended: whether a process appends to the file.
      fields: what each record must have; a line without, of another kind of file, is damaged.

    Attributes:
      lines: the intact records so far.
      damage: the damaged lines.
    """

    def __init__(self, path: pathlib.Path, appended: bool, fields: Collection[str] = ()):
        self.path = path
        self.lines: list[Line] = []
        self.damage: list[DamagedLine] = []
        self._appended, self._fields = appended, fields
        self._offset = self._number = 0

    def read_on(self) -> bool:
        """Reads new lines; returns whether there were any. A missing file has none.

        Raises UserError if the file cannot be read.
        """
        with files.reading(self.path):
            try:
                with open(self.path, "rb") as file:
                    file.seek(self._offset)
                    data = file.read()
            except (FileNotFoundError, NotADirectoryError):
                return False
        *texts, last = data.split(b"\n")
        self._offset += len(data) - len(last)
        if last and not self._appended:
            texts.append(last)
        for text in texts:
            self._number += 1
            try:
                self.lines.append(Line(self._record(text), text))
            except Damaged as damaged:
                self.damage.append(DamagedLine(self.path, self._number, text, str(damaged)))
        return bool(texts)

    def _record(self, text: bytes) -> dict[str, Any]:
        content = unseal(text)
        if missing := [field for field in self._fields if field not in content]:
            raise Damaged(f"it has no {missing[0]!r}, as a line of another file")
        return content


def replace_lines(path: pathlib.Path, texts: Iterable[bytes]) -> None:
    """Makes `path` hold exactly these lines, or removes it if there are none. Leaves an unchanged file alone.

    Raises UserError if it cannot be written.
    """
    content = b"".join(text + b"\n" for text in texts)
    with files.writing(path):
        if not content:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.read_bytes() != content:
            files.write(path, content)


def set_lines_aside(damage: Iterable[DamagedLine]) -> None:
    """Copies damaged lines to `FILE.damaged-N` next to their file, with a warning for each line."""
    by_path: dict[pathlib.Path, list[DamagedLine]] = {}
    for line in damage:
        by_path.setdefault(line.path, []).append(line)
    for path, lines in by_path.items():
        aside = free_name(path)
        replace_lines(aside, (line.text for line in lines))
        for line in lines:
            logging.warning("%s. It was set aside in %s.", line, aside.name)


def free_name(path: pathlib.Path) -> pathlib.Path:
    """The first `FILE.damaged-N` that is not taken, N from 1."""
    taken, number = files.names_in(path.parent), 1
    while (name := f"{path.name}.damaged-{number}") in taken:
        number += 1
    return path.with_name(name)


def set_file_aside(path: pathlib.Path) -> pathlib.Path:
    """Renames a damaged file to the first free `FILE.damaged-N`, which is returned.

    Raises UserError if that fails.
    """
    aside = free_name(path)
    with files.writing(path):
        path.rename(aside)
    return aside
