"""Measures what is not recorded yet in a sweep's folder."""

import copy
import pathlib
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import tqdm

from lenet_jax.errors import UserError
from lenet_jax.probes import records
from lenet_jax.probes.images import Images
from lenet_jax.probes.probe import Probe
from lenet_jax.runs import kept
from lenet_jax.runs.code_digest import code_digest
from lenet_jax.runs.header import Record
from lenet_jax.runs.interruption import say
from lenet_jax.runs.loaded import Sweep, load_sweep
from lenet_jax.runs.trained import TrainedRun

SECONDS_BETWEEN_LINES = 30


class Choice(NamedTuple):
    """What a command line selects; an empty tuple is everything.

    Attributes:
      probes: names of probes.
      arms: names of arms.
    """

    probes: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()


EVERYTHING = Choice()


def check_probes(probes: object) -> list[Probe]:
    """The probes that a config file's get_probes returned. Raises UserError unless their names differ."""
    if not isinstance(probes, Sequence) or not all(isinstance(probe, Probe) for probe in probes):
        raise UserError("get_probes(config) must return a list of probes, such as configs/probes.py has.")
    names = [probe.name for probe in probes]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"get_probes(config) has {twice[0]} twice: give each probe once.")
    if not probes:
        raise UserError("get_probes(config) of this --config returns no probes: return at least one.")
    return list(probes)


def select_probes(probes: Sequence[Probe], names: Collection[str]) -> list[Probe]:
    """The probes of these names, all for none. Raises UserError for an unknown name."""
    known = {probe.name: probe for probe in probes}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"--probes={unknown[0]} is unknown: choose from {', '.join(known)}.")
    return [known[name] for name in names] if names else list(probes)


def measure(
    directory: pathlib.Path,
    probes: Sequence[Probe],
    images: Images,
    choice: Choice = EVERYTHING,
    rerun: bool = False,
) -> int:
    """Records what each probe measures of each kept network; returns how many measurements were missing.

    Networks that are lost or damaged, and those that a probe cannot measure, are left out, unless nothing is
    left. A command that was stopped goes on: what is recorded is not measured again.

    Args:
      probes: of `check_probes`.
      images: what networks read.
      choice: of the probes and of the folder's arms. An arm that is named is refused if a probe that is named
        cannot measure it.
      rerun: whether to measure again what other code has measured.

    Raises UserError if nothing is recorded in the folder, no network is kept or nothing can be measured.
    """
    sweep = load_sweep(directory)
    sweep.require_arms(choice.arms)
    sweep = sweep.select(arm=choice.arms or None)
    probes = select_probes(probes, choice.probes)
    pairs = _measurable(sweep, probes, choice)
    with records.writing(directory):
        known = records.read_measured(directory, probes, sweep.records, only_current_code=rerun)
        todo = [
            (probe, run, record)
            for probe, run, record in pairs
            if (probe.name, run.arm, run.seed) not in known and kept.exists(directory, kept.WEIGHTS, record)
        ]
        if not todo and not known:
            if rerun and records.read_measured(directory, probes, sweep.records):
                raise UserError(
                    f"The networks of {directory} are no longer kept, so nothing can be measured again: "
                    "leave out --rerun to show what is recorded."
                )
            raise UserError(
                f"{directory} has no kept networks to probe: run its command in another folder with "
                "--config.keep=last, and name that folder as --workdir."
            )
        if any(record["code"] != code_digest() for _, _, record in todo):
            say(
                "Some networks were trained by other code than this. Weights before training are drawn anew, "
                "and may not be those that these networks started from."
            )
        damaged: dict[tuple[str, int], UserError] = {}
        for probe, run, record in _with_progress(todo):
            loaded = copy.copy(run)  # so that its network leaves memory
            try:
                loaded.network  # noqa: B018
            except UserError as error:
                if (run.arm, run.seed) not in damaged:
                    say(f"{run.arm} seed {run.seed} is left out: {error}")
                damaged[run.arm, run.seed] = error
            else:
                records.add(directory, probe, record, list(probe.measure(loaded, images)))
        if damaged and not known and len(damaged) == len({(run.arm, run.seed) for _, run, _ in todo}):
            raise next(iter(damaged.values()))
    return len(todo)


def _measurable(
    sweep: Sweep, probes: Sequence[Probe], choice: Choice
) -> list[tuple[Probe, TrainedRun, Record]]:
    """The probes with the runs that they can measure, probe by probe. Raises UserError as `measure` does."""
    runs = list(zip(sweep, sweep.records, strict=True))
    pairs = []
    for probe in probes:
        lacks = {run.arm: probe.lacks(run) for run, _ in runs}
        refused = {arm: why for arm, why in lacks.items() if why}
        is_named = bool(choice.probes) and (bool(choice.arms) or len(refused) == len(lacks))
        if refused and is_named:
            arm, why = next(iter(refused.items()))
            raise UserError(
                f"Arm {arm} cannot be measured by the probe {probe.name}, as {why}: name other arms with "
                "--config.arms, or other probes with --probes."
            )
        pairs += [(probe, run, record) for run, record in runs if run.arm not in refused]
    if not pairs:
        raise UserError(
            f"No probe of this --config can measure {', '.join(sweep.arms)}: name other arms with "
            "--config.arms."
        )
    return pairs


def _with_progress(
    todo: Sequence[tuple[Probe, TrainedRun, Record]],
) -> Iterator[tuple[Probe, TrainedRun, Record]]:
    """The same, with a progress bar on a terminal, and otherwise a line now and then."""
    is_terminal = sys.stderr.isatty()
    last = time.monotonic()
    with tqdm.tqdm(total=len(todo), unit="measurement", disable=not is_terminal, dynamic_ncols=True) as bar:
        for number, (probe, run, record) in enumerate(todo, start=1):
            text = f"{probe.name} of {run.arm} seed {run.seed}"
            bar.set_description_str(text)
            yield probe, run, record
            bar.update()
            if not is_terminal and time.monotonic() - last > SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                say(f"[{number}/{len(todo)} measurements] {text}")
