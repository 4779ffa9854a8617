"""What the pages say in words follows from the records and the code: fix the sentence if its test fails."""

import itertools
import json
import math
import re

import numpy as np
import pytest

from configs.finding import choices
from configs.finding.tuned import chosen as chosen_in_finding
from configs.history import tuned
from configs.history.common import DISTORTED_NETWORKS
from configs.history.families import ERAS
from experiments import paste
from experiments.scorecard import ENTRIES
from lenet_jax.analysis.crossed import holm, weighted_sum
from lenet_jax.analysis.effects import RATIO, SAVED, effect_rows
from lenet_jax.analysis.stats import Interval, mean_interval
from lenet_jax.analysis.summaries import accuracies_of, contrast_rows, interval_of
from lenet_jax.config.fields import default_config
from lenet_jax.config.resolve import resolve
from lenet_jax.data import own_checks
from lenet_jax.data.datasets import dataset_info
from lenet_jax.models.wiring import reach, slide
from lenet_jax.report import figures, scorecard
from lenet_jax.report.decomposition import find_panels
from lenet_jax.report.excerpts import contrast_p_values, read_excerpts
from lenet_jax.report.scores import read_scores
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.tuning import fields_at_edge, select_candidates, tied_candidates
from tests.helpers import folders

RESULTS = paste.ROOT / "results"


def page(name):
    """A page of docs/ as one line, with pasted numbers and without what marks them."""
    text = (paste.ROOT / "docs" / name).read_text(encoding="utf-8")
    return " ".join(re.sub("<!-- .+? -->", "", text).split())


def test_what_many_layers_are_worth():
    """Of docs/idea.md, the sentences under "Many layers"."""
    tables = [folders.rows(RESULTS / "sizes" / dataset / "table.csv") for dataset in ("mnist", "mnist_5k")]
    of_datasets = [{row["arm"]: row for row in rows} for rows in tables]

    def differences(*arms):
        """Of each dataset: -1 if accuracy is below LeNet-5's, 0 if the interval includes 0, 1 if above."""
        ends = [f"difference_to_convolution_ci_{end}" for end in ("low", "high")]
        intervals = [[tuple(float(rows[arm][end]) for end in ends) for arm in arms] for rows in of_datasets]
        return [[-1 if high < 0 else int(low > 0) for low, high in its] for its in intervals]

    text = page("idea.md")
    assert "Two stages make fewer errors than one or none (MLP 120-84)" in text
    third = "on the small part, the 95% interval of the difference includes 0; on MNIST there are"
    assert f"A third saves nothing that is resolved: {third} slightly more errors" in text
    assert "with an interval whose lower end is just above 0" in text
    assert differences("stages_0", "stages_1", "stages_3") == [[-1, -1, -1], [-1, -1, 0]]
    assert "For their number, no difference is resolved, not even without any" in text
    assert differences("hidden_0", "hidden_1", "hidden_3") == [[0, 0, 0], [0, 0, 0]]
    without, lenet5 = (int(of_datasets[0][arm]["parameters"]) for arm in ("hidden_0", "lenet5"))
    assert "when LeNet-5 has a tenth of its parameters" in text and 9 < lenet5 / without < 11
    assert "One map in stage 1 and three in stage 3 make more errors than LeNet-5's 6 and 16" in text
    assert "with 3 and 8, no difference is resolved" in text
    assert differences("maps_1_3", "maps_3_8") == [[-1, 0], [-1, 0]]
    assert (
        "With more maps than LeNet-5's, no saving is resolved on MNIST, and they cost errors on the small"
        in text
    )
    assert differences("maps_12_32", "maps_24_64") == [[0, 0], [-1, -1]]
    assert "Kernels** of 1x1 see no neighbours and make the most errors of all" in text
    for rows in of_datasets:
        assert min(rows, key=lambda arm: float(rows[arm]["test_accuracy_mean"])) == "kernel_1"
    assert (
        "Those of 3x3 and 7x7 make slightly more errors than 5x5 on average, on both; this is resolved on"
        in text
    )
    for rows in of_datasets:
        accuracy = {arm: float(row["test_accuracy_mean"]) for arm, row in rows.items()}
        assert max(accuracy["kernel_3"], accuracy["kernel_7"]) < accuracy["lenet5"]
    assert differences("kernel_3", "kernel_7") == [[0, 0], [-1, -1]]


def rows_of(sweep, table):
    """The rows of a history sweep's CSV file by their arms."""
    return {row["arm"]: row for row in folders.rows(RESULTS / "history" / sweep / f"{table}.csv")}


def contrasts_of(directory):
    """The rows of a sweep's contrasts by their names."""
    header, runs = read_sweep(directory)
    return {row["contrast"]: row for row in contrast_rows([run["result"] for run in runs], header["arms"])}


def verdict_of(sweep, arm, reported="", reading=""):
    """The scorecard's verdict on an arm.

    Args:
      reported: the arm with the paper's error, if it is another one.
      reading: of our error; that which the arm compares, if there is none.
    """
    papers = paste.excerpts_of(sweep).papers
    paper = figures.percent_of(papers[reported or arm], "paper_error")
    return scorecard.verdict(paper, figures.percent_of(papers[arm], reading or papers[arm]["compared"]))


def verdicts_of(sweep):
    """Verdict -> the arms that have it, of those with a paper's error."""
    arms = [arm for arm, row in paste.excerpts_of(sweep).papers.items() if row["paper_errors"] is not None]
    verdicts = {arm: verdict_of(sweep, arm) for arm in arms}
    return {verdict: {arm for arm in arms if verdicts[arm] == verdict} for verdict in verdicts.values()}


def test_what_the_history_page_says_of_the_scorecard_holds():
    rows = scorecard.score_rows(ENTRIES, paste.excerpts_of)
    assert len(rows) == 20 and [row["year"] for row in rows].count(1998) == 13
    verdicts: dict[str, set] = {"within": set(), "better": set(), "worse": set()}
    for entry, row in zip(ENTRIES, rows, strict=True):
        verdicts[row["verdict"]].add(entry.arm)
    convolutional = {"zipcode_lm", "lenet5", "lenet5_dist", "lenet1", "lenet4_nearest"}
    assert verdicts["within"] == convolutional | {"control_lm"} | {f"net{i}_positions" for i in (1, 2, 3)}
    assert verdicts["better"] == {entry.arm for entry in ENTRIES if entry.arm.startswith("mlp")}
    assert verdicts["worse"] == {"linear", "net4_positions", "net5_positions"}
    for row in rows:
        if row["year"] == 1998:  # its figure 9 gives an uncertainty of about 0.1
            error = row["paper_error_percent"]
            ours = Interval(*(row[f"error_percent{end}"] for end in ("", "_ci_low", "_ci_high")))
            assert row["verdict"] == scorecard.verdict(Interval(error, error - 0.1, error + 0.1), ours)
    assert verdict_of("figure9", "mlp_300_fan_in", "mlp_300") == "within"
    figure_9 = rows_of("figure9", "papers")
    assert [arm for arm in figure_9 if arm.startswith("mlp") and "fan_in" in arm] == ["mlp_300_fan_in"]


def test_what_the_history_page_says_of_the_papers_counts_holds():
    """Which counts of errors are the papers', and how close the others come to the papers' percentages."""
    counted, exact, rounded, approximate = set(), set(), set(), set()
    for entry in ENTRIES:
        header, _ = read_sweep(RESULTS / "history" / entry.sweep)
        [paper] = [arm["paper"] for arm in header["arms"] if arm["name"] == entry.arm]
        percent, images = paper["error_percent"], paper["images"]
        fitting = [count for count in range(images) if round(100 * count / images, 1) == percent]
        if paper["errors"] is not None:
            counted.add(entry.arm)
        elif (percent * images / 100) == pytest.approx(round(percent * images / 100)):
            exact.add(entry.arm)
        elif fitting:
            rounded.add(entry.arm)
            assert fitting == [162, 163]
        else:
            approximate.add(entry.arm)
    assert counted == {"zipcode_lm", "lenet5_dist"} and rounded == {"control_lm"}
    assert approximate == {f"net{i}_positions" for i in (2, 3, 4, 5)}
    assert exact == {entry.arm for entry in ENTRIES} - counted - rounded - approximate


