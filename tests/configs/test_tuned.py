"""What is chosen for the papers' networks is what did best on validation images."""

import json

import numpy as np
import pytest

from configs.history import tuned
from configs.history.families import ERAS
from lenet_jax.errors import UserError
from tests.helpers import folders
from tests.helpers.commands import PROJECT

CHOICES = json.loads(tuned.TUNED.read_text(encoding="utf-8"))


def tuned_together(era):
    """The era's families, in lists of those that share one candidate."""
    groups = {}
    for family in ERAS[era]:
        groups.setdefault(family.tuned_with or family.name, []).append(family)
    return list(groups.values())


@pytest.mark.parametrize("era", ERAS)
def test_what_is_chosen_is_best_on_validation_images(era):
    """If this fails, run experiments.tune again, as configs/history/choices.py says."""
    path = PROJECT / "results" / "history" / f"choices_{era}" / "table.csv"
    rows = {row["arm"]: row for row in folders.rows(path)}
    assert set(rows) == {f"{family.name}-{name}" for family in ERAS[era] for name in family.candidates}
    for families in tuned_together(era):
        assert all(family.candidates == families[0].candidates for family in families)
        scores = {}
        for name in families[0].candidates:
            tried = [rows[f"{family.name}-{name}"] for family in families]
            # A candidate of which a run diverged has no claim.
            if all(row["diverged"] == "0" for row in tried):
                scores[name] = np.mean([float(row["val_accuracy_mean"]) for row in tried])
        best = max(scores, key=scores.get)
        for family in families:
            row = rows[f"{family.name}-{best}"]
            assert CHOICES[family.name] == {
                "candidate": best,
                "overrides": family.candidates[best],
                "val_accuracy_mean": pytest.approx(float(row["val_accuracy_mean"]), abs=1e-6),
                "runs": int(row["runs"]),
            }


def test_net_1_to_net_5_share_one_rate():
    """The best for their mean, of the digits as they are and of those at four positions."""
    assert [[family.name for family in families] for families in tuned_together("nets")] == [
        [f"net{i}" for i in range(1, 6)],
        [f"net{i}_positions" for i in range(1, 6)],
    ]


def test_every_family_has_its_choice_sorted_by_name():
    families = [family for era in ERAS.values() for family in era]
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
