"""The notes under the tables."""

import shlex

import pytest

from lenet_jax.report import captions
from lenet_jax.report.captions import (
    arm_caption,
    contrast_caption,
    contrast_notes,
    paper_caption,
    paper_notes,
    protocols,
    recorded_command,
    scores_test,
)
from lenet_jax.runs.header import UNKNOWN
from tests.helpers.recorded import CONFIG, IMAGES, PROVENANCE, header
from tests.helpers.results import arm, result, unscored

SWEEP = header([arm("a"), arm("b")])
TUNING = SWEEP | {"kind": "tuning"}


def run(of, config=None, **images):
    return {
        "result": of,
        "images": IMAGES | images,
        "config": CONFIG | (config or {}),
        "provenance": PROVENANCE,
    }


def arm_notes(header, runs, covers_images=False):
    """Those of the table of arms, with the names of arms for their words."""
    names = {its["result"]["arm"]: its["result"]["arm"] for its in runs}
    return captions.arm_notes(header, runs, names, covers_images)


RUNS = [run(result("a", 0, 0.5)), run(result("b", 3, 0.5))]
PAPER_ROW = {"paper_error_percent": 5.0, "runs": 2, "diverged": 0}


def test_the_command_gives_all_runs():
    assert recorded_command(SWEEP, RUNS) == (
        "python -m experiments.ablate --config=x.py --config.seeds=4 --workdir=DIR"
    )
    assert recorded_command(SWEEP | {"config": CONFIG | {"seed": 3}}, RUNS).count("--config.seeds=1 ") == 1


def test_the_command_names_arms_where_not_all_were_run():
    assert recorded_command(SWEEP, RUNS[:1]) == (
        "python -m experiments.ablate --config=x.py --config.seeds=1 --config.arms=a --workdir=DIR"
    )


def test_a_single_run_has_no_seeds_to_choose():
    single = SWEEP | {"kind": "run", "command": ["python", "-m", "experiments.train", "--config=x.py"]}
    assert recorded_command(single, RUNS[:1]) == "python -m experiments.train --config=x.py --workdir=DIR"


def test_tuning_is_given_for_all_arms():
    """Its rows are candidates, which --config.arms does not name."""
    command = recorded_command(SWEEP | {"kind": "tuning"}, RUNS[:1])
    assert command == "python -m experiments.ablate --config=x.py --config.seeds=1 --workdir=DIR"


def test_a_shell_reads_the_command_as_it_was_given():
    arguments = ["python", "-m", "x", "--config=my file.py", "--config.model.map_table=all,01 12", "--a=()"]
    command = recorded_command(SWEEP | {"command": arguments}, RUNS)
    assert shlex.split(command) == [*arguments, "--config.seeds=4", "--workdir=DIR"]


def test_the_command_of_a_note_is_code_that_a_shell_reads():
    arguments = ["python", "-m", "x", "--config=it's `my` file.py", "--config.dataset=a\nb"]
    [note] = [note for note in arm_notes(SWEEP | {"command": arguments}, RUNS) if "Command: " in note]
    assert note == (
        r"""Command: ``python -m x '--config=it'"'"'s `my` file.py' $'--config.dataset=a\x0ab' """
        "--config.seeds=4 --workdir=DIR``"
    )


def test_names_in_notes_are_not_markup():
    named = [run(result("_a_", 0, 0.5, dataset="*my* data")), run(result("b", 0, 0.5), {"train.epochs": 20})]
    named[0]["provenance"] = PROVENANCE | {"host": "<processor>, 2 cores"}
    notes = "\n".join(arm_notes(SWEEP, named))
    for part in (
        r"; 10 epochs of 1,293 images: \_a\_; 20",
        "on &lt;processor>, 2 cores",
    ):
        assert part in notes
    assert r"test images of \*my\* data" in arm_caption(SWEEP, named, "")
    assert r"minus that of \_a\_, in" in arm_caption(SWEEP, named, "_a_")