def test_what_the_history_page_says_of_net_1_to_net_5_holds():
    """Of docs/history/nets.md, the sentences between the tables; fix them if this fails."""
    papers, contrasts = rows_of("nets_1989", "papers"), rows_of("nets_1989", "contrasts")
    ours = [float(papers[f"net{i}_positions"]["test_selected_error_percent"]) for i in range(1, 6)]
    reports = [float(papers[f"net{i}"]["paper_error_percent"]) for i in range(1, 6)]
    assert ours == sorted(ours, reverse=True)
    assert {i: verdict_of("nets_1989", f"net{i}_positions") for i in range(1, 6)} == {
        1: "within", 2: "within", 3: "within", 4: "worse", 5: "worse"
    }  # fmt: skip
    steps = [before - after for before, after in itertools.pairwise(reports)]
    assert min(steps) == steps[1] and 2 < steps[1] / 100 * int(papers["net3"]["paper_images"]) < 3
    assert any(float(papers[f"net{i}_positions"]["last_train_error_percent"]) > 0 for i in range(1, 6))

    def clear(place):
        """The nets that are better than the one before in all readings, and in any."""
        lows = {
            i: [
                float(contrasts[f"net{i}{place}"][f"{reading}difference_ci_low"])
                for reading in ("", "test_selected_", "last_")
            ]
            for i in range(2, 6)
        }
        return (
            [i for i, its in lows.items() if min(its) > 0],
            [i for i, its in lows.items() if max(its) > 0],
        )

    assert clear("_positions") == ([2, 4, 5], [2, 4, 5])
    assert clear("")[0] == [5] and clear("_moved")[0] == [2, 5]


def test_what_the_page_of_net_1_to_net_5_says_of_another_rate_holds():
    text = page("history/nets.md")
    assert "at 0.001, Net-1 is less far behind, and Net-3 makes more errors than Net-2 at the epochs" in text
    slower, ours = (contrasts_of(RESULTS / "history" / sweep) for sweep in ("alternatives_nets", "nets_1989"))
    steps = [
        [
            interval_of(rows[f"net{i}_positions{suffix} against net{i - 1}_positions{suffix}"], "difference")
            for i in range(2, 6)
        ]
        for rows, suffix in ((slower, "_slower"), (ours, ""))
    ]
    assert steps[0][0].high < steps[1][0].low and steps[0][1].high < 0
    of_net3 = slower["net3_positions_slower against net2_positions_slower"]
    assert interval_of(of_net3, "test_selected_difference").high < 0
    assert not interval_of(of_net3, "last_difference").excludes_zero()
    assert min(steps[0][2].low, steps[0][3].low) > 0
    assert "0.001, which ties with 0.002 on validation images" in text
    header, runs = read_sweep(RESULTS / "history" / "alternatives_nets")
    assert {arm["overrides"]["train.learning_rate"] for arm in header["arms"]} == {0.001}
    _, runs = read_sweep(RESULTS / "history" / "choices_nets")
    by_rate = {rate: {} for rate in (0.001, 0.002)}
    for run in runs:
        rate = run["config"]["train.learning_rate"]
        if "positions" in run["arm"] and rate in by_rate:
            by_rate[rate].setdefault(run["result"]["seed"], []).append(run["result"]["val_accuracy"])
    differences = [np.mean(by_rate[0.002][seed]) - np.mean(by_rate[0.001][seed]) for seed in by_rate[0.001]]
    assert len(differences) == 5 and not mean_interval(differences, (-1.0, 1.0)).excludes_zero()


def test_what_the_page_of_lenet_5_says_of_the_sizes_of_steps_holds():
    rows = rows_of("alternatives_rates", "papers")
    text = page("history/lenet5.md")
    assert "changes none of these numbers" in text and "no reading here has both" in text
    names = ("rate_smallest", "rate_median", "rate_largest")
    rates = {arm: [f"{float(row[name]):.3g}" for name in names] for arm, row in rows.items()}
    assert len(rates) == 8
    for arm in rates:
        assert rates[arm] == rates[arm.replace("_weight", "_connections")]
    assert not [its for its in rates.values() if its[0] == "7e-05" or its[2] == "0.016"]
    assert {its[1] for arm, its in rates.items() if arm.startswith("fan_in")} == {"0.025"}
    assert "at least half of the weights have nearly this rate" in text
    _, runs = read_sweep(RESULTS / "history" / "alternatives_rates")
    assert {run["config"]["train.damping"] for run in runs} == {0.02}
    later = float(rows_of("figure9", "papers")["lenet5_damping_root"]["error_percent"])
    assert "training goes well at first" in text
    assert float(rows["root_fan_in_sum_connections"]["error_percent"]) < later / 2


def test_what_the_history_page_says_of_the_zip_code_net_holds():
    papers = rows_of("zipcode", "papers")
    assert verdicts_of("zipcode") == {"within": {"zipcode_lm", "zipcode_sgd", "control_lm", "control_sgd"}}
    for arm, loss in itertools.product(("zipcode_lm", "zipcode_sgd"), ("test_loss", "train_loss")):
        assert float(papers[arm][loss]) > 2 * float(papers[arm][f"paper_{loss}"])
    gains = [arm for arm, row in steps_of("zipcode_later").items() if float(row["difference_ci_low"]) > 0]
    assert gains == ["decay", "shifted", "relu", "dropout"]
    later = {arm: float(row["error_percent"]) for arm, row in rows_of("zipcode_later", "papers").items()}
    assert later["dropout"] / later["original"] < 3 / 5
    assert later["dropout"] / later["original"] == pytest.approx(0.57, abs=0.03)


# History sweep -> its contrasts that are significant after Holm's correction for all of its contrasts.
SIGNIFICANT = {
    "zipcode": {"local, shared kernels against full, Newton", "local, shared kernels against full, SGD"},
    "zipcode_later": {
        "images shifted by up to a pixel",
        "ReLU",
        "a quarter of H3's inputs dropped",
        "all steps together",
    },
    "nets_1989": {
        "net5 against net4",
        "net2_positions against net1_positions",
        "net4_positions against net3_positions",
        "net5_positions against net4_positions",
        "net2_moved against net1_moved",
        "net5_moved against net4_moved",
    },
    "figure9": {
        "LeNet-5 against 28x28-300-100-10",
        "LeNet-5, the paper's damping of 0.02",
        "LeNet-5, the paper's damping of 0.02 and weights within 2.4 / sqrt(F)",
        "28x28-300-10, weights within 2.4 / F, not 2.4 / sqrt(F)",
        "linear classifier, its ten sums passed through f",
    },
    "figure9_today": {
        *(f"distorted images, {name}" for name in DISTORTED_NETWORKS),
        "LeNet-5, distorted images, half as far",
    },
    "lenet5_later": set(),
    "alternatives_nets": {
        f"net{i}_positions_slower against net{i - 1}_positions_slower" for i in range(2, 6)
    },
    "alternatives_loss": {
        "local, shared kernels against full",
        "local, shared kernels against full, rate and damping chosen together",
    },
}


@pytest.mark.parametrize("sweep", SIGNIFICANT)
def test_what_the_history_page_says_is_resolved_is_significant(sweep):
    """The sentences next to the contrasts, which are in bold if resolved; fix them if this fails."""
    assert paste.excerpts_of(sweep).resolved == SIGNIFICANT[sweep]


# The same of those whose interval excludes 0 although they are not significant.
BEFORE_HOLM = {
    "zipcode": {"weights within 2.4 / sqrt(F), not 2.4 / F", "targets at the sigmoid's limits, not -1 and 1"},
    "zipcode_later": {"learning rate falling to 0"},
    "nets_1989": set(),
    "figure9": {
        "LeNet-5 against LeNet-1",
        *(f"distorted images, {name}" for name in ("lenet5", "mlp_1000", "mlp_500_150")),
    },
    "figure9_today": set(),
    "lenet5_later": {"max pooling", "tanh"},
    "alternatives_nets": set(),
    "alternatives_loss": {"half the sum, not the mean"},
}


@pytest.mark.parametrize("sweep", BEFORE_HOLM)
def test_what_the_history_page_says_of_intervals_before_the_correction_holds(sweep):
    excerpts = paste.excerpts_of(sweep)
    clear = {
        row["contrast"]
        for row in excerpts.contrasts.values()
        if interval_of(row, "difference").excludes_zero()
    }
    assert clear - excerpts.resolved == BEFORE_HOLM[sweep]
    assert excerpts.resolved <= clear


def steps_of(sweep):
    """The contrasts of a ladder's steps by their arms, without that of its ends."""
    contrasts = contrasts_of(RESULTS / "history" / sweep)
    return {row["arm"]: row for name, row in contrasts.items() if name != "all steps together"}


def test_what_the_history_page_says_of_figure_9_holds():
    mlps = {
        f"mlp_{sizes}{images}" for sizes in ("300", "1000", "300_100", "500_150") for images in ("", "_dist")
    }
    plain = {"lenet5", "lenet1", "lenet4_nearest"}
    assert verdicts_of("figure9") == {"better": mlps, "worse": {"linear"}, "within": plain | {"lenet5_dist"}}
    assert verdicts_of("figure9_today") == {"better": mlps | {"linear", "lenet5_dist"}, "within": plain}
    assert verdict_of("figure9", "mlp_300_fan_in", "mlp_300") == "within"
    assert verdict_of("figure9", "linear_activated", "linear") == "within"
    assert verdict_of("figure9", "lenet5_damping", "lenet5") == "worse"
    assert verdict_of("figure9", "lenet5_damping_root", "lenet5") == "worse"
    errors = {arm: float(row["error_percent"]) for arm, row in rows_of("figure9", "papers").items()}
    assert errors["lenet5_damping"] > 85  # of ten classes, chance
    assert json.loads(tuned.TUNED.read_text(encoding="utf-8"))["lenet5"]["candidate"] == "1-j10"
    for sweep in ("figure9", "figure9_today"):
        contrasts = rows_of(sweep, "contrasts")
        distorted = [row for arm, row in contrasts.items() if arm.endswith("_dist")]
        assert len(distorted) == 5 and all(float(row["difference_mean"]) > 0 for row in distorted)


