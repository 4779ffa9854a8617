"""From a folder's trained networks to pictures of what they do, which are written next to its tables."""

import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from lenet_jax import files
from lenet_jax.data import Split
from lenet_jax.errors import UserError
from lenet_jax.report import figures, run_pictures
from lenet_jax.report.run_pictures import Answered, Picture, answers_of, is_mlp
from lenet_jax.runs import kept
from lenet_jax.runs.loaded import Sweep, load_run, load_sweep
from lenet_jax.runs.trained import TrainedRun

FOLDER = "pictures"
FORMATS = ("png", "pdf")


class Places(NamedTuple):
    """Where images are now, as `TrainedRun.splits` takes it; "" for where they were."""

    dataset: str = ""
    data_dir: str = ""
    manual_dir: str = ""


class Written(NamedTuple):
    """The files of a picture, one per format, and what it shows."""

    paths: tuple[pathlib.Path, ...]
    shows: str


RECORDED = Places()


def write_pictures(
    directory: pathlib.Path,
    arms: Sequence[str] = (),
    seed: int | None = None,
    images: Sequence[int] = (),
    places: Places = RECORDED,
) -> list[Written]:
    """Draws recorded networks into `directory`/pictures; returns what was written.

    Learning curves are of all runs of `arms`, or of the folder. The other pictures are of each of `arms`, or
    of the first arm with a kept network. Mistakes are compared with those of the other arm or, if there is
    only one, with those of the arm that has the most parameters. Where no network is kept and nothing is
    chosen, there are learning curves alone. The same records give the same files, byte for byte.

    Args:
      arms: none, one or two.
      seed: of the networks; None for the lowest of which all `arms` have one.
      images: numbers of the test images whose feature maps are drawn, from 0; () for the first image.
      places: where images are now.

    Raises UserError for runs and images that do not exist, networks and answers that are not kept, and images
    that cannot be loaded, and then writes nothing.
    """
    sweep = load_sweep(directory)
    arms = list(dict.fromkeys(arms))
    if len(arms) > 2:
        raise UserError(f"--arm names {len(arms)} arms: name one, or two to compare.")
    sweep.require_arms(arms)
    drawn = [run_pictures.learning_curves(sweep, arms or sweep.arms)]
    is_chosen = bool(arms) or seed is not None or bool(images)
    if is_chosen or _keys(sweep, kept.WEIGHTS):
        runs = _choose_runs(sweep, arms, seed)
        drawn += _pictures_of(sweep, runs, images, places)
    return _write(directory / FOLDER, drawn)


def _choose_runs(sweep: Sweep, arms: Sequence[str], seed: int | None) -> list[TrainedRun]:
    """A run of each arm, with one seed; runs with a kept network are preferred."""
    recorded = [(run["arm"], run["seed"]) for run in sweep.records]
    networks = _keys(sweep, kept.WEIGHTS)
    if not arms:
        with_seed = [arm for arm, its_seed in (*networks, *recorded) if seed in (None, its_seed)]
        if not with_seed:
            raise UserError(
                f"{sweep.directory} has no run with seed {seed}: its seeds are "
                f"{', '.join(map(str, sweep.seeds))}."
            )
        arms = with_seed[:1]
    if seed is None:
        common = _common_seeds(networks, arms) or _common_seeds(recorded, arms)
        if not common:
            raise UserError(f"Arms {' and '.join(arms)} of {sweep.directory} have no seed in common.")
        seed = min(common)
    return [load_run(sweep.directory, arm, seed) for arm in arms]


def _common_seeds(keys: Sequence[tuple[str, int]], arms: Sequence[str]) -> set[int]:
    return set.intersection(*({seed for its_arm, seed in keys if its_arm == arm} for arm in arms))


def _keys(sweep: Sweep, kind: str) -> list[tuple[str, int]]:
    """Arm and seed of the runs whose file of this kind is there."""
    return [(run["arm"], run["seed"]) for run in sweep.records if kept.exists(sweep.directory, kind, run)]


def _pictures_of(
    sweep: Sweep, runs: Sequence[TrainedRun], numbers: Sequence[int], places: Places
) -> Iterator[Picture]:
    """The pictures of chosen runs: of each by itself, then of two that are compared."""
    for run in runs:
        _ = run.network  # refused first if there is none, as reading images takes longer
    if len(runs) == 2 and not _same_images(*runs):
        raise UserError(
            f"Arms {runs[0].arm} and {runs[1].arm} are scored on different images: name one at a time."
        )
    answered = [_answered(run, places) for run in runs]
    for number in numbers:
        if not 0 <= number < len(answered[0].images):
            raise UserError(
                f"--image={number} is not one of the {len(answered[0].images):,} {answered[0].split} images: "
                f"choose from 0 to {len(answered[0].images) - 1}."
            )
    if numbers and all(is_mlp(run) for run in runs):
        raise UserError(f"--image has no effect: arm {runs[0].arm} is an MLP, which has no feature maps.")
    for run, scored in zip(runs, answered, strict=True):
        yield run_pictures.confusion(run, scored)
        yield run_pictures.mistakes(run, scored)
        yield run_pictures.kernels(run)
        if not is_mlp(run):
            for number in numbers or [0]:
                suffix = f"-image{number}" if numbers else ""
                yield run_pictures.feature_maps(run, scored, number, suffix)
    if len(runs) == 2:
        yield run_pictures.disagreements(runs[0], runs[1], answered[0])
    elif other := _largest_other(sweep, runs[0]):
        yield run_pictures.disagreements(runs[0], other, answered[0])


def _largest_other(sweep: Sweep, run: TrainedRun) -> TrainedRun | None:
    """Of the arms that answered the same images with the same seed, the one with most parameters."""
    answering = _keys(sweep, kept.PREDICTIONS)
    others = [
        one for one in sweep.select(seed=run.seed) if one.arm != run.arm and (one.arm, one.seed) in answering
    ]
    others.sort(key=lambda one: -one.result["parameters"])
    return next((one for one in others if _same_images(run, one)), None)


def _same_images(run: TrainedRun, other: TrainedRun) -> bool:
    labels, others = (answers_of(one)[1].labels for one in (run, other))
    return run.dataset.identity == other.dataset.identity and np.array_equal(labels, others)


def _answered(run: TrainedRun, places: Places) -> Answered:
    split, answers = answers_of(run)
    path = pathlib.Path(run.config.dataset).expanduser()
    if run.dataset.is_own and not places.dataset and not path.exists():
        raise UserError(
            f"{path} doesn't exist: name the place where the images are now, with --dataset=PATH."
        )
    found: Split = getattr(run.splits(**places._asdict(), preprocessed=True), split)
    return Answered(split, found.images, answers)


def _write(folder: pathlib.Path, drawn: Iterable[Picture]) -> list[Written]:
    """Writes pictures once all of them are rendered."""
    rendered = [
        (
            picture,
            {folder / f"{picture.name}.{form}": figures.render(picture.figure, form) for form in FORMATS},
        )
        for picture in drawn
    ]
    files.make_directory(folder)
    for _, contents in rendered:
        for path, content in contents.items():
            files.write(path, content)
    return [Written(tuple(contents), picture.shows) for picture, contents in rendered]
