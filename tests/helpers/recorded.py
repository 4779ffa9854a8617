"""Folders of recorded runs that were never trained."""

import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from lenet_jax.config.fields import default_config, override
from lenet_jax.config.identity import to_record
from lenet_jax.runs.store import Store

CONFIG = to_record(override(default_config(), {"dataset": "digits", "data.image_size": 32}))
IMAGES = {"train": 1293, "validation": 144, "test": 360}
PROVENANCE = {
    "revision": "0123abc", "python": "3.11.7", "device": "cpu", "devices": 1, "host": "a machine, 2 cores",
    "libraries": {"jax": "1.1", "flax": "2.2", "optax": "3.3"},
}  # fmt: skip


def header(arms: list[dict[str, Any]], config: Mapping[str, Any] = CONFIG) -> dict[str, Any]:
    """What a sweep of these arms has in its config.json."""
    command = ["python", "-m", "experiments.ablate", "--config=x.py"]
    return {"kind": "sweep", "command": command, "config": config, "arms": arms}


def write_runs(
    directory: pathlib.Path,
    header: dict[str, Any],
    results: Iterable[dict[str, Any]],
    provenance: Mapping[str, Any] = PROVENANCE,
    **overrides: Any,
) -> None:
    """Records runs as a command does, with the header's config and these fields (dots as `__`)."""
    with Store.open(directory, header, configs={}) as store:
        record(store, header, results, provenance, **overrides)


def record(
    store: Store,
    header: dict[str, Any],
    results: Iterable[dict[str, Any]],
    provenance: Mapping[str, Any] = PROVENANCE,
    **overrides: Any,
) -> None:
    """Records runs in an open store."""
    fields = {name.replace("__", "."): value for name, value in overrides.items()}
    for result in results:
        assert store.claim(result["arm"], result["seed"])
        store.write_run(
            result=result,
            images=IMAGES,
            config={**header["config"], **fields, "seed": result["seed"]},
            provenance=provenance,
            code="unknown",
        )


def remove_runs(directory: pathlib.Path, *arms: str) -> None:
    """Removes the lines of these arms' runs, as if they had not been run."""
    path = directory / "runs.jsonl"
    kept = [line for line in path.read_text().splitlines(True) if json.loads(line)["arm"] not in arms]
    path.write_text("".join(kept))