def test_what_the_page_of_the_zip_code_net_says_of_the_loss_holds():
    text = page("history/zipcode.md")
    assert "both of its training figures nearly come out here" in text
    rows = rows_of("alternatives_loss", "papers")
    half = {name: float(value) for name, value in rows["zipcode_half_sum_untuned"].items() if name in (
        "train_error_percent", "paper_train_error_percent", "train_loss", "paper_train_loss")}  # fmt: skip
    assert half["train_error_percent"] == pytest.approx(half["paper_train_error_percent"], abs=0.03)
    assert half["train_loss"] / 2 == pytest.approx(half["paper_train_loss"], rel=0.05)
    assert "Both test figures are then further from the paper's than with the mean" in text
    for figure, scale in (("error_percent", 1), ("test_loss", 0.5)):
        paper = float(rows["zipcode_lm"][f"paper_{figure}"])
        ours = [scale * float(rows[arm][figure]) for arm in ("zipcode_half_sum_untuned", "zipcode_lm")]
        assert abs(ours[0] - paper) > abs(ours[1] - paper)
    of_loss = contrasts_of(RESULTS / "history" / "alternatives_loss")
    assert of_loss["half the sum, not the mean"]["difference_ci_high"] < 0
    _, header, _, scores = read_scores(RESULTS / "history" / "alternatives_loss")
    p_values = contrast_p_values(scores.results, header["arms"], scores.wrong)
    assert len(p_values) == 6 and "p = 0.013, and 0.052 after the correction for the six comparisons" in text
    assert f"{p_values['half the sum, not the mean']:.3f}" == "0.013"
    assert f"{holm(p_values)['half the sum, not the mean']:.3f}" == "0.052"
    repeating = (
        "rate and damping chosen together",
        "output biases start at -1, rate and damping chosen together",
    )
    other = {name: p for name, p in p_values.items() if name not in repeating}
    assert f"{holm(other)['half the sum, not the mean']:.3f}" == "0.026" and len(other) == 4
    assert "two of which repeat the runs of others; after that for the other four, 0.026" in text
    choices = json.loads(tuned.TUNED.read_text(encoding="utf-8"))
    assert choices["zipcode_damping"]["overrides"] == {"train.damping": 0.02, "train.learning_rate": 0.0005}
    assert of_loss["rate and damping chosen together"]["difference_mean"] == 0  # the same runs
    assert (
        "0.0005 and 0.02, the rate chosen among others at this damping | both chosen together: the same"
        in text
    )
    assert "of 0.02 is the mean with 0.004, which ties with our choice on validation images" in text
    _, runs = read_sweep(RESULTS / "history" / "choices_damping")
    results = [run["result"] for run in runs]
    families = ERAS["damping"]
    tied = tied_candidates(families, select_candidates(families, results), results)
    assert "0.004-0.0005" in tied["zipcode_damping"]
    assert "the control has a large damping" in text
    control = choices["control_damping"]["overrides"]
    rate = control["train.learning_rate"] / control["train.damping"]  # of plain SGD, for no curvature
    median = float(rows["control_damping"]["rate_median"])
    assert control["train.damping"] == 0.5 and median == pytest.approx(rate, rel=0.05)


def test_what_the_page_of_choices_says_of_repeated_candidates_holds():
    def scores(sweep):
        _, runs = read_sweep(RESULTS / "history" / sweep)
        return {repr(sorted(run["config"].items())): run for run in runs}

    first, second = scores("choices_1989"), scores("choices_damping")
    both = first.keys() & second.keys()
    assert len({first[run]["arm"] for run in both}) == 11
    differing = {
        first[run]["arm"]
        for run in both
        if first[run]["result"]["val_accuracy"] != second[run]["result"]["val_accuracy"]
    }
    assert differing == {"zipcode_lm-0.002", "zipcode_lm-0.005"}
    assert "the zip code net with rates of 0.002 and 0.005, have different errors" in page(
        "history/choices.md"
    )


def test_what_the_page_of_lenet_5_says_of_its_choices_holds():
    """Of docs/history/lenet5.md, which values of the damping and of j were tried."""
    _, runs = read_sweep(RESULTS / "history" / "choices_1998")
    tried = {run["arm"].removeprefix("lenet5-") for run in runs if run["arm"].startswith("lenet5-")}
    dampings, js = (set(values) for values in zip(*(name.split("-") for name in tried), strict=True))
    assert len(dampings) == 4 and js == {"j1", "j10"}
    text = page("history/lenet5.md")
    assert "1, chosen among four values on validation images" in text
    assert "10, chosen between 1 and 10 on validation images" in text


def test_the_history_pages_count_contrasts_as_recorded():
    counts = {
        sweep: len(contrasts_of(RESULTS / "history" / sweep))
        for sweep in ("zipcode_later", "lenet5_later", "figure9")
    }
    assert counts == {"zipcode_later": 9, "lenet5_later": 10, "figure9": 14}
    assert "correction for nine comparisons" in page("history/today.md")
    assert "none of the ten comparisons" in page("history/today.md")
    assert "three seeds and fourteen comparisons" in page("history/figure9.md")
    for sweep in ("figure9", "lenet5_later"):  # "three seeds"
        assert {row["pairs"] for row in contrasts_of(RESULTS / "history" / sweep).values()} == {3}


def test_what_the_history_page_says_of_the_steps_from_1998_to_today_holds():
    steps = steps_of("lenet5_later")
    assert [arm for arm, row in steps.items() if float(row["difference_ci_low"]) > 0] == ["max"]
    assert [arm for arm, row in steps.items() if float(row["difference_ci_high"]) < 0] == ["tanh"]
    ends = contrasts_of(RESULTS / "history" / "lenet5_later")["all steps together"]
    assert float(ends["difference_ci_low"]) < 0 < float(ends["difference_ci_high"])
    width = {
        arm: float(row["error_percent_ci_high"]) - float(row["error_percent_ci_low"])
        for arm, row in rows_of("lenet5_later", "papers").items()
    }
    assert all(width["relu"] > 3 * its for arm, its in width.items() if arm != "relu")


def test_what_the_idea_page_says_of_one_rate_for_all_networks_holds():
    assert "On average, both constraints save errors either way; whether their shares change" in page(
        "idea.md"
    )
    for sweep in ("mnist", "usps", "finding/core_mnist", "finding/core_usps"):
        panel = find_panels([read_scores(RESULTS / sweep)])[0]
        assert panel.group in ("", "average pooling")
        assert min(panel.effects[name][f"{SAVED}_mean"] for name in ("connectivity", "sharing")) > 0


@pytest.mark.parametrize("sweep", ["mnist", "usps"])
def test_what_the_idea_page_says_of_the_ablations_holds(sweep):
    """Of docs/idea.md, the paragraph about configs/ablation.py in "What was found"."""
    header, _ = read_sweep(RESULTS / sweep)
    assert header["config"]["train.learning_rate"] == 0.1 and len(header["arms"]) == 11
    rows = contrasts_of(RESULTS / sweep)
    assert {row["pairs"] for row in rows.values()} == {5}
    includes_0 = {
        name for name, row in rows.items() if row["difference_ci_low"] <= 0 <= row["difference_ci_high"]
    }
    assert includes_0 == {"sparse random against full, shared"} | (
        {"sparse local against full, unshared"} if sweep == "usps" else set()
    )
    [panel] = find_panels([read_scores(RESULTS / sweep)])
    effects = {name: interval_of(row, SAVED) for name, row in panel.effects.items()}
    assert not effects["interaction"].excludes_zero()
    assert min(effects[name].low for name in ("connectivity", "sharing")) > 0


def test_what_the_findings_page_says_of_single_stages_holds():
    _, header, _, scores = read_scores(RESULTS / "finding" / "stages")
    contrasts = contrast_rows(scores.results, header["arms"], scores.wrong)
    rows = {row["contrast"]: row for row in contrasts}
    text = page("findings.md")
    constraints = ("connectivity", "sharing", "both")
    assert (
        "In stage 1, removing connectivity costs errors, removing sharing costs errors, and removing both"
        in text
    )
    first = [rows[f"without_{name}_1 against local_shared"] for name in constraints]
    assert all(interval_of(row, "difference").high < 0 for row in first)
    assert all(row["difference_ci_low"] > first[2]["difference_ci_high"] for row in first[:2])
    assert "In stage 3 alone, none of the three makes a difference that is resolved" in text
    assert "intervals of differences to the convolution lie within 0.2 errors per hundred of 0" in text
    for name in constraints:
        third = interval_of(rows[f"without_{name}_3 against local_shared"], "difference")
        assert -0.002 < third.low < 0 < third.high < 0.002
    assert "removing it in stage 3 as well makes no difference that is resolved either" in text
    for name, corner in (("connectivity", "full_shared"), ("sharing", "local_unshared")):
        more = interval_of(rows[f"{corner} against without_{name}_1"], "difference")
        assert not more.excludes_zero()
    assert "But without both in stage 1, removing both in stage 3 as well costs" in text
    assert interval_of(rows["full_unshared against without_both_1"], "difference").high < 0


