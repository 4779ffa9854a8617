"""Several sweeps side by side: what each constraint is worth on each dataset."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from lenet_jax.analysis.effects import Corners, effect_rows
from lenet_jax.analysis.stats import Interval
from lenet_jax.errors import UserError
from lenet_jax.report import decomposition
from lenet_jax.report.columns import lay_out
from lenet_jax.report.decomposition import Panel
from lenet_jax.report.figures import render
from lenet_jax.report.scores import read_scores
from tests.helpers import folders
from tests.helpers.commands import PROJECT, run_command
from tests.helpers.results import result

CORNERS = Corners("conv", "locally", "sliding", "dense")
ERRORS = {"conv": (1.0, 2.0), "locally": (3.0, 3.0), "sliding": (2.0, 4.0), "dense": (5.0, 9.0)}
MNIST, USPS = PROJECT / "results" / "mnist", PROJECT / "results" / "usps"


def panel(dataset="x", group="", unfinished=(), errors=ERRORS):
    runs = [
        result(name, seed, 1 - error / 100) for name, its in errors.items() for seed, error in enumerate(its)
    ]
    rows = effect_rows(runs, {group: CORNERS})
    means = {
        corner: float(np.mean(errors[name])) for corner, name in zip(Corners._fields, CORNERS, strict=True)
    }
    effects = {row["effect"]: row for row in rows}
    return Panel(
        dataset,
        group,
        effects["gap"]["seeds"],
        means,
        effects,
        training=dict.fromkeys(Corners._fields, 0.5),
        fitted=Interval(0.0, -0.1, 0.1),
        covers_images=False,
        unfinished=tuple(unfinished),
    )


def test_each_panel_has_a_row_for_people_and_one_per_effect_in_csv():
    panels = [panel("a", "average pooling"), panel("a", "no pooling"), panel("b", "no pooling")]
    rows, in_all = lay_out(decomposition.page_rows(panels), decomposition.COLUMNS)
    assert [row["networks"] for row in rows] == ["a, average pooling", "a, no pooling", "b, no pooling"]
    assert not in_all
    assert rows[0]["gap"].startswith("5.50 (") and rows[0]["connectivity"].startswith("2.75 (")
    table = decomposition.csv_rows(panels)
    assert len(table) == 24 and table[0]["effect"] == "connectivity" and table[8]["group"] == "no pooling"


def test_both_orders_of_a_constraint_are_shown():
    """Mean errors are 1.5, 3, 3 and 7, but for locally 2 and sliding 4 with these."""
    errors = ERRORS | {"locally": (2.0, 2.0), "sliding": (3.0, 5.0)}
    shown = {
        constraint: lay_out(
            decomposition.order_rows([panel(errors=errors)], constraint), decomposition.ORDER_COLUMNS
        ).rows[0]
        for constraint in ("connectivity", "sharing")
    }
    starts = {
        name: [row[column].split()[0] for column in ("added first", "added second", "average", "interaction")]
        for name, row in shown.items()
    }
    assert starts == {
        "connectivity": ["5.00", "2.50", "3.75", "-2.50"],
        "sharing": ["3.00", "0.50", "1.75", "-2.50"],
    }
    caption = decomposition.order_caption([panel()], "sharing")
    assert caption.startswith(
        "What weight sharing saves where it is added first, to the fully connected network"
    )


def test_sentences_say_which_part_of_the_gap_is_larger():
    steady = {"conv": (1.0, 1.1, 1.0), "dense": (7.0, 7.0, 7.1)}
    sharing = steady | {"locally": (4.0, 4.0, 4.1), "sliding": (2.0, 2.1, 2.0)}
    connectivity = steady | {"locally": (2.0, 2.1, 2.0), "sliding": (4.0, 4.0, 4.1)}
    panels = [
        panel("a*b", "average pooling", errors=sharing),
        panel("c", errors=connectivity),
        panel("d", "no pooling"),
        panel(unfinished=["dense"]),
    ]
    sentences = decomposition.answers(panels)
    starts, ends = zip(*(sentence.split("; ") for sentence in sentences), strict=True)
    assert starts[0].startswith(r"a\*b, average pooling: the gap is 6.00 (") and starts[1].startswith(
        "c: the gap "
    )
    assert ends[0].startswith("weight sharing is the larger part, ")
    assert ends[1].startswith("sparse, local connectivity is the larger part, ")
    assert ends[2].startswith("neither part is clearly larger: weight sharing is ")
    assert len(sentences) == len(panels)
    costly = panel(errors={"conv": (7, 8), "locally": (5, 5), "sliding": (4, 4), "dense": (2, 3)})
    [sentence] = decomposition.answers([costly])
    assert sentence.startswith("x: the gap is -5.00 (-5.00 to -5.00)") and sentence.endswith(
        "; the convolution makes more errors than the fully connected network."
    )
    assert "A gap below 0 has no shares. " in decomposition.caption([costly])
    assert "has no shares" not in decomposition.caption([panel()])
    seeds_alone = (
        "95% intervals from 2 seeds, which allow for other seeds but not for other test images, and are not "
        "corrected for multiple comparisons. "
    )
    assert seeds_alone in decomposition.caption([panel()])
    assert decomposition.notes(panels)[0].startswith(
        "Unfinished: on x, dense lack seeds that other arms have or that were planned; numbers are over the "
        "2 seeds"
    )


def test_the_figure_shows_both_orders_from_corner_to_corner():
    drawn = decomposition.figure([panel("a", "average"), panel("a", "none"), panel("b", "average")])
    shown = [axes for axes in drawn.axes if axes.axison]
    assert [axes.get_title() for axes in shown] == ["a, average", "a, none", "b, average"]
    bars = [(bar.get_x() + bar.get_width(), bar.get_x(), bar.get_facecolor()) for bar in shown[0].patches]
    connectivity, sharing = map(to_rgba, decomposition.COLOURS.values())
    assert connectivity != sharing
    assert [bar[2] for bar in bars] == [connectivity, sharing, sharing, connectivity]
    # Mean errors are 1.5, 3, 3 and 7: by local_unshared, then by full_shared.
    assert [pytest.approx(bar[:2]) for bar in bars] == [(3, 7), (1.5, 3), (3, 7), (1.5, 3)]
    names = [tick.get_text() for tick in shown[0].get_yticklabels()]
    assert names == ["first connectivity", "then sharing", "first sharing", "then connectivity"]
    assert render(drawn, "png") == render(
        decomposition.figure([panel("a", "average"), panel("a", "none"), panel("b", "average")]), "png"
    )


def test_no_line_of_the_axes_runs_through_a_text():
    [axes] = decomposition.figure([panel()]).axes
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert len(dotted) == 2 and len(axes.texts) == 6
    for text in axes.texts:
        behind = text.get_bbox_patch()
        assert behind is not None and behind.get_facecolor() == to_rgba("white")
        assert text.get_zorder() > max(line.get_zorder() for line in [*dotted, *axes.get_xgridlines()])


def test_a_constraint_that_costs_errors_points_the_other_way():
    worse = panel(errors=ERRORS | {"locally": (8.0, 9.0)})
    [axes] = [axes for axes in decomposition.figure([worse]).axes]
    first = axes.patches[0]
    assert first.get_x() == 7 and first.get_width() == pytest.approx(1.5)


def test_a_sweep_with_fewer_seeds_than_planned_is_unfinished():
    core = read_scores(PROJECT / "results" / "finding" / "core_usps")
    seeds = {run["seed"] for run in core.scores.results}
    some = [run for run in core.scores.results if run["seed"] < max(seeds)]
    cut = core._replace(scores=core.scores._replace(results=some))
    for sweep, is_unfinished in ((core, False), (cut, True)):
        panels = decomposition.find_panels([sweep])
        assert all(bool(found.unfinished) == is_unfinished for found in panels)
        assert bool(decomposition.notes(panels)) == is_unfinished
        assert all(("unfinished:" in answer) == is_unfinished for answer in decomposition.answers(panels))


def test_more_seeds_are_missing_only_of_the_arms_for_which_they_are_planned():
    core = read_scores(PROJECT / "results" / "finding" / "core_usps")
    corners = next(iter(core.scores.corners.values()))
    weights = {corners.local_shared: -1.0, "mlp_best": 1.0}
    longer = {"name": "a against b", "seeds": 40, "margin": 0.0, "weights": weights}
    planned = core._replace(header={**core.header, "planned": [*core.header["planned"], longer]})
    first, *others = decomposition.find_panels([planned])
    assert first.unfinished == (corners.local_shared,)
    assert not any(panel.unfinished for panel in others)


def test_effects_follow_from_the_table_of_arms():
    """(a - b + c - d) / 2 with the errors of full_unshared, local_unshared, full_shared and local_shared."""
    for folder in (MNIST, USPS):
        errors = {
            row["arm"]: 100 - 100 * float(row["test_accuracy_mean"])
            for row in folders.rows(folder / "table.csv")
        }
        a, b, c, d = (
            errors[arm] for arm in ("full_unshared", "local_unshared", "full_shared", "local_shared")
        )
        [found] = decomposition.find_panels([read_scores(folder)])
        effects = {name: row["fewer_errors_per_hundred_mean"] for name, row in found.effects.items()}
        assert effects["connectivity"] == pytest.approx((a - b + c - d) / 2, abs=2e-4)
        assert effects["sharing"] == pytest.approx((a - c + b - d) / 2, abs=2e-4)
        assert effects["interaction"] == pytest.approx((b - d) - (a - c), abs=4e-4)
        assert found.errors == pytest.approx(
            {"full_unshared": a, "local_unshared": b, "full_shared": c, "local_shared": d}, abs=1e-4
        )


def test_training_errors_are_those_of_the_table_of_arms():
    panels = decomposition.find_panels([read_scores(MNIST), read_scores(USPS)])
    shown, _ = lay_out(decomposition.training_rows(panels), decomposition.TRAINING_COLUMNS)
    for folder, row in zip((MNIST, USPS), shown, strict=True):
        errors = {
            arm["arm"]: 100 - 100 * float(arm["train_accuracy_mean"])
            for arm in folders.rows(folder / "table.csv")
        }
        for corner in Corners._fields:
            assert float(row[corner.replace("_", ", ")]) == pytest.approx(errors[corner], abs=0.006)
        gap = errors["full_unshared"] - errors["local_shared"]
        assert float(row["gap"].split()[0]) == pytest.approx(gap, abs=0.006)
    assert decomposition.training_caption(panels).count(
        "95% intervals from 5 seeds, which allow for other seeds. "
    )


def test_the_command_writes_the_table_and_the_figure(tmp_path):
    ended = run_command("decompose", f"--sweeps={MNIST},{USPS}", f"--workdir={tmp_path / 'new'}")
    assert ended.status == 0, ended.err
    names = {path.name for path in (tmp_path / "new").iterdir()}
    tables = {
        f"{name}{end}"
        for name in ("decomposition", "errors")
        for end in (".csv", ".md", ".tex", "_notes.tex")
    }
    tables |= {"connectivity.md", "sharing.md", "answer.md", "training.md"}
    assert names == tables | {f"decomposition.{form}" for form in ("png", "pdf", "svg")}
    page = (tmp_path / "new" / "decomposition.md").read_text()
    assert f"Command: `python -m experiments.decompose --sweeps={MNIST},{USPS} --workdir=DIR`" in page
    shown = " ".join(ended.out.split())
    assert "is the larger part" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--sweeps=DIR,DIR is missing"),
        (
            ("--sweeps=SWEEP", "--workdir=NEW"),
            "cannot be decomposed: it needs test scores of the four corners",
        ),
        (("--sweeps=nowhere",), "nowhere holds no config.json of a sweep"),
        ((f"--sweeps={MNIST}",), "--workdir=DIR is missing"),
        (
            (f"--sweeps={MNIST},{MNIST}", "--workdir=NEW"),
            "has another decomposition of mnist: name one of the two sweeps",
        ),
    ],
)
def test_what_cannot_be_decomposed_is_refused_in_one_sentence(arguments, sentence, finished_sweep, tmp_path):
    new = tmp_path / "new"
    words = [word.replace("SWEEP", str(finished_sweep)).replace("NEW", str(new)) for word in arguments]
    ended = run_command("decompose", *words)
    assert ended.status == 1 and sentence in ended.err and ended.err.count("\n") == 1
    assert not new.exists()


def test_a_sweep_without_a_corners_runs_is_refused():
    with pytest.raises(UserError, match="cannot be decomposed"):
        decomposition.find_panels([read_scores(PROJECT / "results" / "history" / "zipcode")])
