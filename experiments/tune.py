"""Selects one candidate for each arm of a config, on validation images or by the fit to training images.

    python -m experiments.tune --config=configs/history/choices.py:1989 --workdir=DIR

The arms of the config file have candidates. Each candidate is trained with every seed; the one with the
best mean validation accuracy is selected, or for an arm with `fit` the first whose mean training accuracy
reaches it. An arm with `first` starts with these, and goes on to others while the best so far is at an end
of those trained; one with `fit` goes on until a candidate reaches it. Candidates that are tied with the best
are named. Test images are not scored. The selected values go to DIR/selected.json, or are merged
into --output=FILE, from which configs read them. --config.arms names arms, all of whose candidates are
trained. With --distributed, all candidates of all arms are.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from experiments import cli, launching
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.config.arms import Arm, select_arms
from lenet_jax.config.checks import require_effect
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.mistakes import wrong_answers
from lenet_jax.runs.plan import Request, make_plan
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.tuning import (
    candidate_arms,
    candidates_to_train,
    fields_at_edge,
    merge_selection,
    read_selection,
    select_candidates,
    tied_candidates,
)


def main() -> None:
    config, directory, arms = cli.config(), cli.workdir(), cli.arms()
    output = pathlib.Path(flags.FLAGS.output) if flags.FLAGS.output else directory / "selected.json"
    read_selection(output)  # refuses a file that holds something else before anything is trained
    families = select_arms(config.arms, arms)
    every = candidate_arms(families)
    require_effect(list(cli.changed_fields()), every, config)
    config.arms = ""
    request = Request(config, every, cli.command("experiments.tune"), directory, "tuning", flags.FLAGS.rerun)
    seeds = range(config.seed, config.seed + config.seeds)
    is_new = train_needed(families, arms, request, seeds)
    if is_new is None:
        return
    if not is_new:
        print(f"Already recorded in {directory}.\n")
    print(write_report(directory))
    _, runs = read_sweep(directory)
    runs = [run for run in runs if run["result"]["seed"] in seeds]
    results = [run["result"] for run in runs]
    chosen = select_candidates(arms, results)
    merge_selection(output, chosen)
    # A candidate that diverged has no answers, and is not compared.
    wrong = wrong_answers(directory, [run for run in runs if run["result"]["val_accuracy"] is not None])
    tied = tied_candidates(arms, chosen, results, wrong)
    print()
    for arm in families:
        if arm.name in chosen:
            print(describe(arm, chosen[arm.name], tied.get(arm.name), wrong is not None))
        else:
            print(f"{arm.name}: not selected, as it or an arm that is tuned with it has open runs")
    images = sorted({"training" if arm.fit else "validation" for arm in families})
    print(f"Selected on {' and '.join(images)} images; written to {output}")


def train_needed(
    families: Sequence[Arm], arms: Sequence[Arm], request: Request, seeds: Sequence[int]
) -> bool | None:
    """Trains candidates of `families` until a selection among those of `arms` needs no others.

    Returns whether any were trained; None if they are sent away, or if another process selects.
    """
    trained: dict[str, list[str]] = {}
    is_new = False
    while (needed := candidates_needed(arms, request, seeds)) != trained:
        if trained:
            more = {
                arm.name: [one for one in needed[arm.name] if one not in trained[arm.name]]
                for arm in families
            }
            listed = "; ".join(f"{name}: {', '.join(its)}" for name, its in more.items() if its)
            print(f"More candidates are needed. {listed}", flush=True)
        part = request._replace(arms=candidate_arms(families, needed))
        if launching.send_if_asked(part, write_results, write_report):
            print("Once all are recorded, the same command sends what is then needed, or selects.")
            return None
        filled = launching.train(part, write_results)
        if filled.number:
            return None  # process 0 selects
        is_new |= filled.is_new
        trained = needed
    return is_new


def candidates_needed(arms: Sequence[Arm], request: Request, seeds: Sequence[int]) -> dict[str, list[str]]:
    """Arm -> its candidates that are to be trained before one is selected or more are trained.

    With --distributed these are all, as the processes of a group only train what all know from the start.

    Raises UserError for what is refused before training, whichever candidate it is.
    """
    recorded = make_plan(request).recorded.values()
    if flags.FLAGS.distributed:
        return {arm.name: list(arm.candidates) for arm in arms}
    return candidates_to_train(arms, [run["result"] for run in recorded], seeds)


def describe(arm: Arm, selected: Mapping[str, Any], tied: Sequence[str] | None, covers_images: bool) -> str:
    """One line: which candidate is selected, how accurate it is, and what speaks for more candidates.

    Args:
      tied: its candidates of `tied_candidates`; None if there are too few seeds.
      covers_images: whether the intervals that tell ties cover the draw of the validation images.
    """
    candidate = selected["candidate"]
    if arm.fit:
        accuracy = selected["train_accuracy_mean"]
        missed = "" if accuracy >= arm.fit else f"; no candidate reaches {arm.fit:g}"
        return f"{arm.name}: {candidate} (training accuracy {accuracy:.4f}){missed}"
    edges = fields_at_edge(arm, candidate)
    beyond = f"; at the edge of the candidates for {', '.join(edges)}: add some beyond it" if edges else ""
    ties = "; too few seeds to name ties" if tied is None else ""
    if tied:
        drawn = f"{selected['runs']} seeds{' and the validation images' if covers_images else ''}"
        reason = f"{CONFIDENCE:.0%} intervals of differences over {drawn} include 0"
        ties = f"; tied with {', '.join(tied)}, as {reason}"
    return f"{arm.name}: {candidate} (validation accuracy {selected['val_accuracy_mean']:.4f}){ties}{beyond}"


if __name__ == "__main__":
    cli.define_config()
    cli.define_workdir()
    cli.define_rerun()
    cli.define_threads(default=1)
    launching.define_workers()
    cli.define_path("output", "JSON file into which the selected values are merged.")
    cli.run(main, launching.prepare_devices)