MNIST_PLANNED = {
    "connectivity, average pooling": "above 0",
    "sharing, average pooling": "above 0",
    "connectivity, no pooling": "above 0",
    "sharing, no pooling": "above 0",
    "local against random, no pooling": "above 0",
    "random against full, no pooling": "below 0",
    "convolution against mlp_best": "above 0",
    "interaction, average pooling": "below 0",
}
FASHION_PLANNED = MNIST_PLANNED | {"interaction, average pooling": "above 0"}
USPS_PLANNED = {
    "connectivity, average pooling": "inconclusive",
    "sharing, average pooling": "above 0",
    "connectivity, no pooling": "equivalent",
    "sharing, no pooling": "inconclusive",
    "local against random, no pooling": "above 0",
    "random against full, no pooling": "equivalent",
    "convolution against mlp_best": "equivalent",
    "interaction, average pooling": "inconclusive",
}


@pytest.mark.parametrize(
    ("sweep", "said"),
    [("core_mnist", MNIST_PLANNED), ("core_fashion_mnist", FASHION_PLANNED), ("core_usps", USPS_PLANNED)],
)
def test_what_the_idea_page_says_of_planned_contrasts_holds(sweep, said):
    """Of docs/idea.md, the verdicts in "What was found"."""
    rows = {row["contrast"]: row for row in folders.rows(RESULTS / "finding" / sweep / "planned.csv")}
    assert {name: row["verdict"] for name, row in rows.items()} == said
    low = {name: float(row["fewer_errors_per_hundred_ci_low"]) for name, row in rows.items()}
    if sweep == "core_mnist":
        ratio = rows["interaction, average pooling"]
        assert float(ratio["error_ratio_ci_low"]) < 1 < float(ratio["error_ratio_ci_high"])
        assert "It planned eight comparisons on each dataset" in page("idea.md") and len(rows) == 8
    elif sweep == "core_usps":
        close = rows["connectivity, no pooling"]
        assert "its uncorrected interval reaches from just above 0 to beyond the margin" in page("idea.md")
        assert 0 < low["connectivity, no pooling"] < 0.01
        assert float(close["fewer_errors_per_hundred_ci_high"]) > float(close["margin"])
        # the two whose intervals exclude 0 only before the correction; the interaction's includes it
        inconclusive = [name for name, verdict in said.items() if verdict == "inconclusive"]
        assert [low[name] > 0 for name in inconclusive] == [True, True, False]


def test_what_the_idea_page_says_of_the_gap_holds():
    """Of docs/idea.md, the sentences about the larger part of the gap, pooling and the interaction."""
    rows = folders.rows(RESULTS / "finding" / "decomposition.csv")
    found = {(row["dataset"], row["group"], row["effect"]): row for row in rows}

    def of_mnist(group, effect, column="fewer_errors_per_hundred_mean"):
        return float(found["mnist", group, effect][column])

    assert of_mnist("average pooling", "sharing", "percent_of_gap_ci_low") > 50
    assert of_mnist("no pooling", "connectivity", "percent_of_gap_ci_low") > 50
    gaps = [float(found[dataset, group, "gap"]["fewer_errors_per_hundred_mean"])
            for dataset in ("mnist", "usps") for group in ("average pooling", "no pooling")]  # fmt: skip
    assert 1.5 < gaps[0] / gaps[1] < 2.5 and 1.5 < gaps[2] / gaps[3] < 2.5
    for group in ("average pooling", "no pooling"):
        low, high = (
            float(found["fashion_mnist", group, "sharing"][f"percent_of_gap_ci_{end}"])
            for end in ("low", "high")
        )
        assert low < 50 < high
    assert of_mnist("no pooling", "interaction") > 0 > of_mnist("average pooling", "interaction")
    planned = folders.rows(RESULTS / "finding" / "core_mnist" / "planned.csv")
    assert "interaction, no pooling" not in {row["contrast"] for row in planned}


def test_the_readme_counts_the_steps_that_are_not_resolved():
    rows = folders.rows(RESULTS / "finding" / "decomposition.csv")
    steps = [row for row in rows if row["effect"].startswith(("connectivity, ", "sharing, "))]
    saved = [[float(row[f"{SAVED}_{end}"]) for end in ("mean", "ci_low", "ci_high")] for row in steps]
    assert len(saved) == 24 and all(mean > 0 for mean, _, _ in saved)
    assert sum(low <= 0 <= high for _, low, high in saved) == 6
    readme = " ".join((paste.ROOT / "README.md").read_text(encoding="utf-8").split())
    assert "All 24 steps (two orders in six rows) lower the mean test error" in readme
    assert "six of their intervals include 0" in readme
    margins = json.loads((paste.ROOT / "configs" / "finding" / "margins.json").read_text(encoding="utf-8"))
    assert "equivalent within the planned margin, 0.5 errors per hundred" in readme and margins["usps"] == 0.5


def test_what_the_idea_page_says_of_one_rate_for_all_and_of_other_datasets_holds():
    """Of docs/idea.md, "What was found" and its ten questions, what is not in the planned contrasts."""
    [panel] = find_panels([read_scores(RESULTS / "mnist")])
    low, high = (panel.effects["sharing"][f"percent_of_gap_ci_{end}"] for end in ("low", "high"))
    assert low < 50 < high  # "neither is then clearly the larger part of the gap"
    for sweep in ("mnist", "usps"):  # "and with one rate for all"
        [panel] = find_panels([read_scores(RESULTS / sweep)])
        for effect in ("connectivity", "sharing"):
            assert interval_of(panel.effects[effect], SAVED).low > 0
    rows = folders.rows(RESULTS / "finding" / "decomposition.csv")
    gaps = {
        (row["dataset"], row["group"]): float(row[f"{SAVED}_mean"]) for row in rows if row["effect"] == "gap"
    }
    for dataset in ("mnist", "fashion_mnist", "usps"):  # "The gap is smaller on all three datasets"
        assert gaps[dataset, "no pooling"] < gaps[dataset, "average pooling"]
    changes = folders.rows(RESULTS / "finding" / "changes.csv")
    assert [row["before"] for row in changes] == ["average pooling"] * 3
    assert all(float(row["gap_ci_high"]) < 0 for row in changes)  # README: "The gap is smaller then"
    arms = {
        (row["dataset"], row["words"].partition(", average")[0]): [
            float(row[f"{SAVED}_ci_{end}"]) for end in ("low", "high")
        ]
        for row in folders.rows(RESULTS / "finding" / "changed_arms.csv")
    }
    for dataset in ("MNIST", "Fashion-MNIST"):  # README: "makes more errors without average pooling"
        assert arms[dataset, "local, shared"][1] < 0 < arms[dataset, "full, unshared"][0]
    text, margin = page("idea.md"), 0.5
    assert "about half of the gap with average pooling, and most of it without" in text
    assert 0.4 < margin / gaps["usps", "average pooling"] < 0.6 < margin / gaps["usps", "no pooling"] < 1
    settings = {
        sweep: read_sweep(RESULTS / sweep)[0]["config"] for sweep in ("mnist", "usps", "finding/core_usps")
    }
    assert "batches of 64 and five seeds, and on USPS a sixth of the epochs" in text
    assert settings["mnist"]["train.batch_size"] == settings["usps"]["train.batch_size"] == 64
    assert 6 * settings["usps"]["train.epochs"] == settings["finding/core_usps"]["train.epochs"]
    core = {
        name: read_excerpts(RESULTS / "finding" / f"core_{name}").contrasts
        for name in ("mnist", "fashion_mnist", "usps")
    }
    random_against_full = core["fashion_mnist"]["random_shared", "full_shared"]
    assert random_against_full["difference_ci_low"] > 0  # "random pixels make fewer errors than all pixels"
    to_mlp = {
        name: interval_of(rows["local_shared_none", "mlp_best"], "difference") for name, rows in core.items()
    }
    assert to_mlp["mnist"].low > 0  # "Without pooling ... it is ahead on MNIST"
    assert not to_mlp["fashion_mnist"].excludes_zero() and not to_mlp["usps"].excludes_zero()


