"""config.json: what a folder's runs have in common, and whether a command may add to them.

A run's line holds the fields that differ from config.json's, and the digest under which config.json lists
its provenance.
"""

import contextlib
import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from absl import logging

from lenet_jax import files
from lenet_jax.errors import UserError
from lenet_jax.runs import lines

CONFIG = "config.json"
SCHEMA = 1
KINDS = {"run": "a single run", "sweep": "a sweep", "tuning": "a tuning sweep"}

DIGITS = 12  # of digests
UNKNOWN = {  # the provenance of runs whose config.json was damaged beyond repair
    "revision": "unknown",
    "python": "unknown",
    "libraries": {},
    "device": "unknown",
    "host": "unknown",
    "devices": "unknown",
}

# "kind", "command", "config", "arms", "planned" (contrasts), and "datasets": a user's own, by identity. In
# config.json also "schema" and "provenances".
Header = dict[str, Any]
Configs = Mapping[str, Mapping[str, Any]]  # arm -> its resolved config, flattened as runs record it
# Of a run: "arm", "seed", "result", "images", "config", "provenance", "code", and "kept", see `kept.py`.
Record = dict[str, Any]


def read_header(directory: pathlib.Path) -> Header | None:
    """The content of config.json; None if there is no such file.

    Raises lines.Damaged if it was altered, UserError if it cannot be read or another version of the project
    wrote it.
    """
    path = directory / CONFIG
    with files.reading(path):
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    header = lines.unseal(text)
    if header.get("schema") != SCHEMA:
        raise UserError(
            f"{path} was written by another version of this project (schema {header.get('schema')}, not "
            f"{SCHEMA}): use that version, or choose another --workdir."
        )
    return header


def require_header(directory: pathlib.Path) -> Header:
    """`read_header` for readers of a sweep. Raises UserError if config.json is missing or damaged."""
    try:
        header = read_header(directory)
    except lines.Damaged as damaged:
        raise UserError(
            f"{directory / CONFIG} is damaged: {damaged}. Run the sweep's command again: it sets the file "
            "aside and computes what is missing."
        ) from damaged
    if header is None:
        raise UserError(
            f"{directory} holds no config.json of a sweep: run experiments.ablate with this --workdir first."
        )
    return header


def write_header(directory: pathlib.Path, header: Header) -> None:
    """Writes config.json unless it holds `header` already; a damaged file is set aside with a warning.

    Raises UserError if it cannot be written.
    """
    path = directory / CONFIG
    try:
        recorded = read_header(directory)
    except lines.Damaged as damaged:
        recorded = None
        aside = lines.set_file_aside(path)
        logging.warning("%s is damaged: %s. It was set aside as %s.", path, damaged, aside.name)
    if recorded != header:
        files.write(path, json.dumps(lines.seal(header), indent=1) + "\n")


def join_headers(recorded: Header | None, asked: Header) -> Header:
    """The content of config.json once a command has continued the folder.

    Arms come in the command's order, then those that only earlier commands had.
    """
    asked = json.loads(json.dumps(asked))  # as JSON returns it
    names = [arm["name"] for arm in asked["arms"]]
    earlier = recorded or {"config": asked["config"], "arms": [], "provenances": {}}
    return {
        "schema": SCHEMA,
        "provenances": earlier["provenances"],
        **asked,
        "datasets": {**earlier.get("datasets", {}), **asked.get("datasets", {})},
        "config": earlier["config"],  # to which recorded runs refer
        "arms": asked["arms"] + [arm for arm in earlier["arms"] if arm["name"] not in names],
    }


def add_provenance(header: Header, provenance: Mapping[str, Any]) -> str:
    """Lists a provenance in `header`, and returns its digest."""
    digest = lines.digest(provenance)[:DIGITS]
    header["provenances"][digest] = dict(provenance)
    return digest


def pack(header: Header, record: Record) -> dict[str, Any]:
    """The content of a run's line; the record's provenance is listed in `header`."""
    base, missing = header["config"], object()
    packed = {name: value for name, value in record.items() if name not in ("config", "provenance")}
    departs = {field: value for field, value in record["config"].items() if base.get(field, missing) != value}
    return {
        **packed,
        "departs": departs,
        "departs_from": lines.digest(base)[:DIGITS],
        "provenance": lines.digest(record["provenance"])[:DIGITS],
    }


