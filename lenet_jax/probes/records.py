"""probes.jsonl in a sweep's folder: what probes have measured, one line per network and probe.

A line that a kill has torn is removed by the next command, a damaged one set aside; both are measured again.
Wrong answers are one bit per image, compressed, in base64: a few hundred bytes for 10,000 images.
"""

import base64
import contextlib
import os
import pathlib
import zlib
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import numpy as np

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.probes.probe import Probe, Value
from lenet_jax.runs import kept
from lenet_jax.runs.code_digest import PACKAGES, code_digest
from lenet_jax.runs.header import Record
from lenet_jax.runs.lines import LineFile, replace_lines, set_lines_aside, to_line

FILE, LOCK = "probes.jsonl", ".probes.lock"
FIELDS = ("arm", "seed", "probe", "settings", "network", "code", "values")

Key = tuple[str, str, int]  # name of the probe, arm, seed


def probe_code() -> str:
    """A digest of the code that determines measurements."""
    return code_digest((*PACKAGES, "probes"))


def read_measured(
    directory: pathlib.Path, probes: Iterable[Probe], runs: Sequence[Record], only_current_code: bool = False
) -> dict[Key, list[Value]]:
    """What is recorded of these runs' networks as they are now, with the settings of these probes.

    Args:
      only_current_code: whether to leave out what other code has measured.

    Raises UserError if the file cannot be read.
    """
    settings = {probe.name: probe.settings for probe in probes}
    networks = {(run["arm"], run["seed"]): network_digest(run) for run in runs}
    found = {}
    for line in _read(directory).lines:
        content = line.content
        of_run = content["arm"], content["seed"]
        is_current = networks.get(of_run) == content["network"]
        if content["settings"] != settings.get(content["probe"]) or not is_current:
            continue
        if only_current_code and content["code"] != probe_code():
            continue
        with contextlib.suppress(ValueError, TypeError, zlib.error):  # written by other code
            found[content["probe"], *of_run] = list(map(_unpack, content["values"]))
    return found


@contextlib.contextmanager
def writing(directory: pathlib.Path) -> Generator[None, None, None]:
    """Within it, this process alone adds lines. Torn and damaged ones are removed first.

    Raises UserError if another process does, or the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with files.writing(directory, "--workdir="):
            lock = stack.enter_context(open(directory / LOCK, "a", encoding="utf-8"))
            is_alone = files.lock(lock.fileno(), wait=False)
        if not is_alone:
            raise UserError(
                f"Another command is probing the networks of {directory}: wait until it has finished."
            )
        recorded = _read(directory)
        set_lines_aside(recorded.damage)
        replace_lines(recorded.path, (line.text for line in recorded.lines))
        yield


def add(directory: pathlib.Path, probe: Probe, run: Record, values: Iterable[Value]) -> None:
    """Adds a line, within `writing`; once this returns, a kill or a power cut does not lose it.

    Raises UserError if the file cannot be written.
    """
    content = {
        "arm": run["arm"],
        "seed": run["seed"],
        "probe": probe.name,
        "settings": probe.settings,
        "network": network_digest(run),
        "code": probe_code(),
        "values": list(map(_pack, values)),
    }
    path = directory / FILE
    with files.writing(path):
        with open(path, "ab") as file:
            file.write(to_line(content))
            file.flush()
            os.fsync(file.fileno())
        files.sync_folder(directory)


def network_digest(run: Record) -> str | None:
    """The SHA-256 of the network that a run has kept; None if it has kept none."""
    return run["kept"].get(kept.WEIGHTS, {}).get("sha256")


def _read(directory: pathlib.Path) -> LineFile:
    recorded = LineFile(directory / FILE, appended=True, fields=FIELDS)
    recorded.read_on()
    return recorded


def _pack(value: Value) -> list[Any]:
    if value.is_wrong is None:
        return [value.weights, value.at, value.value, 0, ""]
    packed = zlib.compress(np.packbits(value.is_wrong).tobytes(), 9)
    return [value.weights, value.at, value.value, len(value.is_wrong), base64.b64encode(packed).decode()]


def _unpack(packed: Sequence[Any]) -> Value:
    """The inverse of `_pack`. Raises ValueError, TypeError or zlib.error for what it cannot have made."""
    weights, at, value, images, wrong = packed
    if not images:
        return Value(weights, at, value)
    bits = np.frombuffer(zlib.decompress(base64.b64decode(wrong)), np.uint8)
    return Value(weights, at, value, np.unpackbits(bits, count=images).astype(bool))