def test_what_the_page_of_findings_says_of_shallow_networks_of_a_paper_holds():
    """Of docs/findings.md, the paragraph about Neyshabur 2020."""
    rows = [
        row for row in folders.rows(RESULTS / "finding" / "published.csv") if row["paper"] == "Neyshabur 2020"
    ]
    text = page("findings.md")
    findings = list(dict.fromkeys(row["finding"] for row in rows))
    verdicts = {
        dataset: [row["verdict"] for row in rows if row["dataset"] == dataset]
        for dataset in ("mnist", "fashion_mnist", "usps")
    }
    shared_first, full_to_local, larger = findings
    assert "In mean errors, our networks without pooling have the same order on all three datasets." in text
    assert all(float(row["fewer_errors_per_hundred_mean"]) > 0 for row in rows if row["finding"] != larger)
    assert (
        "both steps are resolved on MNIST, the step from full to local on Fashion-MNIST, and neither on USPS;"
        " which of the two is larger cannot be told on any of them"
    ) in text
    assert (
        "unshared" in shared_first and "beat full, unshared ones" in full_to_local and "larger step" in larger
    )
    yes, unknown = "agrees", "can't be told"
    assert verdicts == {
        "mnist": [yes, yes, unknown], "fashion_mnist": [unknown, yes, unknown], "usps": [unknown] * 3,
    }  # fmt: skip


def test_what_the_page_of_findings_says_of_max_pooling_and_edges_holds():
    """Of docs/findings.md, "Max pooling" and "What lies beyond an edge"."""
    _, header, _, scores = read_scores(RESULTS / "finding" / "pooling_usps")
    rows = effect_rows(scores.results, scores.corners, scores.wrong)
    saved = {row["effect"]: interval_of(row, SAVED) for row in rows}
    text = page("findings.md")
    assert "Here are the corners on USPS, with ten seeds" in text
    assert {row["group"] for row in rows} == {"max pooling"} and {row["seeds"] for row in rows} == {10}
    assert "local connectivity saves errors in both orders" in text
    assert saved["connectivity, unshared"].low > 0 and saved["connectivity, shared"].low > 0
    assert "in neither is a saving by sharing resolved" in text
    assert not saved["sharing, full"].excludes_zero() and not saved["sharing, local"].excludes_zero()
    [_, change, edge] = folders.rows(RESULTS / "finding" / "pooling" / "changes.csv")
    assert (change["networks"], change["before"]) == ("USPS, max pooling", "average pooling")
    assert (
        "Compared with average pooling, sharing saves less; for connectivity, no change is resolved" in text
    )
    assert float(change["sharing_ci_high"]) < 0
    assert float(change["connectivity_ci_low"]) < 0 < float(change["connectivity_ci_high"])
    gains = {
        row["words"].partition(", average")[0]: float(row["fewer_errors_per_hundred_mean"])
        for row in folders.rows(RESULTS / "finding" / "pooling" / "changed_arms.csv")
        if row["change"] == "max pooling"
    }
    assert "gain most from max pooling in mean errors, the image-sized kernel least" in text
    assert {*sorted(gains, key=gains.get)[2:]} == {"local, unshared", "full, unshared"}
    assert min(gains, key=gains.get) == "full, shared"
    fewer = {
        row["arm"]: interval_of(row, "difference")
        for row in contrast_rows(scores.results, header["arms"], scores.wrong)
    }
    assert fewer["full_shared_padded"].low > 0 and "the image-sized kernel makes" in text
    assert edge["networks"] == "USPS, average pooling, image-sized kernel padded"
    assert "what sharing saves, averaged over both orders, of which this corner is in one, changes by" in text
    assert "and what connectivity saves by as much the other way" in text
    assert float(edge["sharing_mean"]) == pytest.approx(-float(edge["connectivity_mean"]))
    padded = {
        row["effect"]: row
        for row in folders.rows(RESULTS / "finding" / "pooling" / "decomposition.csv")
        if row["group"] == "average pooling, image-sized kernel padded"
    }
    assert "Weight sharing is the larger part of the gap if the image-sized kernel is padded" in text
    assert float(padded["sharing"]["percent_of_gap_ci_low"]) > 50
    assert text.count("no saving by connectivity, averaged over both orders, is resolved") == 2
    assert float(padded["connectivity"][f"{SAVED}_ci_low"]) < 0
    assert float(padded["connectivity"][f"{SAVED}_ci_high"]) > 0
    assert "Added to the padded kernel, local connectivity makes no difference that is resolved" in text
    ends = {
        effect: [float(row[f"{SAVED}_ci_{end}"]) for end in ("low", "high")] for effect, row in padded.items()
    }
    assert ends["connectivity, shared"][0] < 0 < ends["connectivity, shared"][1]
    assert "added to the fully connected network, it saves errors" in text
    assert ends["connectivity, unshared"][0] > 0
    assert "with padding, most units no longer read the whole image" in text
    reads_UT = slide(np.arange(32 * 32), 32, 5, edges="pad")
    rows_UT, columns_UT = np.divmod(reads_UT, 32 + reach(32, 5))
    inside_U = ((rows_UT < 32) & (columns_UT < 32)).sum(1)
    assert inside_U.max() == 32 * 32 and (inside_U < 32 * 32).mean() > 0.5
    assert "For random kernels, the same difference is not resolved" in text
    assert not fewer["random_shared_padded"].excludes_zero()
    *others, worst = sorted(
        run["test_error_percent"] for run in scores.results if run["arm"] == "random_shared_padded"
    )
    assert "one of the ten random padded networks makes more than twice as many errors as most" in text
    assert sum(worst > 2 * error for error in others) > len(others) / 2 and len(others) == 9


def test_what_the_page_of_findings_says_of_the_dose_of_locality_holds():
    """Of docs/findings.md, "Pixels that are farther away"."""
    _, header, _, scores = read_scores(RESULTS / "finding" / "distance")
    contrasts = contrast_rows(scores.results, header["arms"], scores.wrong)
    fewer = {row["arm"]: interval_of(row, "difference") for row in contrasts}
    distances = ("3", "4", "6", "9", "any")
    text = page("findings.md")
    assert (
        "A difference from the 5x5 field is resolved from 4 pixels on with shared weights, and from 3 on "
        "with unshared ones"
    ) in text
    shared = [fewer[f"within_{distance}_shared"] for distance in distances]
    assert not shared[0].excludes_zero() and all(interval.high < 0 for interval in shared[1:])
    unshared = [fewer[f"within_{distance}_unshared"] for distance in distances]
    assert all(interval.high < 0 for interval in unshared)
    assert (
        text.count("with unshared weights at every step") == 2
        and text.count("with shared weights beyond 3") == 2
    )
    assert shared[0].mean > 0  # fewer errors than within 2 pixels
    for intervals in (shared, [Interval(0.0, None, None), *unshared]):
        means = [interval.mean for interval in intervals]
        assert means == sorted(means, reverse=True)
    accuracies = accuracies_of(scores.results)
    for distance in ("2", *distances):  # "At every distance, sharing saves errors"
        weights = {f"within_{distance}_shared": 1.0, f"within_{distance}_unshared": -1.0}
        saved = weighted_sum(weights, accuracies, scores.wrong)
        assert saved.interval(bounds=(-1.0, 1.0)).low > 0


def test_what_the_page_of_findings_says_of_permuted_pixels_holds():
    """Of docs/findings.md, "Permuted pixels", and the sentence about it in docs/idea.md."""
    scores = read_scores(RESULTS / "finding" / "permuted").scores
    rows = effect_rows(scores.results, scores.corners, scores.wrong)
    saved = {row["effect"]: interval_of(row, SAVED) for row in rows}
    errors = {
        row["arm"]: 1 - float(row["test_accuracy_mean"])
        for row in folders.rows(RESULTS / "finding" / "permuted" / "table.csv")
    }
    text = page("findings.md")
    assert "the convolution makes the most errors of the four corners, not the fewest" in text
    assert max(errors, key=errors.get) == "local_shared"
    assert "Averaged over both orders, local connectivity costs errors, and so does sharing" in text
    assert "Then the two constraints together cost errors" in page("idea.md")
    assert saved["connectivity"].high < 0 and saved["sharing"].high < 0 and saved["gap"].high < 0
    assert "Added to the fully connected network alone, neither makes a difference that is resolved" in text
    assert not saved["connectivity, unshared"].excludes_zero() and not saved["sharing, full"].excludes_zero()
    assert "added to the other constraint, each costs errors" in text
    assert saved["connectivity, shared"].high < 0 and saved["sharing, local"].high < 0
    assert "the permutation hardly changes their errors" in text
    changes = {
        row["words"]: [float(row[f"{SAVED}_{end}"]) for end in ("mean", "ci_low", "ci_high")]
        for row in folders.rows(RESULTS / "finding" / "variations" / "changed_arms.csv")
        if row["change"] == "permuted pixels"
    }
    for words in ("full, unshared, average pooling", "MLP 2000"):
        mean, low, high = changes[words]
        assert low < 0 < high and abs(mean) < 0.1 and max(-low, high) < 0.15