def unpack(directory: pathlib.Path, header: Header, packed: Mapping[str, Any]) -> Record:
    """The record of a line's content: the inverse of `pack`.

    Raises UserError if the line refers to another config than the header's.
    """
    if packed["departs_from"] != lines.digest(header["config"])[:DIGITS]:
        raise UserError(
            f"{directory} holds results of another config: those of arm {packed['arm']} with seed "
            f"{packed['seed']} refer to another config than {CONFIG} "
            f"holds{_other_dataset(header, packed)}; move their line back to the folder that it was copied "
            "from, or choose another --workdir."
        )
    record = {name: value for name, value in packed.items() if name not in ("departs", "departs_from")}
    record["config"] = {**header["config"], **packed["departs"]}
    record.setdefault("kept", {})  # in lines from before files were kept
    record["provenance"] = header["provenances"].get(packed["provenance"], UNKNOWN)
    return record


def _other_dataset(header: Header, packed: Mapping[str, Any]) -> str:
    """The dataset of a line whose config is not known, if it is another than the header's."""
    found, expected = packed["result"].get("dataset"), header["config"].get("dataset")
    return f" (dataset {found!r} instead of {expected!r})" if found not in (None, expected) else ""


def salvage_provenances(directory: pathlib.Path) -> dict[str, dict[str, Any]]:
    """The intact provenances in a damaged config.json, by their digests."""
    return _salvage(
        directory,
        rf"[0-9a-f]{{{DIGITS}}}",
        lambda key, provenance: lines.digest(provenance)[:DIGITS] == key,
    )


def salvage_datasets(directory: pathlib.Path) -> dict[str, dict[str, Any]]:
    """The intact entries of "datasets" in a damaged config.json."""
    return _salvage(directory, r"sha256:[0-9a-f]+", lambda key, dataset: dataset.get("identity") == key)


def _salvage(
    directory: pathlib.Path, keys: str, is_intact: Callable[[str, dict[str, Any]], bool]
) -> dict[str, dict[str, Any]]:
    """The objects in a damaged config.json whose keys match the pattern `keys` and that are intact."""
    path = directory / CONFIG
    with files.reading(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    found = {}
    for entry in re.finditer(rf'"({keys})": (?={{)', text):
        with contextlib.suppress(ValueError):
            content, _ = json.JSONDecoder().raw_decode(text, entry.end())
            if is_intact(entry[1], content):
                found[entry[1]] = content
    return found


def check_header(directory: pathlib.Path, recorded: Header | None, asked: Header, has_runs: bool) -> None:
    """Raises UserError if config.json is of another kind of results, or of another config."""
    if recorded:
        if recorded["kind"] != asked["kind"]:
            raise UserError(f"{directory} holds {KINDS[recorded['kind']]}: choose another --workdir.")
        _refuse_differences(directory, recorded["config"], asked["config"], has_runs)


def check_planned(
    directory: pathlib.Path,
    recorded: Header | None,
    joined: Header,
    runs: Mapping[tuple[str, int], Record],
) -> None:
    """Raises UserError if contrasts are planned otherwise than with the runs that are recorded already.

    `joined` is of `join_headers`.
    """
    if recorded and runs and recorded.get("planned", []) != joined.get("planned", []):
        raise UserError(
            f"{directory} has runs that were recorded with other planned contrasts, and these cannot change "
            "after the first run: restore them, or choose another --workdir."
        )


def check_runs(
    directory: pathlib.Path, runs: Mapping[tuple[str, int], Record], kind: str, configs: Configs
) -> None:
    """Raises UserError if a recorded run was made with another config, naming each field that differs.

    Args:
      runs: the recorded ones. Those of arms that aren't in `configs` are not checked.
      kind: of the command; a sweep's runs may have other seeds, a single run may not.
      configs: the command's arms.
    """
    for (arm, seed), run in runs.items():
        if kind == "run":
            [wanted] = configs.values()
            _refuse_differences(directory, run["config"], wanted)
        elif arm in configs:
            _refuse_differences(directory, run["config"], {**configs[arm], "seed": seed})


def _refuse_differences(
    directory: pathlib.Path, recorded: Mapping[str, Any], wanted: Mapping[str, Any], has_runs: bool = True
) -> None:
    if recorded == wanted:
        return
    # Imported late, as it loads JAX, which code that only moves or claims recorded runs does not need.
    from lenet_jax.config.identity import differences

    if found := differences(dict(recorded), dict(wanted)):
        holds, to_do = "holds results of another config", "choose another --workdir"
        if not has_runs:
            holds = "was begun with another config, and has no recorded run"
            to_do = f"remove it if no command fills it and its checkpoints are not needed, {to_do}"
        raise UserError(
            f"{directory} {holds}: {to_do}, or ask for the recorded values. Differing fields: "
            f"{'; '.join(found)}."
        )
