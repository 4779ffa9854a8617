"""Puts what other papers found next to what the same comparisons give here, with a verdict on each.

    python -m experiments.published --workdir=results/finding

Reads the sweeps of configs/finding in --results=DIR, by default results/finding; findings whose sweeps are
not there are left out. Writes published.csv, .md and .tex and a figure (.png, .pdf, .svg).
"""

import pathlib
from collections.abc import Iterator, Mapping, Sequence

from absl import flags

from experiments import cli
from lenet_jax.analysis.published import Claim, fewer, minus, published_row
from lenet_jax.errors import UserError
from lenet_jax.report.markup import shell_word
from lenet_jax.report.names import DATASETS
from lenet_jax.report.pages import write_published
from lenet_jax.report.scores import Sweep, read_scores
from lenet_jax.runs.header import CONFIG
from lenet_jax.runs.tuning import read_selection

ROOT = pathlib.Path(__file__).parents[1]
SEEDS = {"core": 20, "start": 10, "mixtures": 10, "translations": 5}  # of each study, when it is finished
IMAGES, SHIFT = 60_000, 4  # of the study of translations: all images, and the largest shifts
LEFT = 0.25  # share of a gap up to which it counts as closed, which is our reading
# Of each, the arm counts whose learning rate gave the best validation accuracy.
PARTLY_TRAINED = ("embedded_1", "embedded_5")
MIXED = ("rank_2", "rank_4", "rank_8")


def claims(study: str, choices: Mapping[str, Mapping]) -> Iterator[Claim]:
    """What papers found that a study can compare: as their abstracts say, and the tables of Neyshabur 2020.

    Written down after the core and the study of curves had scored test images, and before the others had.

    Args:
      choices: arm -> what was selected for it on validation images. Raises UserError if one is missing.
    """
    match study:
        case "core":
            paper = "Neyshabur 2020"  # Towards Learning Convolutions from Scratch
            sharing = fewer("local_shared_none", "local_unshared_none")
            connectivity = fewer("local_unshared_none", "full_unshared_none")
            yield Claim(paper, "local, shared kernels beat local, unshared ones", study, sharing)
            yield Claim(paper, "local, unshared kernels beat full, unshared ones", study, connectivity)
            finding = "from full to local is a larger step than from unshared to shared"
            yield Claim(paper, finding, study, minus(connectivity, sharing))
        case "start":
            paper = "d'Ascoli 2019"  # Finding the Needle in the Haystack with Convolutions
            for epochs, start in {
                0: "an untrained convolution",
                1: "a convolution trained for 1 of its 10 epochs",
                5: "a convolution trained for 5 of its 10 epochs",
            }.items():
                finding = f"a fully connected network that starts as {start} beats one that starts at random"
                yield Claim(paper, finding, study, fewer(f"embedded_{epochs}", "full_unshared"))
            finding = "one that starts as a partly trained convolution beats the convolution"
            yield Claim(paper, finding, study, fewer(_best(PARTLY_TRAINED, choices), "local_shared"))
        case "mixtures":
            paper = "Elsayed 2020"  # Revisiting Spatial Invariance with Low-Rank Local Connectivity
            best = _best(MIXED, choices)
            for sharing in ("shared", "unshared"):
                finding = f"kernels that are mixed from 2, 4 or 8 beat {sharing} ones"
                yield Claim(paper, finding, study, fewer(best, f"local_{sharing}"))
        case "translations":
            gap, translated = (
                fewer(f"shared_{shift}_{IMAGES}", f"unshared_{shift}_{IMAGES}") for shift in (0, SHIFT)
            )
            tied, averaged = (
                fewer(f"shared_0_{IMAGES}", f"{kind}_0_{IMAGES}") for kind in ("tied", "averaged_100")
            )
            a_quarter, a_quarter_of_tied = minus({}, gap, -LEFT), minus({}, tied, -LEFT)
            paper = "Ott 2020"  # Learning in the Machine: To Share or Not to Share?
            finding = "translated images narrow the gap between shared and unshared kernels"
            yield Claim(paper, finding, study, minus(gap, translated))
            finding = "translated images close at least three quarters of that gap"
            yield Claim(paper, finding, study, minus(a_quarter, translated), gap)
            paper = "Pogodin 2021"  # Towards Biologically Plausible Convolutional Networks
            finding = "translated images leave more than a quarter of the gap of unshared kernels"
            yield Claim(paper, finding, study, minus(translated, a_quarter), gap)
            finding = (
                "averaging tied-start kernels every 100 steps closes at least three quarters of their gap"
            )
            yield Claim(paper, finding, study, minus(a_quarter_of_tied, averaged), tied)


def main() -> None:
    results = pathlib.Path(flags.FLAGS.results).expanduser()
    rows = []
    for study, seeds in SEEDS.items():
        choices = read_selection(ROOT / "configs" / "finding" / "tuned" / f"{study}.json")
        for sweep in _sweeps_of(results, study):
            found = list(claims(study, choices))
            rows += [published_row(claim, sweep.scores.results, seeds, sweep.scores.wrong) for claim in found]
    if not rows:
        raise UserError(
            f"{results} has no sweep of {', '.join(SEEDS)}: name the folder that has them with --results=DIR."
        )
    where = (
        "" if flags.FLAGS["results"].using_default_value else f" --results={shell_word(flags.FLAGS.results)}"
    )
    command = f"python -m experiments.published{where} --workdir=DIR"
    print(write_published(cli.workdir(), rows, command))


def _best(arms: Sequence[str], choices: Mapping[str, Mapping]) -> str:
    """The arm whose choice was best on validation images, the first of equals."""
    if missing := [arm for arm in arms if arm not in choices]:
        raise UserError(
            f"configs/finding/tuned has no choice for {', '.join(missing)}: run experiments.tune with "
            "configs/finding/choices.py first."
        )
    return max(arms, key=lambda arm: choices[arm]["val_accuracy_mean"])


def _sweeps_of(results: pathlib.Path, study: str) -> list[Sweep]:
    """The sweeps of a study that are there, one of each dataset: in STUDY, or in STUDY_DATASET.

    Raises UserError if answers to the test images are missing.
    """
    found: dict[str, Sweep] = {}
    for name in (study, *(f"{study}_{dataset}" for dataset in DATASETS)):
        if (results / name / CONFIG).exists():
            sweep = read_scores(results / name)
            if not sweep.scores.covers_images:
                raise UserError(
                    f"{sweep.directory} lacks answers to the test images, without which intervals leave out "
                    "their draw: restore its mistakes.npz."
                )
            found.setdefault(sweep.scores.results[0]["dataset"], sweep)
    return list(found.values())


if __name__ == "__main__":
    cli.define_path(
        "results", "Folder with the sweeps of configs/finding.", str(ROOT / "results" / "finding")
    )
    cli.define_workdir()
    cli.run(main)
