"""Selects one candidate for each arm of a config, on validation images or by the fit to training images.

    python -m experiments.tune --config=configs/history/choices.py:1989 --workdir=DIR

The arms of the config file have candidates. Each candidate is trained with every seed; the one with the
best mean validation accuracy is selected, or for an arm with `fit` the first whose mean training accuracy
reaches it. An arm with `first` starts with these, and goes on to others while the best so far is at an end
of those trained; one with `fit` goes on until a candidate reaches it. Candidates that are tied with the best
are named. Test images are not scored. The selected values go to DIR/selected.json, or are merged
into --output=FILE, from which configs read them. --config.arms=NAME,NAME tunes these arms. With
--distributed, every candidate is trained.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from experiments import cli, launching
from lenet_jax import files
from lenet_jax.analysis.stats import CONFIDENCE
from lenet_jax.config.arms import Arm, select_arms
from lenet_jax.config.checks import require_effect
from lenet_jax.config.fields import override
from lenet_jax.errors import UserError
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.member import Filled
from lenet_jax.runs.mistakes import wrong_answers
from lenet_jax.runs.plan import Request, make_plan
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.tuning import (
    candidate_arms,
    diverged_arms,
    fields_at_edge,
    merge_selection,
    needed_candidates,
    read_selection,
    select_candidates,
    tied_candidates,
)


def main() -> None:
    config, directory, arms = cli.config(), cli.workdir(), cli.arms()
    output = pathlib.Path(flags.FLAGS.output) if flags.FLAGS.output else directory / "selected.json"
    read_selection(output)  # refuses a file that holds something else before anything is trained
    families = select_arms(config.arms, arms)
    selected = candidate_arms(families)
    require_effect(list(cli.changed_fields()), selected, config)
    command = cli.command("experiments.tune")
    config.arms = ",".join(arm.name for arm in selected)
    request = Request(config, candidate_arms(arms), command, directory, "tuning", flags.FLAGS.rerun)
    seeds = range(config.seed, config.seed + config.seeds)
    if flags.FLAGS.output:
        files.make_directory(output.parent, "--output=")  # rather than fail once all is trained
    filled = train_needed(request, arms, families, seeds)
    if filled is None or filled.number:
        return  # process 0 selects, or the command once it is run again
    if not filled.is_new:
        print(f"Already recorded in {directory}.\n")
    print(write_report(directory))
    _, runs = read_sweep(directory)
    runs = [run for run in runs if run["result"]["seed"] in seeds]
    results = [run["result"] for run in runs]
    together = {arm.tuned_with for arm in families if arm.tuned_with}
    asked = [arm for arm in arms if arm in families or arm.tuned_with in together]
    chosen = select_candidates(asked, results)
    merge_selection(output, chosen)
    # A candidate that diverged has no answers, and is not compared.
    wrong = wrong_answers(directory, [run for run in runs if run["result"]["val_accuracy"] is not None])
    tied = tied_candidates(arms, chosen, results, wrong)
    named = {arm.name for arm in families}
    diverged = [name for name in diverged_arms(arms, results) if name in named]
    print()
    for arm in families:
        if arm.name in chosen:
            print(describe(arm, chosen[arm.name], tied.get(arm.name), wrong is not None))
        elif arm.name not in diverged:
            others = [other.name for other in arms if arm.tuned_with and other.tuned_with == arm.tuned_with]
            also = f": run --config.arms={','.join(others)}, which are tuned together" if others else ""
            print(f"{arm.name}: not selected, as runs are missing{also}")
    images = sorted({"training" if arm.fit else "validation" for arm in families})
    print(f"Selected on {' and '.join(images)} images; written to {output}")
    if diverged:
        raise UserError(
            f"Every candidate of {', '.join(diverged)} diverged: add candidates with smaller steps."
        )


def train_needed(
    request: Request, arms: Sequence[Arm], families: Sequence[Arm], seeds: Sequence[int]
) -> Filled | None:
    """Trains candidates of `families` until the selection needs no others; None if they are sent to jobs.

    With --distributed all are trained, as processes agree on their runs before they start.

    Args:
      request: for all candidates of `families`.
      arms: those of the config.
    """
    if flags.FLAGS.distributed:
        return launching.train(request, write_results)
    asked: list[str] = []
    is_new = False
    while True:
        results = recorded_results(request)
        needed = candidate_arms(families, needed_candidates(arms, results, seeds))
        more = [arm.name for arm in needed if arm.name not in asked]
        if not more:
            return Filled(0, is_new)
        if asked:
            print(f"More candidates are needed: {', '.join(more)}", flush=True)
        asked += more
        # Those that have runs stay among the arms, in the order of the config.
        listed = {*asked, *(result["arm"] for result in results)}
        part = request._replace(
            config=override(request.config, {"arms": ",".join(asked)}),
            arms=[arm for arm in request.arms if arm.name in listed],
        )
        if launching.send_if_asked(part, write_results, write_report):
            print("Once all are recorded, the same command sends what is then needed, or selects.")
            return None
        is_new |= launching.train(part, write_results).is_new


def recorded_results(request: Request) -> list[Mapping[str, Any]]:
    """The results in the request's folder, also those of older code. Raises UserError as `make_plan`."""
    return [run["result"] for run in make_plan(request._replace(rerun=False)).recorded.values()]


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
