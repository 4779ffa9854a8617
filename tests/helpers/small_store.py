"""A sweep without training, for tests of what is recorded; starts fast, as it doesn't load JAX."""

import contextlib
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping

from lenet_jax.runs.store import Store

PROJECT = pathlib.Path(__file__).parent.parent.parent
CONFIG = {"dataset": "digits", "seed": 0, "train.epochs": 30}
HEADER = {
    "kind": "sweep",
    "command": ["python", "-m", "experiments.ablate", "--config=configs/x.py"],
    "config": CONFIG,
    "arms": [
        {"name": "wide", "overrides": {"model.hidden": (9,)}, "label": "nine units"},
        {"name": "narrow", "overrides": {"model.hidden": (3,)}, "label": "three units"},
    ],
}
CONFIGS = {"wide": {**CONFIG, "model.hidden": [9]}, "narrow": {**CONFIG, "model.hidden": [3]}}
ARMS = list(CONFIGS)
FOUR = [(arm, seed) for arm in ARMS for seed in (0, 1)]
EPOCHS = 2


def opened(directory: pathlib.Path, **changes):
    """A store of the sweep in `directory`, with some entries of the header replaced."""
    return Store.open(directory, HEADER | changes, CONFIGS)


def record(
    store: Store,
    arm: str,
    seed: int,
    accuracy: float = 0.5,
    provenance: str = "0123abc",
    code: str = "9b58ba9ec55339d7",
    contents: Mapping[str, bytes] | None = None,
    **settings: object,
) -> None:
    """Records two epochs of a claimed run, and the run with the `contents` of its files.

    Losses depend on the accuracy. `settings` are part of the provenance, such as `threads`.
    """
    for epoch in range(1, EPOCHS + 1):
        store.write_epoch(arm, seed, epoch, {"train_loss": 2 * accuracy / epoch})
    store.write_run(
        result={"arm": arm, "dataset": "digits", "seed": seed, "test_accuracy": accuracy},
        images={"train": 1293, "validation": 144, "test": 360},
        config={**CONFIGS[arm], "seed": seed},
        provenance={"revision": provenance, **settings},
        code=code,
        contents=contents,
    )


def fill(
    directory: pathlib.Path,
    runs: Iterable[tuple[str, int]],
    ran: Callable[[str, int], None] = lambda arm, seed: None,
    seconds: float = 0.0,
) -> None:
    """One command: records those of `runs` that it can claim, and calls `ran` after each of them."""
    with opened(directory) as store:
        for arm, seed in runs:
            if (arm, seed) not in store.recorded() and store.claim(arm, seed):
                time.sleep(seconds)
                record(store, arm, seed)
                ran(arm, seed)


def leave_open(directory: pathlib.Path, runs: Iterable[tuple[str, int]]) -> None:
    """Leaves what a command killed after these runs leaves: files of its own, not merged."""
    with contextlib.suppress(SystemExit), opened(directory) as store:
        for arm, seed in runs:
            assert store.claim(arm, seed)
            record(store, arm, seed)
        raise SystemExit


def run_alone(function: Callable[..., None], *paths: pathlib.Path) -> None:
    """Calls a module's function in a process of its own, one that can fork as it doesn't load JAX."""
    code = (
        f"import pathlib, sys; from {function.__module__} import {function.__name__} as function\n"
        "function(*map(pathlib.Path, sys.argv[1:]))\n"
        "assert 'jax' not in sys.modules"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], cwd=PROJECT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
