"""Captions above the tables, what the numbers are, and notes under them, how they were obtained.

Both are sentences of Markdown.
"""

import collections
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.analysis.summaries import OTHER_FIGURES, missing_seeds, scored
from lenet_jax.config.description import describe_protocol
from lenet_jax.report.markup import code_span, markdown_text, shell_word
from lenet_jax.report.names import dataset_words
from lenet_jax.report.scores import Sweep
from lenet_jax.runs.provenance import versions

ARMS = " / "  # between arms, whose words have commas
MOST_PROTOCOLS = 8  # that a note spells out
MOST_ABSENT = 8  # arms without runs that a note names
UNDECIDED = {  # verdicts on planned contrasts
    "unfinished": "Unfinished: not all planned runs are recorded, so nothing is claimed yet.",
    "untested": (
        "Untested: the wrong answers of some runs are not known, so standard errors do not cover the draw of "
        "the test images."
    ),
}
CROSSED = "with crossed random effects of seeds and test images"
SEEDS_ALONE = "Student's t over seeds"
STUDENT = f"{SEEDS_ALONE}, which does not cover test-set sampling"
DRAWN_NOTE = (
    "Each seed draws its own images from one dataset, so the test images of different seeds overlap: "
    "intervals are about further draws from this dataset, not about other digits."
)
Run = Mapping[str, Any]  # as `lenet_jax.runs.store.read_sweep` returns it


def measured_note(header: Mapping[str, Any], runs: Sequence[Run], words: Mapping[str, str]) -> str:
    """What was measured, of how many arms in how many runs; the arguments are as in `arm_notes`."""
    arms = list(dict.fromkeys(run["result"]["arm"] for run in runs))
    diverged = sum(run["result"]["status"] == "diverged" for run in runs)
    split = "test" if scores_test(header, runs) else "validation"
    noun = arm_noun(header)
    of = f"of {len(arms)} {noun}s (networks, each with its training)"
    if len(arms) == 1:
        of = f"of one {noun}, {markdown_text(words[arms[0]])},"
    seeds = _seeds({run["result"]["seed"] for run in runs})
    number = f"{len(runs)} runs" if len(runs) > 1 else "one run"
    lost = f" {diverged} diverged: the loss did not stay finite." if diverged else ""
    return (
        f"The {split} error {of} in {number}, {seeds}: how many of a hundred {split} images a trained "
        "network answers wrongly. A seed decides the initial weights, random wirings and the order of the "
        f"images.{lost}"
    )


def arm_noun(header: Mapping[str, Any]) -> str:
    """What an arm of the folder is called: those of `experiments.tune` are candidates."""
    return "candidate" if header["kind"] == "tuning" else "arm"


def absent_arms_notes(header: Mapping[str, Any], runs: Sequence[Run]) -> list[str]:
    """A note that names the arms without runs; [] if there are none."""
    names, noun = [arm["name"] for arm in header["arms"]], arm_noun(header)
    absent = [name for name in names if name not in {run["result"]["arm"] for run in runs}]
    if not absent:
        return []
    shown = ", ".join(map(markdown_text, absent[:MOST_ABSENT]))
    more = f" and {len(absent) - MOST_ABSENT} more" if len(absent) > MOST_ABSENT else ""
    which = "needed so far" if header["kind"] == "tuning" else "of the config"
    return [
        f"Unfinished, or a selection: {len(absent)} of the {len(names)} {noun}s {which} have no runs: "
        f"{shown}{more}."
    ]


