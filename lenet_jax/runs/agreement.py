"""Whether the runs of a folder belong together, so that each counts as one independent repetition of its arm.

A line can reach a folder that it was not recorded in, or under another name, by copying.
"""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from lenet_jax.errors import UserError

OWN = "sha256:"  # how the identity of a user's own images begins; their name may change


def check_line(directory: pathlib.Path, record: Mapping[str, Any]) -> None:
    """Raises UserError if the result or the config of a record is that of another run than its line says."""
    arm, seed, config = record["arm"], record["seed"], record["config"]
    expected = [("result", "arm", arm), ("result", "seed", seed), ("config", "seed", seed)]
    if not str(config.get("dataset", "")).startswith(OWN):
        expected.append(("result", "dataset", config.get("dataset")))
    for part, field, value in expected:
        found = record[part].get(field, value)
        if found != value:
            raise UserError(
                f"{directory} holds a line that was altered or copied: that of arm {arm} with seed {seed} "
                f"has {field} {found!r} in its {part} instead of {value!r}; remove the line and run the "
                "sweep's command again."
            )


def check_repetitions(directory: pathlib.Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Raises UserError if runs of one arm differ in more than their seed, or one is a copy of another.

    Networks with two seeds never have the same bytes. Equal accuracies or losses prove nothing: networks that
    answer every image alike have them too.
    """
    first: dict[str, Mapping[str, Any]] = {}
    networks: dict[tuple[str, str], int] = {}
    for record in records:
        arm, seed = record["arm"], record["seed"]
        other = first.setdefault(arm, record)
        if found := _differences(other["config"], record["config"]):
            raise UserError(
                f"{directory} holds runs of arm {arm} with two configs, which must not be averaged: seeds "
                f"{other['seed']} and {seed} differ in {'; '.join(found)}; move one of them to another "
                "folder."
            )
        network = record.get("kept", {}).get("weights")
        if network and networks.setdefault((arm, network["sha256"]), seed) != seed:
            original = networks[arm, network["sha256"]]
            raise UserError(
                f"{directory} holds the same trained network of arm {arm} with seeds {original} and {seed}, "
                "so one of the two runs is a copy: remove its line."
            )


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The identifying fields but the seed in which two recorded configs differ, with both values."""
    if {**one, "seed": 0} == {**other, "seed": 0}:
        return []
    # Imported late, as it loads JAX, which code that only moves or claims recorded runs does not need.
    from lenet_jax.config.identity import complete, identifies

    one, other = complete(one), complete(other)
    return [
        f"{field} ({one.get(field, 'nothing')!r} and {other.get(field, 'nothing')!r})"
        for field in {**one, **other}
        if field != "seed" and identifies(field) and one.get(field) != other.get(field)
    ]