def test_an_arm_has_the_protocol_of_its_first_run():
    faster = {"train.learning_rate": 0.5}
    found = protocols([run(result("a", 0, 0.5), faster), run(result("a", 1, 0.5)), *RUNS[1:]])
    assert set(found) == {"a", "b"}
    assert "learning rate 0.5 (cosine)" in found["a"] and "learning rate 0.1 (cosine)" in found["b"]
    assert found["b"][0] == "10 epochs of 1,293 images"


def test_arms_are_named_where_their_training_differs():
    same = "\n".join(arm_notes(SWEEP, RUNS))
    assert "Training: 10 epochs of 1,293 images" in same and "; seeds 0, 3." in same
    runs = [*RUNS, run(result("c", 0, 0.5), {"train.epochs": 20})]
    assert (
        "Training: batch size 64, cross entropy, SGD, learning rate 0.1 (cosine), momentum 0.9; "
        "10 epochs of 1,293 images: a / b; 20 epochs of 1,293 images: c; seeds 0, 3."
    ) in "\n".join(arm_notes(SWEEP, runs))
    more = [*RUNS, run(result("c", 0, 0.5), {"train.weight_decay": 0.01})]
    assert "momentum 0.9; a / b: no further settings; weight decay 0.01: c; seeds" in "\n".join(
        arm_notes(SWEEP, more)
    )


def test_arms_that_lack_seeds_are_named():
    runs = [run(result(arm, seed, 0.5)) for arm in "ab" for seed in range(3)]
    assert "Unfinished" not in "\n".join(arm_notes(SWEEP, runs))
    notes = "\n".join(arm_notes(SWEEP, runs[:4]))
    assert (
        "Unfinished, or run with other seeds, without seeds 1, 2: b. Differences are over the seeds" in notes
    )


@pytest.mark.parametrize(
    "above", [lambda runs: arm_caption(SWEEP, runs, ""), lambda runs: paper_caption(runs, [PAPER_ROW], True)]
)
@pytest.mark.parametrize("notes", [arm_notes, lambda header, runs: paper_notes(header, runs, [])])
def test_the_scoring_is_said(above, notes):
    def text(**fields):
        config = {name.replace("__", "."): value for name, value in fields.items()}
        runs = [run(result("a", 0, 0.5), config)]
        return "\n".join([above(runs), *notes(SWEEP, runs)])

    assert "all 360 test images of digits" in text() and "scored once, after its last epoch." in text()
    assert "144 more were held out for validation" in text()
    assert "the 360 test images of digits that its seed draws" in text(data__draw=[320, 160, 160])
    shared = text(data__draw=[320, 160, 160], data__positions=4)
    assert "(training, validation and test images show the same digits of the training file at" in shared
    best = text(train__select_epoch="best_validation")
    assert "after every epoch" in best and "the best of all epochs on the test images" in best


def test_the_caption_says_whether_runs_diverged():
    assert arm_caption(SWEEP, RUNS, "").startswith("Mean test error of the runs on all 360 test images of")
    diverged = arm_caption(SWEEP, [*RUNS, run(result("a", 1, None))], "")
    assert diverged.startswith(
        "Mean test error of the runs that did not diverge (whose loss stayed finite) on"
    )


def test_papers_have_their_interval_if_there_are_any():
    without = PAPER_ROW | {"paper_error_percent": None}
    assert "Wilson" in paper_caption(RUNS, [PAPER_ROW], True)
    assert "Wilson" not in paper_caption(RUNS, [without], True)


