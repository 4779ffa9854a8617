"""From what probes have recorded in a folder to the tables and figures that are written next to it."""

import collections
import itertools
import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from lenet_jax import files
from lenet_jax.models.networks import CNN
from lenet_jax.probes.probe import Probe
from lenet_jax.probes.records import Key, read_measured
from lenet_jax.probes.rows import difference_rows, probe_rows
from lenet_jax.report import figures, pictures, probe_figures, probe_tables, tables
from lenet_jax.report.drawing import Figure
from lenet_jax.report.names import dataset_words
from lenet_jax.report.run_pictures import grid_of_positions
from lenet_jax.report.words import words_of_runs
from lenet_jax.runs import kept
from lenet_jax.runs.loaded import Sweep, load_sweep
from lenet_jax.runs.trained import TrainedRun

DRAWN_MAPS = 2  # whose units are drawn
DRAWN_UNITS = 9  # of an MLP


def write_probes(directory: pathlib.Path, probes: Sequence[Probe], command: str) -> str:
    """Writes tables and figures of what is recorded of these probes; returns the tables for a terminal.

    Files: probes.csv, all numbers; probe_differences.csv, what they are compared with, see
    `lenet_jax.probes.rows.difference_rows`; for each page of probes, probes_PAGE.md and a figure (.png, .pdf,
    .svg); and for each arm without shared kernels or with units that read the whole image, if a network is
    there, pictures of the weights of some units: probes_units_ARM.png, before and after training, and
    probes_change_ARM.png, the difference.

    Args:
      command: the words that give these files, without --workdir.

    Raises UserError if nothing is recorded in the folder, or a file cannot be written.
    """
    sweep = load_sweep(directory)
    measured = read_measured(directory, probes, sweep.records)
    rows = {probe: found for probe in probes if (found := probe_rows(probe, measured, sweep.arms))}
    baselines = {arm["name"]: list(arm["baselines"].values()) for arm in sweep.header["arms"]}
    differences = {probe: difference_rows(probe, measured, sweep.arms, baselines) for probe in rows}
    for name, found in (("probes", rows), ("probe_differences", differences)):
        files.write(directory / f"{name}.csv", tables.to_csv(list(itertools.chain(*found.values()))))
    fields = {run["arm"]: run["config"] for run in sweep.records}
    words = words_of_runs(sweep.header, sweep.records)
    for page in dict.fromkeys(probe.about.page for probe in rows):
        of_page = {probe: found for probe, found in rows.items() if probe.about.page == page}
        blocks = [
            probe_tables.to_markdown(probe, found, differences[probe], words)
            for probe, found in of_page.items()
        ]
        missing = _missing(sweep, of_page, measured)
        notes = probe_tables.page_notes(sweep.header, sweep.records, missing, words, command)
        blocks.append("\n".join(f"- {note}" for note in notes))
        files.write(directory / f"probes_{page}.md", "\n\n".join(blocks) + "\n")
        figure = probe_figures.panels(of_page, fields, words)
        for form in figures.FORMATS:
            files.write(directory / f"probes_{page}.{form}", figures.render(figure, form))
    for name, picture in _unit_pictures(sweep, words):
        files.write(directory / f"{name}.png", figures.render(picture, "png"))
    return "\n\n".join(probe_tables.to_text(probe, found, words) for probe, found in rows.items())


def _missing(sweep: Sweep, probes: Collection[Probe], measured: Collection[Key]) -> dict[str, int]:
    """Arm -> how many of its kept networks one of the probes could measure and has not."""
    return collections.Counter(
        run.arm
        for run, record in zip(sweep, sweep.records, strict=True)
        if kept.WEIGHTS in record["kept"]
        and any((probe.name, run.arm, run.seed) not in measured and not probe.lacks(run) for probe in probes)
    )


def _unit_pictures(sweep: Sweep, words: Mapping[str, str]) -> Iterator[tuple[str, Figure]]:
    """File name -> weights of the first layer, of the lowest seed of each arm that could have any kernels."""
    for arm in sweep.arms:
        of_arm = sweep.select(arm)
        runs = zip(of_arm, of_arm.records, strict=True)
        run = next((run for run, record in runs if kept.exists(sweep.directory, kept.WEIGHTS, record)), None)
        if run is not None and _is_free(run):
            yield from _pictures_of(run, words[arm])


def _is_free(run: TrainedRun) -> bool:
    """Whether the first layer could have other kernels than the convolution."""
    if not isinstance(run.model, CNN):
        return True
    stage = run.model.stages[0]
    return stage.sharing != "shared" or stage.connectivity == "full"


def _pictures_of(run: TrainedRun, words: str) -> Iterator[tuple[str, Figure]]:
    """File name -> weights of units before and after training; on a scale of their own, the changes.

    Args:
      words: what the run's arm is.
    """
    before, after = (next(iter(network.kernels().values())) for network in (run.untrained(), run))
    about = f"{dataset_words(run.dataset.name)}, {words}, seed {run.seed}"
    drawn = {"before training": before, "after training": after}
    yield f"probes_units_{run.arm}", pictures.kernels(_rows(run, drawn), f"{about}: weights of units")
    change = _rows(run, {"change": after - before})
    yield f"probes_change_{run.arm}", pictures.kernels(change, f"{about}: what training adds to weights")


def _rows(run: TrainedRun, drawn: Mapping[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Units of a few maps at a grid of positions, or an MLP's first, as `pictures.kernels` takes them."""
    if not isinstance(run.model, CNN):
        return [(name, kernels_POHWC[0, :DRAWN_UNITS]) for name, kernels_POHWC in drawn.items()]
    return [
        (f"map {number + 1},\n{name}", kernels_POHWC[grid_of_positions(len(kernels_POHWC)), number])
        for number in range(min(run.model.stages[0].maps, DRAWN_MAPS))
        for name, kernels_POHWC in drawn.items()
    ]
