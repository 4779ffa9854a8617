"""Single numbers of a sweep for pages: those of its tables, and in bold what is resolved."""

import pytest

from lenet_jax.errors import UserError
from lenet_jax.report import excerpts
from tests.helpers import folders
from tests.helpers.commands import PROJECT
from tests.helpers.results import result

NETS = PROJECT / "results" / "history" / "nets_1989"


@pytest.fixture(scope="module")
def nets():
    return excerpts.read_excerpts(NETS)


def test_numbers_are_those_of_the_tables(nets):
    [row] = [row for row in folders.rows(NETS / "papers.csv") if row["arm"] == "net5"]
    ends = (float(row[f"last_error_percent{end}"]) for end in ("", "_ci_low", "_ci_high"))
    assert excerpts.paper_cell(nets, "net5", "last_error_percent") == "{:.2f} ({:.2f} to {:.2f})".format(
        *ends
    )
    assert excerpts.paper_cell(nets, "net2", "parameters") == "3,214"
    assert excerpts.paper_cell(nets, "net5", "what") == row["what"]
    assert excerpts.paper_cell(nets, "net5", "test_loss") == f"{float(row['test_loss']):.3g}"
    assert excerpts.paper_cell(nets, "net5", "test_loss", 0.5) == f"{0.5 * float(row['test_loss']):.3g}"
    for column in ("parameters", "what", "last_error_percent"):
        with pytest.raises(UserError, match=f"{column} of net5 is not a number without an interval"):
            excerpts.paper_cell(nets, "net5", column, 0.5)
    assert excerpts.paper_cell(nets, "net5_moved", "paper_train_error_percent") == "-"
    assert all(note in (NETS / "papers.md").read_text(encoding="utf-8") for note in nets.notes)


def test_effects_are_fewer_errors_per_hundred_in_bold_if_resolved(nets):
    [row] = [row for row in folders.rows(NETS / "contrasts.csv") if row["arm"] == "net5"]
    ends = (100 * float(row[f"difference_{end}"]) for end in ("mean", "ci_low", "ci_high"))
    assert excerpts.contrast_cell(nets, "net5") == "**{:.2f} ({:.2f} to {:.2f})**".format(*ends)
    assert excerpts.contrast_cell(nets, "net5", "net4") == excerpts.contrast_cell(nets, "net5")
    assert "*" not in excerpts.contrast_cell(nets, "net4")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (lambda its: excerpts.paper_cell(its, "net9", "parameters"), "no row net9 with a column parameters"),
        (lambda its: excerpts.paper_cell(its, "net1", "weights"), "no row net1 with a column weights"),
        (lambda its: excerpts.contrast_cell(its, "net1"), "0 contrasts compare net1 with others"),
        (lambda its: excerpts.contrast_cell(its, "net5", "net1"), "0 contrasts compare net5 with net1"),
    ],
)
def test_what_is_not_recorded_is_refused(cell, words, nets):
    with pytest.raises(UserError, match=words):
        cell(nets)


def test_a_difference_is_resolved_after_the_correction_for_all_of_a_sweep():
    errors = {
        "base": (5.0, 5.1, 4.9),
        "clear": (1.0, 1.1, 0.8),
        "close": (4.6, 4.8, 4.4),
        "same": (5, 5.1, 4.9),
    }
    runs = [
        result(arm, seed, 1 - error / 100) for arm, its in errors.items() for seed, error in enumerate(its)
    ]

    def resolved(*arms):
        return excerpts.resolved_contrasts(
            runs, [{"name": arm, "baselines": {} if arm == "base" else {arm: "base"}} for arm in arms]
        )

    assert resolved("base", "clear", "close") == {"clear", "close"}
    assert resolved("base", "clear", "close", "same", "same2", "same3") == {"clear"}