def test_our_errors_say_what_their_intervals_cover():
    twice = [run(result("a", seed, 0.5)) for seed in range(2)]
    assert "crossed random effects" in paper_caption(twice, [PAPER_ROW], True)
    assert "does not cover test-set sampling" in paper_caption(twice, [PAPER_ROW], False)
    drawn = [run(result("a", seed, 0.5), {"data.draw": [320, 160, 160]}) for seed in range(2)]
    assert "Student's t over seeds." in paper_caption(drawn, [PAPER_ROW], False)
    last = PAPER_ROW | {"last_error_percent": 2.0}
    assert "Other readings have Student's t" in paper_caption(twice, [last], True)


def test_one_run_for_each_arm_has_no_interval():
    alone = [run(result("a", 0, 0.5)), run(result("b", 0, 0.5))]
    row = {"difference_mean": 0.1, "pairs": 1}
    last = {"paper_error_percent": None, "runs": 1, "diverged": 0, "last_error_percent": 2.0}
    for text in (
        arm_caption(SWEEP, alone, ""),
        contrast_caption([row], True),
        *(paper_caption(alone, [last], covers_images) for covers_images in (False, True)),
    ):
        assert "interval" not in text


def test_what_differs_between_many_arms_is_found_elsewhere():
    runs = [run(result(f"a{i}", 0, 0.5), {"train.epochs": 10 + i}) for i in range(9)]
    assert "10 epochs of 1,293 images: a0" in "\n".join(arm_notes(SWEEP, runs[:8]))
    many = "\n".join(arm_notes(SWEEP, runs))
    assert "what differs between arms is in the overrides of `config.json`; seed 0." in many
    assert "is in the column protocol of `papers.csv`; seed 0." in "\n".join(paper_notes(SWEEP, runs, []))


def test_successive_seeds_are_a_range():
    seeds = [run(result("a", seed, 0.5)) for seed in (7, 0, 1, 2, 5, 4, 9)]
    assert "; seeds 0 to 2, 4, 5, 7, 9." in "\n".join(arm_notes(SWEEP, seeds))


def test_subsets_and_permuted_pixels_are_said():
    counts = {"c": 400, "a": 100, "b": 1_000}
    subsets = [run(result(it, 0, 0.5), {"data.train_images": n}, train=n) for it, n in counts.items()]
    notes = "\n".join(arm_notes(SWEEP, subsets))
    assert "Each run was trained on 100, 400 or 1,000 images; 144 more were held out" in notes
    assert "; 10 epochs of 400 images, a class-balanced subset: c; 10 epochs of 100 images" in notes
    assert "trained on 100 images; 144 more" in "\n".join(arm_notes(SWEEP, subsets[1:2]))

    permuted = run(result("b", 0, 0.5), {"data.permutation_seed": 3})
    assert "test images of digits (pixels permuted in the same way in all images)," in arm_caption(
        SWEEP, [permuted], ""
    )
    some = [RUNS[0], permuted]
    assert "(in some arms, pixels permuted in the same way in all images)," in arm_caption(SWEEP, some, "")
    notes = "\n".join(arm_notes(SWEEP, some))
    assert "; a: no further settings; pixels permuted by seed 3: b; seed 0." in notes
    assert "permuted" not in "\n".join([arm_caption(SWEEP, RUNS, ""), *arm_notes(SWEEP, RUNS)])


def test_without_a_validation_split_none_are_held_out():
    notes = "\n".join(arm_notes(SWEEP, [run(result("a", 0, 0.5), validation=0)]))
    assert "none were held out for validation" in notes


def test_images_that_a_seed_draws_are_in_the_interval():
    drawn = [run(result("a", seed, 0.5), {"data.draw": [320, 160, 160]}) for seed in range(2)]
    assert "the draw of images from the dataset; it does not cover that of the dataset." in "\n".join(
        arm_notes(SWEEP, drawn)
    )
    assert "the draw of images" not in "\n".join(arm_notes(SWEEP, RUNS))


