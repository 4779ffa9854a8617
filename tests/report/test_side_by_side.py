"""Several sweeps side by side: test errors and planned contrasts on each dataset."""

import json

from lenet_jax.report import captions, side_by_side
from lenet_jax.report.columns import lay_out, planned_side_by_side_columns, side_by_side_columns
from lenet_jax.report.scores import read_scores
from tests.helpers import folders
from tests.helpers.commands import PROJECT

CORE, CORE_USPS, MNIST, USPS = (
    PROJECT / "results" / name for name in ("finding/core_mnist", "finding/core_usps", "mnist", "usps")
)
MARGINS = json.loads((PROJECT / "configs" / "finding" / "margins.json").read_text(encoding="utf-8"))


def test_each_arm_has_a_row_and_each_dataset_a_column():
    sweeps = [read_scores(MNIST), read_scores(USPS)]
    rows = side_by_side.csv_rows(sweeps)
    assert len(rows) == len({(row["dataset"], row["arm"]) for row in rows}) == 22
    shown, _ = lay_out(side_by_side.page_rows(rows), side_by_side_columns(["mnist", "usps"]))
    assert len(shown) == 11
    first = shown[0]
    assert first["arm"] == "local, shared (LeNet-5)" and first["parameters"] == "61,706"
    for dataset, words in (("mnist", "MNIST"), ("usps", "USPS")):
        [row] = [row for row in rows if row["dataset"] == dataset and row["arm"] == "local_shared"]
        assert first[f"{words}, error (%)"].startswith(f"{100 - 100 * row['test_accuracy_mean']:.2f} (")
    assert captions.side_by_side_caption(sweeps) == (
        "Mean test error in percent on all 10,000 test images of MNIST and all 2,007 test images of USPS, "
        "with its 95% interval (5 runs per arm; Student's t over seeds, which does not cover "
        "test-set sampling). Arms share seeds and images, so differences between them are known more "
        "precisely than their intervals suggest."
    )
    mixed = captions.side_by_side_caption([read_scores(CORE), read_scores(USPS)])
    assert "test images of MNIST (20 runs per arm; with crossed random effects of seeds and test" in mixed
    assert "test images of USPS (5 runs per arm; Student's t over seeds" in mixed
    permuted = read_scores(PROJECT / "results" / "finding" / "permuted")
    assert captions.side_by_side_caption([read_scores(CORE), permuted]).startswith(
        "Mean test error in percent on all 10,000 test images of MNIST (in some arms, pixels permuted in "
        "the same way in all images), with its 95% interval (10 or 20 runs per arm; with crossed"
    )


def test_what_differs_between_datasets_stands_once_for_each_and_lacking_arms_have_none():
    of_mnist = {"arm": "mlp_best", "words": "MLP 2000", "parameters": 1_590_010, "macs": 1_588_000}
    of_usps = {"arm": "mlp_best", "words": "MLP 300", "parameters": 238_510, "macs": 238_200}
    accuracy = {"test_accuracy_mean": 0.98, "test_accuracy_ci_low": 0.97, "test_accuracy_ci_high": 0.99}
    rows = [
        {"dataset": "mnist", **of_mnist, **accuracy},
        {"dataset": "usps", **of_usps, **accuracy},
        {"dataset": "usps", **of_usps, **accuracy, "arm": "mlp_300"},
    ]
    shown, _ = lay_out(side_by_side.page_rows(rows), side_by_side_columns(["mnist", "usps"]))
    assert shown[0]["arm"] == "MLP 2000 / MLP 300"
    assert shown[0]["parameters"] == "1,590,010 / 238,510"
    assert shown[1]["MNIST, error (%)"] == "-"
    assert shown[1]["USPS, error (%)"] == "2.00 (1.00 to 3.00)"


def test_planned_contrasts_have_a_column_for_each_dataset():
    sweeps = [read_scores(CORE), read_scores(CORE_USPS)]
    rows = side_by_side.planned_rows(sweeps)
    shown, _ = lay_out(rows, planned_side_by_side_columns(["mnist", "usps", "fashion_mnist"]))
    for folder, words in ((CORE, "MNIST"), (CORE_USPS, "USPS")):
        recorded = folders.rows(folder / "planned.csv")
        assert len(shown) == len(recorded) == 8
        for row, its_record in zip(shown, recorded, strict=True):
            assert row[words].startswith(f"{float(its_record['fewer_errors_per_hundred_mean']):.2f} (")
            assert row[words].endswith(f", {its_record['verdict']}")
    assert {tuple(row) for row in shown} == {("contrast", "MNIST", "USPS")}  # the third has no runs
    assert "convolution against MLP 2000 / MLP 1000-300" in {row["contrast"] for row in shown}
    caption = captions.planned_side_by_side_caption(sweeps, rows)
    assert f"({MARGINS['mnist']:g} on MNIST, {MARGINS['usps']:g} on USPS)" in caption
    assert f"interval, {captions.CROSSED}, not adjusted" in caption and "Unfinished" not in caption


def test_the_caption_of_planned_contrasts_says_what_there_is():
    core, usps = read_scores(CORE), read_scores(CORE_USPS)
    usps = usps._replace(scores=usps.scores._replace(wrong=None))
    rows = [
        {"contrast": "a against b", "datasets": {
            "mnist": {"margin": 0.0, "seeds": 2, "verdict": "above 0"},
            "usps": {"margin": 0.0, "seeds": 2, "verdict": "untested"},
        }},
    ]  # fmt: skip
    caption = captions.planned_side_by_side_caption([core, usps], rows)
    assert f"{captions.CROSSED} on MNIST and Student's t over seeds on USPS, not adjusted" in caption
    assert "margin" not in caption and caption.endswith(captions.UNDECIDED["untested"])
    for row in rows[0]["datasets"].values():
        row["seeds"] = 1
    assert "interval" not in captions.planned_side_by_side_caption([core, usps], rows)


def test_the_caption_of_errors_with_one_run_per_arm_has_no_interval():
    core = read_scores(CORE)
    assert "with its 95% interval (20 runs per arm; " in captions.side_by_side_caption([core])
    alone = core._replace(runs=[run for run in core.runs if run["result"]["seed"] == 1000])
    assert captions.side_by_side_caption([alone]) == (
        "Test error in percent on all 10,000 test images of MNIST (1 run per arm)."
    )


def test_an_arm_that_a_later_sweep_trains_differently_has_a_row_of_its_own():
    core, plain = read_scores(CORE), read_scores(MNIST)
    rows = side_by_side.csv_rows([core, plain])
    assert [(row["words"], row["runs"]) for row in rows if row["arm"] == "local_shared"] == [
        ("local, shared, average pooling (LeNet-5)", 20), ("local, shared (LeNet-5), mnist", 5),
    ]  # fmt: skip
    assert [row["runs"] for row in rows if row["arm"] == "mlp_300"] == [5]
    assert len(side_by_side.page_rows(rows)) == len(rows)
    same = side_by_side.csv_rows([core, core._replace(directory=core.directory.with_name("copy"))])
    assert len(same) == 14  # the first counts