def protocols(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Arm -> how its first run was trained, in phrases."""
    return {
        run["result"]["arm"]: describe_protocol(run["config"], run["images"]["train"])
        for run in reversed(runs)
    }


def scores_test(header: Mapping[str, Any], runs: Sequence[Run]) -> bool:
    """Whether the runs score the test images: those of `experiments.tune` do not, except in older records."""
    done = [run["result"] for run in runs if run["result"]["status"] == "done"]
    all_scored = bool(done) and all(result["test_accuracy"] is not None for result in done)
    return header["kind"] != "tuning" or all_scored


def arm_caption(header: Mapping[str, Any], runs: Sequence[Run], convolution: str) -> str:
    """Of the table of arms.

    Args:
      header: of the folder, as `lenet_jax.runs.store.read_sweep` returns it with its runs.
      convolution: in words, the arm to which all others have a difference; "" if they have none.
    """
    some_diverged = any(run["result"]["status"] == "diverged" for run in runs)
    of = "the runs that did not diverge (whose loss stayed finite)" if some_diverged else "the runs"
    if not scores_test(header, runs):
        return f"Mean error of {of}, in percent; the test images are not scored."
    interval = f", with its {CONFIDENCE:.0%} interval" if _has_intervals(runs) else ""
    caption = f"Mean test error of {of} on {test_images(runs)}, in percent{interval}."
    if not convolution:
        return caption
    return (
        f"{caption} Difference: this error minus that of {markdown_text(convolution)}, in errors per "
        "hundred test images, paired by seed."
    )


def arm_notes(
    header: Mapping[str, Any], runs: Sequence[Run], words: Mapping[str, str], covers_images: bool = False
) -> list[str]:
    """Notes under the table of arms.

    Args:
      header, runs: as in `arm_caption`.
      words: arm -> what it is, in words.
      covers_images: whether the intervals cover the draw of the test images.
    """
    return [
        scoring_note(header, runs),
        *([interval_note(runs, covers_images)] if scores_test(header, runs) else []),
        training_note(runs, words, "the overrides of `config.json`"),
        *unfinished_notes(runs, words),
        _command(header, runs),
        environment_note(runs),
    ]


def side_by_side_caption(sweeps: Sequence[Sweep]) -> str:
    """Of the table that has several datasets side by side."""
    by_dataset: dict[str, list[Sweep]] = collections.defaultdict(list)
    for sweep in sweeps:
        by_dataset[sweep.scores.results[0]["dataset"]].append(sweep)
    images, hows = [], []
    for its_sweeps in by_dataset.values():
        images.append(test_images([run for sweep in its_sweeps for run in sweep.runs]))
        intervals = distinct(
            _how(sweep.scores.covers_images, sweep.scores.draws_images) for sweep in its_sweeps
        )
        runs_of_arms = f"{_runs_of_arms(*(sweep.runs for sweep in its_sweeps))} per arm"
        with_interval = any(_has_intervals(sweep.runs) for sweep in its_sweeps)
        hows.append(f"{runs_of_arms}; {intervals}" if with_interval else runs_of_arms)
    differ = len(set(hows)) > 1
    on_images = distinct(
        f"{of_dataset}{f' ({how})' if differ else ''}" for of_dataset, how in zip(images, hows, strict=True)
    )
    common = "" if differ else f" ({hows[0]})"
    if not any(_has_intervals(sweep.runs) for sweep in sweeps):
        return f"Test error in percent on {on_images}{common}."
    return (
        f"Mean test error in percent on {on_images}, with its {CONFIDENCE:.0%} interval{common}. Arms share "
        "seeds and images, so differences between them are known more precisely than their intervals suggest."
    )


def contrast_caption(rows: Sequence[Mapping[str, Any]], covers_images: bool) -> str:
    """Of the table of contrasts, of `lenet_jax.analysis.summaries.contrast_rows`."""
    start = (
        "How many fewer errors per hundred test images the arm makes than what it is compared with, paired "
        "by seed"
    )
    pairs = "over the pairs in which neither run diverged"
    if max(row["pairs"] for row in rows) < 2:
        return f"{start}."
    if not covers_images:
        return f"{start}, with a {CONFIDENCE:.0%} interval, Student's t {pairs}."
    others = any("last_difference_mean" in row for row in rows)
    readings = " Differences of other readings have Student's t intervals over seeds."
    return f"{start}, with a {CONFIDENCE:.0%} interval, {CROSSED}, {pairs}.{readings if others else ''}"


def contrast_notes(runs: Sequence[Run]) -> list[str]:
    """Notes under the table of contrasts."""
    return [DRAWN_NOTE] if _draws_images(runs) else []


def size_caption(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of the table of training images, of `lenet_jax.analysis.sample_sizes.size_rows`, not empty."""
    seeds = rows[0]["seeds"]
    interval = "" if seeds == 1 else (
        f". In brackets, the {CONFIDENCE:.0%} interval, over {seeds} seeds and the test images: from the "
        "smallest to the largest number at which the interval of the ratio of the two errors contains 1. A "
        "bound without brackets: the whole interval lies beyond it"
    )  # fmt: skip
    return (
        "Images needed: how many training images a network needs for the error that the convolution reaches "
        "with those of the second column. Between the sizes that were trained, errors are interpolated "
        f"linearly on logarithmic scales; the error of this is not covered{interval}. The subsets are one "
        "draw, the same for all seeds."
    )


def wiring_caption() -> str:
    """Of the table of wirings, of `lenet_jax.analysis.wirings.wiring_rows`."""
    return (
        "Standard deviations of test accuracy, in errors per hundred: between wirings, between seeds "
        "(initial weights and order of images), and the residual. Wiring / residual: the ratio of their "
        f"variances, with the {CONFIDENCE:.0%} interval of the F distribution; neither goes below 0, and "
        "where the whole interval would, none is given. p: of the test that wirings do not differ."
    )


def planned_caption(rows: Sequence[Mapping[str, Any]], planned: int, covers_images: bool) -> str:
    """Of the table of planned contrasts, of `lenet_jax.analysis.planned.planned_rows`.

    Args:
      planned: how many contrasts were planned, also those without runs.
    """
    return (
        "Fewer errors per hundred test images (below 0: more)"
        f"{_unadjusted(rows, CROSSED if covers_images else SEEDS_ALONE)}. p-values are two-sided"
        f"{f', and adjusted after Holm for all {planned} planned contrasts' if planned > 1 else ''}."
    )


def _unadjusted(rows: Iterable[Mapping[str, Any]], interval: str) -> str:
    """What intervals planned contrasts have; nothing if none has two seeds."""
    if max((row["seeds"] for row in rows), default=0) < 2:
        return ""
    return f", with a {CONFIDENCE:.0%} interval, {interval}, not adjusted for the number of contrasts"


def planned_side_by_side_caption(sweeps: Sequence[Sweep], rows: Sequence[Mapping[str, Any]]) -> str:
    """Of the table of `lenet_jax.report.side_by_side.planned_rows` of these sweeps."""
    datasets = {sweep.scores.results[0]["dataset"]: sweep.scores.covers_images for sweep in sweeps}
    names = {dataset: markdown_text(dataset_words(dataset)) for dataset in datasets}
    intervals = {dataset: CROSSED if covers else SEEDS_ALONE for dataset, covers in datasets.items()}
    differ = len(set(intervals.values())) > 1
    interval = distinct(
        f"{how}{f' on {names[dataset]}' if differ else ''}" for dataset, how in intervals.items()
    )
    of_datasets = [(dataset, row) for contrast in rows for dataset, row in contrast["datasets"].items()]
    margins = [f"{row['margin']:g} on {names[dataset]}" for dataset, row in of_datasets if row["margin"]]
    equivalent = (
        f" Equivalent: neither, and nearer to 0 than a margin that was set beforehand "
        f"({distinct(margins, ', ')}), by two one-sided tests at {1 - CONFIDENCE:.0%}, which go with a "
        f"{2 * CONFIDENCE - 1:.0%} interval, so that the one shown may reach beyond the margin; the "
        "difference need not be 0."
    )
    undecided = {row["verdict"] for _, row in of_datasets} & {"unfinished", "untested"}
    return (
        "The planned comparisons. Fewer errors per hundred test images (below 0: more)"
        f"{_unadjusted((row for _, row in of_datasets), interval)}, and the verdict. "
        f"Above 0, below 0: at {1 - CONFIDENCE:.0%} after Holm's correction for a sweep's contrasts."
        f"{equivalent if margins else ''} Inconclusive: none of these."
        f"{''.join(f' {UNDECIDED[verdict]}' for verdict in sorted(undecided))}"
    )


def planned_notes(rows: Sequence[Mapping[str, Any]], planned: int) -> list[str]:
    """Notes under the table of planned contrasts, of `lenet_jax.analysis.planned.planned_rows`."""
    notes = []
    if margins := {row["margin"] for row in rows if row["margin"]}:
        words = " or ".join(f"{margin:g}" for margin in sorted(margins))
        notes.append(
            f"Equivalent: not significant, and within {words} of 0 by two one-sided tests at "
            f"{1 - CONFIDENCE:.0%}, which are not adjusted. Inconclusive: neither."
        )
    verdicts = {row["verdict"] for row in rows}
    if len(rows) < planned or "unfinished" in verdicts:
        notes.append(UNDECIDED["unfinished"])
    if "untested" in verdicts:
        notes.append(UNDECIDED["untested"])
    return notes


def paper_caption(runs: Sequence[Run], rows: Sequence[Mapping[str, Any]], covers_images: bool) -> str:
    """Of the table of papers, of `lenet_jax.analysis.summaries.paper_rows`.

    Args:
      covers_images: whether the intervals cover the draw of the test images with crossed effects.
    """
    how = _how(covers_images, _draws_images(runs))
    has_intervals = max(scored(rows), default=0) > 1
    others = has_intervals and covers_images and any("last_error_percent" in row for row in rows)
    readings = " Other readings have Student's t intervals over seeds." if others else ""
    interval = f", with the {CONFIDENCE:.0%} interval, {how}" if has_intervals else ""
    papers = (
        f" The paper's has the {CONFIDENCE:.0%} Wilson interval of one network on the paper's number of test "
        "images. The count of errors, paper_errors in `papers.csv`, is the paper's or, where that gives a "
        "percentage alone, the nearest; where no count gives that percentage, the interval is approximate."
    )
    return (
        f"Test errors on {test_images(runs)}, in percent: means over the seeds that did not diverge"
        f"{interval}.{readings}"
        f"{papers if any(row['paper_error_percent'] is not None for row in rows) else ''}"
    )


def paper_notes(
    header: Mapping[str, Any], runs: Sequence[Run], rows: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Notes under the table of papers, which has arms by their names; `rows` are its rows."""
    names = {arm: arm for arm in (run["result"]["arm"] for run in runs)}
    return [
        *_other_figures(rows),
        *([DRAWN_NOTE] if _draws_images(runs) else []),
        scoring_note(header, runs),
        training_note(runs, names, "the column protocol of `papers.csv`"),
        _command(header, runs),
        environment_note(runs),
    ]


def _other_figures(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What papers report besides their test errors, and ours; losses have the paper's scale."""
    of_arms = []
    for row in rows:
        pairs = [
            f"{name.replace('_percent', '').replace('_', ' ')} {row[name]:.3g}{unit} (the paper's "
            f"{paper:.3g}{unit})"
            for name in OTHER_FIGURES
            for unit in ["%" if name.endswith("_percent") else ""]
            if (paper := row.get(f"paper_{name}")) is not None and row[name] is not None
        ]
        if pairs:
            of_arms.append(f"{markdown_text(row['arm'])}: {', '.join(pairs)}")
    return [f"Other figures, means over seeds. {'; '.join(of_arms)}."] if of_arms else []


def recorded_command(header: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """The command, for a shell, that reproduces all recorded runs in a new folder DIR, as far as one can.

    A tuning command covers all arms: its rows are candidates, which --config.arms does not accept.
    """
    selection = []
    if header["kind"] != "run":
        seeds = 1 + max(run["result"]["seed"] for run in runs) - header["config"]["seed"]
        selection.append(f"--config.seeds={seeds}")
    arms = list(dict.fromkeys(run["result"]["arm"] for run in runs))
    if header["kind"] == "sweep" and set(arms) != {arm["name"] for arm in header["arms"]}:
        selection.append(f"--config.arms={','.join(arms)}")
    return " ".join(map(shell_word, [*header["command"], *selection, "--workdir=DIR"]))


def scoring_note(header: Mapping[str, Any], runs: Sequence[Run]) -> str:
    """After which epoch the runs are scored, and how many images they were trained on."""
    validation = _images(runs, "validation")
    held_out = f"{validation} more were held out for validation"
    if not any(run["images"]["validation"] for run in runs):
        held_out = "none were held out for validation"
    trained = f"Each run was trained on {_train_images(runs)} images; {held_out}."
    selects_epoch = any(run["config"]["train.select_epoch"] == "best_validation" for run in runs)
    if not scores_test(header, runs):
        epoch = "of its best epoch on validation" if selects_epoch else "of its last epoch"
        return f"The test images are not scored; the validation accuracy of a run is that {epoch}. {trained}"
    if not selects_epoch:
        return f"Each run is scored once, after its last epoch. {trained}"
    return (
        "Each run is scored after every epoch; the one with the best validation accuracy counts. Alongside "
        "it are the best of all epochs on the test images themselves, as some papers selected it, and the "
        f"last epoch. {trained}"
    )


def validation_images(runs: Sequence[Run]) -> str:
    """The validation images of the runs: "6,000 validation images of MNIST"."""
    dataset = markdown_text(distinct(dataset_words(run["result"]["dataset"]) for run in runs))
    return f"{_images(runs, 'validation')} validation images of {dataset}, held out from training"


def test_images(runs: Sequence[Run]) -> str:
    """On which test images the runs are scored: "all 2,000 test images of MNIST-5k"."""
    dataset = markdown_text(distinct(dataset_words(run["result"]["dataset"]) for run in runs))
    test = _images(runs, "test")
    words = f"all {test} test images of {dataset}"
    if _draws_images(runs):
        words = f"the {test} test images of {dataset} that its seed draws"
    placed = [run["config"]["data.positions"] > 1 for run in runs]
    if any(placed):
        where = "" if all(placed) else "in some arms, "
        words += (
            f" ({where}training, validation and test images show the same digits of the training file at "
            "different positions)"
        )
    permuted = [run["config"]["data.permutation_seed"] >= 0 for run in runs]
    if any(permuted):
        where = "" if all(permuted) else "in some arms, "
        words += f" ({where}pixels permuted in the same way in all images)"
    return words


def interval_note(runs: Sequence[Run], covers_images: bool) -> str:
    if not _has_intervals(runs):
        return "There are no intervals, as no arm has two runs that did not diverge."
    covered = "initialisation, random wiring and data order"
    if _draws_images(runs):
        covered = "initialisation, random wiring, data order and the draw of images from the dataset"
    start = f"Interval: {CONFIDENCE:.0%}"
    clipped = "(n = runs - diverged), clipped to [0, 100]. It covers"
    if not covers_images:
        return (
            f"{start}, Student's t over the seeds {clipped} {covered}"
            f"; it does not cover {'that of the dataset' if _draws_images(runs) else 'test-set sampling'}."
        )
    together = (
        " Arms share seeds and images, so differences between them are known more precisely than two "
        "separate intervals suggest."
    )
    return (
        f"{start}, {CROSSED} {clipped} {covered}, and the draw of the test images; few errors make it "
        f"approximate.{together if len(_done(runs)) > 1 else ''}"
    )


def _has_intervals(runs: Sequence[Run]) -> bool:
    """Whether some arm has two runs that did not diverge."""
    return max(_done(runs).values(), default=0) > 1


def _done(runs: Sequence[Run]) -> Mapping[str, int]:
    """Arm -> how many of its runs did not diverge, if any."""
    return collections.Counter(run["result"]["arm"] for run in runs if run["result"]["status"] == "done")


def training_note(runs: Sequence[Run], words: Mapping[str, str], differences: str) -> str:
    """How the runs were trained, and with which seeds: what all arms have in common, then what differs.

    Args:
      differences: where readers find what differs between many arms.
    """
    shared, rests = common_training(runs)
    parts = [shared]
    arms_by_rest: dict[str, list[str]] = {}
    for arm, rest in rests.items():
        arms_by_rest.setdefault(rest, []).append(markdown_text(words[arm]))
    if len(arms_by_rest) > MOST_PROTOCOLS:
        parts.append(f"what differs between arms is in {differences}")
    elif len(arms_by_rest) > 1:
        parts += [
            f"{rest}: {ARMS.join(arms)}" if rest else f"{ARMS.join(arms)}: no further settings"
            for rest, arms in arms_by_rest.items()
        ]
    return f"Training: {'; '.join(filter(None, parts))}; {_seeds({run['result']['seed'] for run in runs})}."


def common_training(runs: Sequence[Run]) -> tuple[str, dict[str, str]]:
    """What the training of all arms has in common, and of each arm the rest."""
    phrases = protocols(runs)
    shared = set.intersection(*map(set, phrases.values()))
    rests = {
        arm: ", ".join(phrase for phrase in phrases[arm] if phrase not in shared)
        for arm in dict.fromkeys(run["result"]["arm"] for run in runs)
    }
    return ", ".join(phrase for phrase in next(iter(phrases.values())) if phrase in shared), rests


def _seeds(seeds: Iterable[int]) -> str:
    """ "seed 3", "seeds 0 to 4, 7"."""
    runs_of_seeds = [
        [seed for _, seed in group]
        for _, group in itertools.groupby(enumerate(sorted(seeds)), lambda pair: pair[1] - pair[0])
    ]
    words = [
        f"{group[0]} to {group[-1]}" if len(group) > 2 else ", ".join(map(str, group))
        for group in runs_of_seeds
    ]
    return f"{'seed' if words == [str(runs_of_seeds[0][0])] else 'seeds'} {', '.join(words)}"


def unfinished_notes(runs: Sequence[Run], words: Mapping[str, str]) -> list[str]:
    """A note that names the arms without the seeds of other arms; [] if there are none."""
    if not (lacking := missing_seeds([run["result"] for run in runs])):
        return []
    arms_by_seeds: dict[str, list[str]] = {}
    for arm, seeds in lacking.items():
        arms_by_seeds.setdefault(_seeds(seeds), []).append(markdown_text(words[arm]))
    without = "; ".join(f"without {seeds}: {ARMS.join(arms)}" for seeds, arms in arms_by_seeds.items())
    return [
        f"Unfinished, or run with other seeds, {without}. Differences are over the seeds that arms share."
    ]


def _command(header: Mapping[str, Any], runs: Sequence[Run]) -> str:
    return f"Command: {code_span(recorded_command(header, runs))}"


def environment_note(runs: Sequence[Run]) -> str:
    """The hardware, the libraries and the revision of the code."""
    ran_on = [run["provenance"] for run in runs]
    devices = distinct(f"{entry['devices']} x {entry['device']} on {entry['host']}" for entry in ran_on)
    revisions = distinct(entry["revision"] for entry in ran_on)
    return markdown_text(f"Ran on {devices}; {distinct(map(versions, ran_on))}; revision {revisions}.")


def _runs_of_arms(*sweeps: Sequence[Run]) -> str:
    """How many runs arms have in a sweep that did not diverge: "20 runs", "1 or 3 runs"."""
    numbers: set[int] = set()
    for runs in sweeps:
        done = (run["result"] for run in runs if run["result"]["status"] == "done")
        numbers |= set(collections.Counter(result["arm"] for result in done).values())
    return f"{' or '.join(map(str, sorted(numbers)))} {'run' if numbers == {1} else 'runs'}"


def _how(covers_images: bool, draws_images: bool) -> str:
    """How intervals of errors are computed, and whether they cover the draw of the test images."""
    return CROSSED if covers_images else SEEDS_ALONE if draws_images else STUDENT


def _draws_images(runs: Sequence[Run]) -> bool:
    return any(run["config"]["data.draw"] for run in runs)


def _train_images(runs: Sequence[Run]) -> str:
    """The numbers of training images: "100, 200 or 400" where arms have subsets of different sizes."""
    if not any(run["config"]["data.train_images"] for run in runs):
        return _images(runs, "train")
    *others, last = (f"{count:,}" for count in sorted({run["images"]["train"] for run in runs}))
    return f"{', '.join(others)} or {last}" if others else last


def _images(runs: Sequence[Run], split: str) -> str:
    return distinct(f"{run['images'][split]:,}" for run in runs)


def distinct(texts: Iterable[str], between: str = " and ") -> str:
    """The texts, each once."""
    return between.join(dict.fromkeys(texts))