def test_what_the_pages_say_of_head_starts_holds():
    """Of docs/findings.md, "Head starts" and its row in the table at the top, and of docs/idea.md."""
    folder = RESULTS / "finding" / "start"
    _, header, _, scores = read_scores(folder)
    fewer = {
        tuple(row["contrast"].split(" against ")): interval_of(row, "difference")
        for row in contrast_rows(scores.results, header["arms"], scores.wrong)
    }
    text, idea = page("findings.md"), page("idea.md")
    assert header["config"]["train.epochs"] == 10 and "in the first of its ten epochs" in text
    rates = {arm["name"]: arm["overrides"]["train.learning_rate"] for arm in header["arms"]}
    assert (rates["embedded_10"], rates["local_shared"]) == (0.1, 0.2)
    assert "here with a learning rate of 0.1, where LeNet-5 has 0.2" in text
    assert "about half of the gap" in text and "saves about half as much" in idea
    to_free = [fewer[f"embedded_{epochs}", "full_unshared"] for epochs in (0, 1)]
    assert all(interval.low > 0 for interval in to_free)
    assert 0.45 < to_free[0].mean / -fewer["full_unshared", "local_shared"].mean < 0.55
    assert 0.45 < to_free[0].mean / to_free[1].mean < 0.55
    assert "compared with LeNet-5, no difference is resolved" in text
    readme = " ".join((paste.ROOT / "README.md").read_text(encoding="utf-8").split())
    first = "kept a convolution in the first of its ten epochs makes about as few errors as"
    assert f"one that is {first} LeNet-5" in readme and f"network that is {first} the convolution" in text
    assert "compared with the convolution, no difference is resolved" in idea
    to_convolution = fewer["embedded_1", "local_shared"]
    assert not to_convolution.excludes_zero() and max(map(abs, to_convolution)) < 0.0015
    assert "keeping both constraints in the first epoch is enough for most of what they save" in text
    assert "one epoch of ten under both is enough for most of what they save" in idea
    to_kept = fewer["embedded_1", "embedded_10"]
    assert to_kept.high < 0 and -to_kept.low < 0.2 * fewer["embedded_10", "full_unshared"].mean
    assert "differences of this size may be the rate's" in text
    assert fewer["embedded_10", "local_shared"].low > 0 and fewer["embedded_10", "local_shared"].mean < 0.001
    assert "a tied start makes no difference that is resolved" in text
    assert not fewer["local_unshared_tied", "local_unshared"].excludes_zero()
    assert "compared with unshared weights, no saving is resolved" in text
    assert fewer["local_shared_mean", "local_shared"].high < 0
    assert not fewer["local_shared_mean", "local_unshared"].excludes_zero()
    weights = {
        (row["probe"], row["arm"], row["weights"], row["at"]): row
        for row in folders.rows(folder / "probes.csv")
    }

    def share(arm, of, at, probe="own_field"):
        return float(weights[probe, arm, of, at]["value_mean"])

    assert "By its weights, the network then stays nearly a convolution." in text
    assert "it also stays nearly one" in text
    for layer in ("stage_1", "stage_3"):
        assert share("embedded_1", "trained", layer) > 98.9
        assert share("embedded_1", "trained", f"{layer}, all pairs", "similarity") > 0.98
        assert share("embedded_0", "trained", layer) > 95  # "has 98.0% and 96.1% as well"
    assert "and makes more" in text
    assert fewer["embedded_0", "local_shared"].high < fewer["embedded_1", "local_shared"].low
    assert "What training adds to that one is shared little" in text
    assert share("embedded_0", "change", "stage_1, all pairs", "similarity") < 0.05
    assert "between neighbours" in text
    assert share("embedded_0", "change", "stage_1, neighbours", "similarity") > 0.4
    assert (
        share("embedded_0", "change", "stage_1") / share("embedded_0", "change, by chance", "stage_1") > 1.5
    )
    assert {row["seeds"] for row in weights.values()} == {"4", "5"}


def test_what_the_page_of_findings_says_of_d_ascoli_holds():
    """Of docs/findings.md, "Beside other papers"."""
    rows = [
        row for row in folders.rows(RESULTS / "finding" / "published.csv") if row["paper"] == "d'Ascoli 2019"
    ]
    text = page("findings.md")
    assert "Our networks agree with the first two, from an untrained convolution on" in text
    assert "For the third, no difference is resolved" in text
    *better, than_convolution = rows
    assert [row["verdict"] for row in better] == 3 * ["agrees"]
    assert than_convolution["verdict"] == "can't be told"
    assert "the network that is released after the first epoch, the better on validation images" in text
    assert than_convolution["arms"] == "+1 embedded_1 -1 local_shared"


def test_what_the_page_of_findings_says_of_weight_decay_holds():
    """Of docs/findings.md, "Weight decay", and its row in the table at the top."""
    text = page("findings.md")
    chosen = json.loads((paste.ROOT / "configs" / "finding" / "tuned" / "decay.json").read_text("utf-8"))
    decays = {arm: its["overrides"]["train.weight_decay"] for arm, its in chosen.items()}
    assert decays == {
        "full_unshared": 0, "local_unshared": 0.0001, "full_shared": 0.0005, "local_shared": 0.0005,
    }  # fmt: skip
    assert "none for the fully connected network, 0.0001 for the locally connected one, and 0.0005" in text
    variations = RESULTS / "finding" / "variations"
    [change] = [
        row for row in folders.rows(variations / "changes.csv") if row["networks"] == "MNIST, weight decay"
    ]
    assert "both constraints save more errors than without" in text
    assert "the whole change of the gap comes from the convolution: it grows by" in text
    assert all(float(change[f"{effect}_ci_low"]) > 0 for effect in ("gap", "connectivity", "sharing"))
    fewer = {
        row["words"].partition(", average")[0]: [float(row[f"{SAVED}_ci_{end}"]) for end in ("low", "high")]
        for row in folders.rows(variations / "changed_arms.csv")
        if row["change"] == "weight decay"
    }
    assert fewer.keys() == {"local, shared", "local, unshared", "full, shared"}  # of these decay is not 0
    assert fewer.pop("local, shared")[0] > 0
    assert "for the two networks with one constraint, no difference is resolved" in text
    assert all(low < 0 < high for low, high in fewer.values())
    shares = {
        row["effect"]: float(row["percent_of_gap_mean"])
        for row in folders.rows(variations / "decomposition.csv")
        if row["group"] == "weight decay" and row["percent_of_gap_mean"]
    }
    before = {
        row["effect"]: float(row["percent_of_gap_mean"])
        for row in folders.rows(variations / "decomposition.csv")
        if row["group"] == "average pooling" and row["percent_of_gap_mean"]
    }
    assert "As shares of the gap they are about what they were" in text
    assert all(abs(shares[effect] - before[effect]) < 2 for effect in ("connectivity", "sharing"))
    [core, _, _, decay] = find_panels(
        [read_scores(RESULTS / "finding" / name) for name in ("core_mnist", "permuted", "decay")]
    )
    assert "all but the fully connected network end with more errors on their training images" in text
    more = {corner for corner, error in decay.training.items() if error > core.training[corner] + 0.05}
    assert more == {"local_shared", "local_unshared", "full_shared"}
    rows = folders.rows(RESULTS / "finding" / "choices_decay" / "table.csv")
    accuracy = {row["arm"]: row["val_accuracy_mean"] for row in rows}
    assert "for the image-sized kernel, the largest one was as good on validation images" in text
    assert accuracy["full_shared-0.0005"] == accuracy["full_shared-0.001"]


def test_what_the_pages_say_of_equal_fit_holds():
    """Of docs/findings.md, "Equal fit", and the sentences about it in README.md and docs/idea.md."""
    text, variations = page("findings.md"), RESULTS / "finding" / "variations"
    chosen = json.loads((paste.ROOT / "configs" / "finding" / "tuned" / "fit.json").read_text("utf-8"))
    epochs = {arm: its["overrides"]["train.epochs"] for arm, its in chosen.items()}
    assert epochs.pop("local_shared") == 10 and set(epochs.values()) == {20}
    assert "10 for the convolution, as before, and 20 for the other three" in text
    [core, _, _, _, fit] = find_panels(
        [read_scores(RESULTS / "finding" / name) for name in ("core_mnist", "permuted", "decay", "fit")]
    )
    assert "Then all four make at most 0.05 errors per hundred training images" in text
    assert max(fit.training.values()) < 0.055
    fewer = {
        row["words"]: float(row[f"{SAVED}_ci_low"])
        for row in folders.rows(variations / "changed_arms.csv")
        if row["change"] == "equal fit"
    }
    assert "each of the three that are trained for longer makes fewer errors than before" in text
    assert len(fewer) == 3 and min(fewer.values()) > 0
    [change] = [row for row in folders.rows(variations / "changes.csv") if row["networks"].endswith("fit")]
    assert "it shrinks to" in text and float(change["gap_ci_high"]) < 0
    gaps = [interval_of(panel.effects["gap"], SAVED) for panel in (fit, core)]
    assert "Most of it is left, and it is divided in the same way" in text
    assert gaps[0].low > gaps[1].mean / 2
    readme = " ".join((paste.ROOT / "README.md").read_text("utf-8").split())
    assert "the gap is smaller, with the same shares" in readme
    for effect in ("connectivity", "sharing"):
        shares = [panel.effects[effect]["percent_of_gap_mean"] for panel in (fit, core)]
        assert abs(shares[0] - shares[1]) < 1
    for name in ("mnist", "fashion_mnist"):  # "the convolution also fits its training images best"
        [average, *_] = find_panels([read_scores(RESULTS / "finding" / f"core_{name}")])
        assert min(average.training, key=average.training.get) == "local_shared"


