"""What is chosen for the papers' networks is what did best on validation images, of what was tried."""

import dataclasses
import json

import pytest

from configs.history import common, tuned
from configs.history.families import ERAS
from lenet_jax.errors import UserError
from lenet_jax.runs.store import read_sweep
from lenet_jax.runs.tuning import select_candidates, tied_candidates
from tests.helpers.commands import PROJECT

CHOICES = json.loads(tuned.TUNED.read_text(encoding="utf-8"))
RESULTS = PROJECT / "results" / "history"
TRIED = [era for era in ERAS if (RESULTS / f"choices_{era}").exists()]


def families_as_tried(era, tried):
    """The families with the candidates that have runs."""
    return [
        dataclasses.replace(
            family,
            candidates={
                name: its for name, its in family.candidates.items() if f"{family.name}-{name}" in tried
            },
        )
        for family in ERAS[era]
    ]


@pytest.mark.parametrize("era", TRIED)
def test_what_is_chosen_is_best_on_validation_images(era):
    """If this fails, run experiments.tune again, as configs/history/choices.py says.

    Candidates that were added after an era was run count once it is run again.
    """
    _, runs = read_sweep(RESULTS / f"choices_{era}")
    results = [run["result"] for run in runs]
    tried = {result["arm"] for result in results}
    assert tried <= {f"{family.name}-{name}" for family in ERAS[era] for name in family.candidates}
    families = families_as_tried(era, tried)
    selected = select_candidates(families, results)
    assert set(selected) == {family.name for family in ERAS[era]}
    assert {family: CHOICES[family] for family in selected} == json.loads(json.dumps(selected))


@pytest.mark.parametrize("era", ["1989", "damping", "nets"])
def test_what_the_history_page_says_of_ties_holds(era):
    """With five seeds, every selected rate is tied with others; fix the page if this fails."""
    _, runs = read_sweep(RESULTS / f"choices_{era}")
    results = [run["result"] for run in runs]
    families = families_as_tried(era, {result["arm"] for result in results})
    tied = tied_candidates(families, select_candidates(families, results), results)
    assert set(tied) == {family.name for family in families} and all(tied.values())


@pytest.mark.parametrize("place", ["", "_positions"])
def test_net_1_to_net_5_share_one_rate(place):
    nets = [f"{net}{place}" for net in common.NETS]
    assert {family.tuned_with for family in ERAS["nets"] if family.name in nets} == {f"nets{place}"}
    assert len({CHOICES[net]["candidate"] for net in nets}) == 1
    assert all(not family.tuned_with for era in ERAS for family in ERAS[era] if era != "nets")


def test_every_family_that_was_tried_has_its_choice_sorted_by_name():
    families = [family for era in TRIED for family in ERAS[era]]
    assert list(CHOICES) == sorted(family.name for family in families)
    for family in families:
        assert tuned.chosen(family.name) == family.candidates[CHOICES[family.name]["candidate"]]
        assert tuned.as_chosen(family.name) == family.overrides | tuned.chosen(family.name)


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_family_without_a_choice_is_refused_with_the_command_that_chooses(content, tmp_path, monkeypatch):
    monkeypatch.setattr(tuned, "TUNED", tmp_path / "tuned.json")
    if content:
        tuned.TUNED.write_text(content)
    command = (
        "run python -m experiments.tune --config=configs/history/choices.py:nets "
        "--output=configs/history/tuned.json --workdir=DIR."
    )
    for choice in (tuned.chosen, tuned.as_chosen):
        with pytest.raises(UserError) as refused:
            choice("net3_positions")
        assert str(refused.value).startswith("configs/history/tuned.json has no choice for net3_positions:")
        assert str(refused.value).endswith(command)