def test_what_an_interval_covers_is_said():
    one, two = [run(result("a", 0, 0.5))], [run(result("a", seed, 0.5)) for seed in range(2)]
    assert "There are no intervals, as no arm has two runs" in "\n".join(arm_notes(SWEEP, one, True))
    crossed = "\n".join(arm_notes(SWEEP, two, True))
    assert "and the draw of the test images" in crossed and "Arms share seeds" not in crossed
    others = [*two, *(run(result("b", seed, 0.5)) for seed in range(2))]
    assert "Arms share seeds and images" in "\n".join(arm_notes(SWEEP, others, True))
    assert "Student's t over the seeds" in "\n".join(arm_notes(SWEEP, two))


@pytest.mark.parametrize("covers_images", [False, True])
def test_contrasts_of_other_readings_say_that_theirs_are_over_seeds(covers_images):
    row = {"difference_mean": 0.1, "pairs": 3}
    plain = contrast_caption([row], covers_images)
    others = contrast_caption([row | {"last_difference_mean": 0.1}], covers_images)
    assert ("crossed random effects" in plain) == covers_images and "other readings" not in plain
    assert ("Differences of other readings" in others) == covers_images


def test_images_that_seeds_draw_from_one_dataset_overlap_and_the_notes_say_so():
    drawn = [run(result("a", 0, 0.5), {"data.draw": [320, 160, 160]})]
    for notes in (paper_notes(SWEEP, drawn, []), contrast_notes(drawn)):
        assert any("the test images of different seeds overlap" in note for note in notes)
    assert not any("overlap" in note for note in [*paper_notes(SWEEP, RUNS, []), *contrast_notes(RUNS)])


def test_other_figures_of_papers_stand_next_to_ours():
    row = {"arm": "net_1", "train_error_percent": 0.31, "train_loss": 0.00821, "test_loss": 0.05}
    papers = {"paper_train_error_percent": 0.14, "paper_train_loss": 0.0025, "paper_test_loss": None}
    note, *_ = paper_notes(SWEEP, RUNS, [row | papers, row | {"arm": "other"}])
    assert note == (
        "Other figures, means over seeds. net_1: train error 0.31% (the paper's 0.14%), train loss 0.00821 "
        "(the paper's 0.0025)."
    )


def test_runs_that_do_not_score_the_test_images_say_so():
    runs = [run(unscored("a", 0, 0.5))]
    notes = "\n".join([arm_caption(TUNING, runs, ""), *arm_notes(TUNING, runs)])
    assert (
        "The test images are not scored" in notes
        and "; the test images are not scored." in notes
        and "360" not in notes
        and "Student's t" not in notes
    )


def test_runs_that_all_diverged_do_not_hide_whether_the_test_images_are_scored():
    diverged = [run(result("a", 0, None))]
    assert scores_test(SWEEP, diverged) and not scores_test(TUNING, diverged)
    assert scores_test(SWEEP, [*diverged, run(result("a", 1, 0.5))])


def test_older_tuning_runs_that_scored_the_test_images_are_shown_so():
    older, newer = run(result("a", 0, 0.5)), run(unscored("a", 1, 0.5))
    assert scores_test(TUNING, [older, run(result("a", 2, None))])
    assert not scores_test(TUNING, [older, newer])


def test_hardware_libraries_and_every_revision_are_named():
    other = RUNS[1] | {"provenance": PROVENANCE | {"revision": "4567def-dirty", "devices": 4}}
    last = arm_notes(SWEEP, [RUNS[0], other])[-1]
    assert "1 x cpu on a machine, 2 cores and 4 x cpu on a machine, 2 cores" in last
    assert "jax 1.1, flax 2.2, optax 3.3" in last and "revision 0123abc and 4567def-dirty." in last
    assert last == paper_notes(SWEEP, [RUNS[0], other], [])[-1]


def test_a_lost_provenance_is_said_to_be_unknown():
    last = arm_notes(SWEEP, [RUNS[0] | {"provenance": UNKNOWN}])[-1]
    assert last == "Ran on unknown x unknown on unknown; Python unknown; revision unknown."
