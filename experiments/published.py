"""Puts what other papers found next to what the same comparisons give here, with a verdict on each.

    python -m experiments.published --workdir=results/finding

Reads the sweeps of configs/finding in --results=DIR (results/finding), and which arms were best on validation
images from configs/finding/tuned; findings whose sweeps are not there are left out. Writes published.csv, .md
and .tex and a figure (.png, .pdf, .svg).
"""

import pathlib
from collections.abc import Mapping

from absl import flags

from experiments import cli
from lenet_jax.analysis.published import BEST, Claim, arms_of, published_row
from lenet_jax.analysis.summaries import Row
from lenet_jax.errors import UserError
from lenet_jax.report.markup import shell_word
from lenet_jax.report.names import DATASETS
from lenet_jax.report.pages import write_published
from lenet_jax.report.scores import Sweep, read_scores
from lenet_jax.runs.header import CONFIG
from lenet_jax.runs.tuning import read_selection

FINDING = pathlib.Path(__file__).parents[1] / "configs" / "finding"
IMAGES, SHIFT = 60_000, 4  # of the study of translations: all images, and the largest shifts
RANKS = ("rank_2", "rank_4", "rank_8")  # of rank 1, stages are convolutions but for their biases
INTERMEDIATE = ("embedded_1", "embedded_5")  # trained on after 1 and after 5 of 10 epochs


def _gap(shift: int) -> dict[str, float]:
    """Fewer errors of shared kernels than of unshared ones, on images shifted by up to some pixels."""
    return {f"shared_{shift}_{IMAGES}": 1.0, f"unshared_{shift}_{IMAGES}": -1.0}


def _narrowing() -> dict[str, float]:
    return {**_gap(0), **{arm: -weight for arm, weight in _gap(SHIFT).items()}}


# From the papers' abstracts; of Neyshabur 2020, from its results of shallow networks. Written after the core
# had scored test images, and before the other studies did.
#   Neyshabur 2020: Towards Learning Convolutions from Scratch
#   d'Ascoli 2019: Finding the Needle in the Haystack with Convolutions
#   Elsayed 2020: Revisiting Spatial Invariance with Low-Rank Local Connectivity
#   Ott 2020: Learning in the Machine: To Share or Not to Share?
#   Pogodin 2021: Towards Biologically Plausible Convolutional Networks
CLAIMS = (
    Claim(
        "Neyshabur 2020",
        "local, shared kernels beat local, unshared ones",
        "core",
        {"local_shared_none": 1.0, "local_unshared_none": -1.0},
    ),
    Claim(
        "Neyshabur 2020",
        "local, unshared kernels beat full connectivity",
        "core",
        {"local_unshared_none": 1.0, "full_unshared_none": -1.0},
    ),
    Claim(
        "Neyshabur 2020",
        "from full to local is a larger step than from unshared to shared",
        "core",
        {"local_unshared_none": 2.0, "full_unshared_none": -1.0, "local_shared_none": -1.0},
    ),
    *(
        Claim(
            "d'Ascoli 2019",
            f"a convolution, trained on as a fully connected network {words}, beats one from scratch",
            "start",
            {f"embedded_{epochs}": 1.0, "full_unshared": -1.0},
        )
        for epochs, words in ((0, "from the start"), (1, "after 1 epoch"), (5, "after 5 epochs"))
    ),
    Claim(
        "d'Ascoli 2019",
        "trained on after some epochs, it beats the convolution",
        "start",
        {BEST: 1.0, "local_shared": -1.0},
        best_of=INTERMEDIATE,
    ),
    *(
        Claim(
            "Elsayed 2020",
            f"kernels that are mixed from a few beat {words} ones",
            "mixtures",
            {BEST: 1.0, f"local_{words}": -1.0},
            best_of=RANKS,
        )
        for words in ("shared", "unshared")
    ),
    Claim(
        "Ott 2020",
        "translated images narrow the gap between shared and unshared kernels",
        "translations",
        _narrowing(),
    ),
    Claim("Ott 2020", "translated images close that gap", "translations", _gap(SHIFT), is_equality=True),
    Claim("Pogodin 2021", "translated images do not close that gap", "translations", _gap(SHIFT)),
    Claim(
        "Pogodin 2021",
        "averaging unshared kernels every 100 steps nearly closes that gap",
        "translations",
        {f"shared_{SHIFT}_{IMAGES}": 1.0, f"averaged_100_{SHIFT}_{IMAGES}": -1.0},
        is_equality=True,
    ),
)


def main() -> None:
    results = pathlib.Path(flags.FLAGS.results).expanduser()
    sweeps = {study: _sweeps_of(results, study) for study in dict.fromkeys(claim.study for claim in CLAIMS)}
    if not any(sweeps.values()):
        raise UserError(
            f"{results} has no sweep of {' or '.join(sweeps)}: name the folder that has them, such as "
            "--results=results/finding."
        )
    margins = read_selection(FINDING / "margins.json", "margins")
    rows = [_row(claim, sweep, margins) for claim in CLAIMS for sweep in sweeps[claim.study]]
    covers_images = all(sweep.scores.covers_images for found in sweeps.values() for sweep in found)
    where = (
        "" if flags.FLAGS["results"].using_default_value else f" --results={shell_word(flags.FLAGS.results)}"
    )
    command = f"python -m experiments.published{where} --workdir=DIR"
    print(write_published(cli.workdir(), rows, covers_images, command))


def _sweeps_of(results: pathlib.Path, study: str) -> list[Sweep]:
    """Those of a study's sweeps that are there: STUDY, on MNIST, or STUDY_DATASET."""
    names = (study, *(f"{study}_{dataset}" for dataset in DATASETS))
    return [read_scores(results / name) for name in names if (results / name / CONFIG).exists()]


def _row(claim: Claim, sweep: Sweep, margins: Mapping[str, float]) -> Row:
    choices = read_selection(FINDING / "tuned" / f"{claim.study}.json") if claim.best_of else {}
    weights = arms_of(claim, {arm: choice["val_accuracy_mean"] for arm, choice in choices.items()})
    results, wrong = sweep.scores.results, sweep.scores.wrong
    return published_row(claim, weights, results, wrong, margins.get(results[0]["dataset"], 0.0))


if __name__ == "__main__":
    cli.define_path("results", "Folder with the sweeps of configs/finding.", "results/finding")
    cli.define_workdir()
    cli.run(main)