def test_what_the_pages_say_of_training_errors_holds():
    """Of README.md, its reservations; of docs/idea.md, the sentences under the table of training errors."""
    panels = {
        (panel.dataset, panel.group): panel
        for name in ("mnist", "fashion_mnist", "usps")
        for panel in find_panels([read_scores(RESULTS / "finding" / f"core_{name}")])
    }
    text = page("idea.md")
    fashion = [panel for (dataset, _), panel in panels.items() if dataset == "fashion_mnist"]
    assert "the convolution fits them better than the fully connected network; with average pooling" in text
    assert "it fits them best of all four" in text
    for panel in (*fashion, panels["mnist", "average pooling"]):
        assert panel.fitted.low > 0.5  # points; on MNIST without pooling, the gap is 0.03
    for name in ("mnist", "fashion_mnist"):
        scores = read_scores(RESULTS / "finding" / f"core_{name}").scores
        accuracies = accuracies_of(scores.results, "train_accuracy")
        for other in ("local_unshared", "full_shared", "full_unshared"):
            fewer = weighted_sum({"local_shared": 1.0, other: -1.0}, accuracies, None)
            assert fewer.interval().low > 0
    assert (
        "On Fashion-MNIST no network fits them after ten epochs, and the convolution's lead over the" in text
    )
    for panel in fashion:
        assert min(panel.training.values()) > 5
        assert panel.fitted.mean > interval_of(panel.effects["gap"], SAVED).mean
    assert "On USPS all networks fit, and on MNIST without pooling nearly so; the gaps remain" in text
    equal = [panels["usps", group] for group in ("average pooling", "no pooling")]
    assert max(error for panel in equal for error in panel.training.values()) < 0.1
    nearly = panels["mnist", "no pooling"]
    assert 0.1 < max(nearly.training.values()) < 0.115
    for panel in [*equal, nearly]:
        assert interval_of(panel.effects["gap"], SAVED).low > 0


def test_what_the_page_of_findings_says_of_training_images_holds():
    """Of docs/findings.md, "How many images each network needs"."""
    rows = folders.rows(RESULTS / "finding" / "curves" / "images.csv")
    times = {
        (row["network"], int(row["reference_images"])): float(row["images_needed"])
        / int(row["reference_images"])
        for row in rows
    }
    text = page("findings.md")
    for images in (100, 600, 3_000):
        assert 1.4 < times["mlp_best", images] < 2.1 and 2.0 < times["local_unshared", images] < 2.3
        assert 2.5 < times["full_unshared", images] < 6.5
    assert "the best multilayer perceptron needs one and a half to two times as many" in text
    assert "the locally connected network a little more than twice as many" in text
    assert "the fully connected network about three to six times" in text
    assert "With 100 images each, the image-sized kernel makes, on average, no more errors than the" in text
    assert times["full_shared", 100] == 0  # fewer than the smallest size
    assert "with 12,000 images, the other three are estimated to need larger multiples" in text
    for name in ("mlp_best", "local_unshared", "full_shared"):
        assert times[name, 3_000] < times[name, 12_000] < math.inf
    needed = {(row["network"], row["reference_images"]): float(row["images_needed_ci_low"]) for row in rows}
    assert needed["full_unshared", "12000"] == math.inf
    assert "Even with all 60,000 images, no other network reaches the error of the convolution" in text
    assert {needed[name, "60000"] for name, _ in needed} == {math.inf}
    scores = read_scores(RESULTS / "finding" / "curves").scores
    effects = {
        (row["group"].removesuffix(" images"), row["effect"]): row
        for row in effect_rows(scores.results, scores.corners, scores.wrong)
    }
    few, *more = ("100", "600", "3,000", "12,000", "60,000")
    ratios = {
        effect: {size: interval_of(effects[size, effect], RATIO) for size in (few, *more)}
        for effect in ("connectivity", "sharing", "gap")
    }
    assert "weight sharing saves errors at every size" in text
    assert all(ratio.high < 1 for ratio in ratios["sharing"].values())
    assert (
        "Local connectivity costs errors with the one subset of 100 images" in text
        and ratios["connectivity"][few].low > 1
    )
    assert all(ratios["connectivity"][size].high < 1 for size in more)  # "and saves errors from 600 on"
    assert "In each order alone, the interval with 100 images includes 1, as does that with 600 where" in text
    for size in (few, *more):
        for effect in ("connectivity, unshared", "connectivity, shared"):
            alone = interval_of(effects[size, effect], RATIO)
            includes_1 = size == few or (size, effect) == ("600", "connectivity, shared")
            assert (alone.low <= 1 <= alone.high) == includes_1
    assert all(ratio.high < 1 for ratio in ratios["gap"].values())
    gaps = [interval_of(effects[size, "gap"], SAVED).mean for size in (few, *more)]
    assert "the ratio falls from" in text and "On average, the difference is largest with 600" in text
    of_gap = [ratio.mean for ratio in ratios["gap"].values()]
    assert of_gap[:4] == sorted(of_gap[:4], reverse=True) and of_gap[3] < of_gap[4] < of_gap[2]
    assert max(gaps) == gaps[1]
    assert "With up to 12,000 images, all networks end with a training error of 0, or almost" in text
    of_all, of_fewer = (
        [1 - run["train_accuracy"] for run in scores.results if run["arm"].endswith("60000") == is_all]
        for is_all in (True, False)
    )
    assert max(of_fewer) < 1e-4 < 5e-3 < max(of_all)


def test_what_the_idea_page_says_of_wirings_holds():
    """Of docs/idea.md, "Reading the tables", on intervals."""
    shared, unshared = folders.rows(RESULTS / "finding" / "wiring" / "wirings.csv")
    assert (shared["network"], unshared["network"]) == ("random_shared", "random_unshared")
    assert {shared["wirings"], unshared["wirings"]} == {"10"}
    assert float(shared["p"]) < 0.05 < float(unshared["p"])


def test_what_the_readme_says_of_pooling_and_random_wirings_holds():
    """Of README.md, the paragraph under the decomposition."""
    error = {
        (row["dataset"], row["arm"]): 1 - float(row["test_accuracy_mean"])
        for row in folders.rows(RESULTS / "finding" / "errors.csv")
    }
    for dataset in ("mnist", "fashion_mnist"):
        assert error[dataset, "local_shared"] < error[dataset, "local_shared_none"]
        assert error[dataset, "full_unshared"] > error[dataset, "full_unshared_none"]
    for said in (MNIST_PLANNED, FASHION_PLANNED, USPS_PLANNED):
        assert said["local against random, no pooling"] == "above 0"
    for said in (MNIST_PLANNED, FASHION_PLANNED):
        assert said["random against full, no pooling"] == "below 0"


def test_what_the_idea_page_says_of_random_wirings_and_mlps_holds():
    excerpts = read_excerpts(RESULTS / "finding" / "core_mnist")
    low, high = (
        {pair: row[f"difference_ci_{end}"] for pair, row in excerpts.contrasts.items()}
        for end in ("low", "high")
    )
    for sharing, pooling in itertools.product(("shared", "unshared"), ("", "_none")):
        assert high[f"random_{sharing}{pooling}", f"full_{sharing}{pooling}"] < 0
        assert low[f"local_{sharing}{pooling}", f"random_{sharing}{pooling}"] > 0
    to_mlps = [
        excerpts.contrasts["local_shared", mlp]["difference_mean"] for mlp in ("mlp_best", "mlp_matched")
    ]
    assert 0 < to_mlps[0] < to_mlps[1] and low["local_shared", "mlp_matched"] > 0
    readme = (paste.ROOT / "README.md").read_text(encoding="utf-8")
    assert (
        "The multilayer perceptrons (MLPs) are the best of ten on validation images (2,000 hidden units on "
        "MNIST, layers of 1,000 and 300 elsewhere; with ReLU, and on USPS dropout) and one as large as"
    ) in " ".join(readme.split())
    for dataset, hidden in (("mnist", [2000]), ("fashion_mnist", [1000, 300]), ("usps", [1000, 300])):
        best = chosen_in_finding(dataset, "mlp_best")
        assert (best["model.activation"], best["model.hidden"]) == ("relu", hidden)
        assert (best["model.dropout"] > 0) == (dataset == "usps")
    for dataset in ("mnist", "fashion_mnist", "usps"):
        header, _ = read_sweep(RESULTS / "finding" / f"choices_{dataset}")
        arms = " ".join(arm["name"] for arm in header["arms"])
        assert len(set(re.findall(r"mlp_best-(\w+_[\d-]+)_dropout0_", arms))) == 10
    header, _ = read_sweep(RESULTS / "finding" / "core_usps")
    assert {arm["name"]: arm for arm in header["arms"]}["mlp_best"]["overrides"]["model.dropout"] > 0


def test_what_the_idea_page_says_of_rates_with_dropout_holds():
    """Of docs/idea.md, "Reading the tables", and of docs/protocol.md."""
    best: dict[str, tuple[float, str]] = {}
    chosen_on: dict[str, dict] = {}
    for dataset in ("mnist", "fashion_mnist"):
        rows = folders.rows(RESULTS / "finding" / f"choices_{dataset}" / "table.csv")
        for row in rows:
            if "_dropout0." in row["arm"] and row["val_accuracy_mean"]:
                series, _, rate = row["arm"].rpartition("_")
                found = float(row["val_accuracy_mean"]), rate
                best[f"{dataset} {series}"] = max(best.get(f"{dataset} {series}", found), found)
        chosen = json.loads((paste.ROOT / "configs" / "finding" / "tuned" / f"{dataset}.json").read_text())
        assert chosen["mlp_best"]["overrides"]["model.dropout"] == 0
        chosen_on[dataset] = chosen["mlp_best"]
    text = page("idea.md")
    assert "with learning rates of 0.1 and above, and for most of them 0.1 was the best" in text
    lowest = [series for series, (_, rate) in best.items() if rate == "0.1"]
    assert len(best) == 18 and 9 < len(lowest) < 18
    assert len([series for series in lowest if series.startswith("fashion")]) == 9
    assert "no network with dropout makes fewer errors on validation images than the one that was" in text
    assert "until the best lay between two others" in text
    for dataset in ("mnist", "fashion_mnist"):
        study = f"dropout_{dataset}"
        _, runs = read_sweep(RESULTS / "finding" / f"choices_{study}")
        arms = choices.get_arms(choices.get_config(study), study)
        selected = select_candidates(arms, [run["result"] for run in runs])
        assert len(selected) == 9
        assert not any(fields_at_edge(arm, selected[arm.name]["candidate"]) for arm in arms)
        best = chosen_on[dataset]["val_accuracy_mean"]
        assert max(its["val_accuracy_mean"] for its in selected.values()) < best


def test_counts_on_the_idea_page_are_those_of_its_layer_tables():
    text = page("idea.md")
    full, local, shared = (
        int(found.replace(",", "")) for found in re.findall(r"stage_1 28x28x6 ([\d,]+)", text)
    )
    units = 28 * 28 * 6
    assert full == units * (32 * 32 + 1) and local == units * 26
    assert f"Each of the {units:,} units of stage 1 has {32 * 32:,} weights and a bias" in text
    assert f"Each unit of stage 1 keeps {local // units} of its {full // units:,} parameters" in text
    assert f"Stage 1 has {shared} parameters for its {local:,} connections" in text
    [full_shared] = [
        row for row in folders.rows(RESULTS / "mnist" / "table.csv") if row["arm"] == "full_shared"
    ]
    assert f"{32 * 32:,} weights in stage 1 and 6 x {14 * 14} in stage 3" in text
    assert f"the network has {int(full_shared['parameters']):,} parameters" in text
    of_paper = paste.excerpts_of("figure9").papers["lenet5"]
    assert f"The paper's own LeNet-5 has {of_paper['parameters']:,} parameters" in text


def test_settings_on_the_idea_page_are_those_of_the_fields_and_the_records():
    text, data = page("idea.md"), default_config().data
    assert f"Grey levels run from {data.background} (background) to {data.ink} (ink)" in text
    side = resolve(default_config()).fields["data.image_size"]
    assert f"centred in {side}x{side} for LeNet-5" in text
    assert f"first resized to {data.box}x{data.box}" in text
    assert f"its last {dataset_info('digits').test_count} images" in text
    assert "0.1 had the best validation accuracy, averaged over the eleven arms" in text
    usps, mnist = (dataset_info(name).test_count for name in ("usps", "mnist"))
    assert "with a fifth of the test images" in text and round(usps / mnist, 1) == 0.2


def test_the_table_of_datasets_has_their_numbers():
    text = page("sweeps.md")
    infos = {name: dataset_info(name) for name in ("mnist_5k", "digits", "mnist", "fashion_mnist", "usps")}
    words = {
        name: f"{info.train_count + info.test_count:,} of {info.side}x{info.side}"
        for name, info in infos.items()
    }
    assert f"| `mnist_5k`, the default | {words['mnist_5k']}" in text
    parts = infos["mnist_5k"].train_count // 10, infos["mnist_5k"].test_count // 10
    assert f"the first {sum(parts)} of each class" in text
    assert f"{parts[0]} for training and validation, {parts[1]} for testing" in text
    assert f"| `digits` | {words['digits']}, for tests |" in text
    assert words["mnist"] == words["fashion_mnist"]
    assert f"| `mnist`, `fashion_mnist` | {words['mnist']} |" in text
    assert f"| `usps` | {words['usps']}," in text
    assert (
        f"up to {own_checks.MAX_SIDE}x{own_checks.MAX_SIDE}, 2 to {own_checks.MAX_CLASSES:,} classes" in text
    )


def test_counts_of_images_on_the_history_pages_are_those_of_the_runs():
    def run_of(sweep, arm):
        _, runs = read_sweep(RESULTS / "history" / sweep)
        return next(run for run in runs if run["arm"] == arm)

    zip_code = run_of("zipcode", "zipcode_lm")
    train, test, passes = (
        zip_code["images"]["train"],
        zip_code["images"]["test"],
        zip_code["result"]["epochs"],
    )
    text = page("history/zipcode.md")
    assert f"the paper's numbers of digits, {train:,} and {test:,}" in text
    assert f"for {passes} passes: {passes * train:,} presentations" in text
    held_out = [
        run_of(sweep, "original")["images"]["validation"] for sweep in ("zipcode_later", "lenet5_later")
    ]
    assert f"{held_out[0]:,} of USPS, {held_out[1]:,} of MNIST" in page("history/today.md")
    for sweep, arm in (("figure9", "lenet5"), ("figure9", "linear")):
        run = run_of(sweep, arm)
        assert (run["result"]["epochs"], run["images"]["train"]) == (20, 60_000)
    for name in ("history/lenet5.md", "history/figure9.md"):
        assert "20 passes over all 60,000 images" in page(name)
    distorted = run_of("figure9", "lenet5_dist")["config"]["distortion.probability"]
    assert distorted == 0.9 and "9 of 10 presented images are distorted" in page("history/figure9.md")
    assert run_of("zipcode_later", "longer")["result"]["epochs"] == 60
    assert run_of("lenet5_later", "momentum")["config"]["train.batch_size"] == 64


def test_counts_of_digits_on_the_page_of_net_1_to_net_5_are_those_of_its_configs():
    header, _ = read_sweep(RESULTS / "history" / "nets_1989")
    fields = {arm["name"]: header["config"] | arm["overrides"] for arm in header["arms"]}
    plain, positions, moved = (fields[name] for name in ("net1", "net1_positions", "net1_moved"))
    train, validation, test = plain["data.draw"]
    text, places, box = page("history/nets.md"), positions["data.positions"], positions["data.box"]
    assert f"draws its own {train} training, {validation} validation and {test} test images" in text
    images = train + validation + test
    assert positions["data.draw"] == plain["data.draw"] and places == 4
    assert f"{images // places} digits of the training file, scaled to {box}x{box}" in text
    assert f"The {images} images are split at random" in text
    # None of a digit's other images is a training image.
    assert (
        "seven in eight validation and test images show a digit that is also among the training images"
        in text
    )
    assert 1 - (1 - train / images) ** (places - 1) == pytest.approx(7 / 8)
    assert f"scaled to {moved['data.box']}x{moved['data.box']} and moved once by up to a pixel" in text
    assert moved["data.move"] == 1


def test_runs_were_recorded_on_a_faster_day_than_the_limits():
    """Of docs/performance.md: steps of twice as many images, in less than twice the time."""

    def cells(name):
        text = (RESULTS / "benchmark" / name).read_text(encoding="utf-8")
        row = next(line for line in text.splitlines() if line.startswith("| full_unshared "))
        return [float(cell.replace(",", "")) for cell in row.strip("|").split("|")[1:]]

    _, seconds, steps, *_ = cells("scale.md")
    of_128_images = 2 * seconds / steps * 1000  # milliseconds, at the speed of batches of 64
    to_multiply = cells("limits.md")[2]
    assert of_128_images < to_multiply
    assert "took less time than their arithmetic alone" in page("performance.md")
