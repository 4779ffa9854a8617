"""probes.jsonl: what is written is read again, and what is torn or damaged is measured again."""

import dataclasses

import numpy as np
import pytest

from lenet_jax.errors import UserError
from lenet_jax.probes import records
from lenet_jax.probes.disturbances import Noise, Shift
from lenet_jax.probes.probe import CHANCE, CHANGE, TRAINED, UNTRAINED, Value
from lenet_jax.probes.rows import difference_rows, probe_rows

SHIFT = Shift((0, 1))


def run(seed, network="abc"):
    return {"arm": "wide", "seed": seed, "kept": {"weights": {"bytes": 3, "sha256": network}}}


RUNS = [run(0), run(1)]


def values(seed):
    rng = np.random.default_rng(seed)
    wrong = [rng.random(10_001) < 0.01 * (1 + amount) for amount in (0, 1)]
    return [Value(TRAINED, amount, float(its.mean()), its) for amount, its in enumerate(wrong)]


def fill(directory, seeds=(0, 1)):
    with records.writing(directory):
        for seed in seeds:
            records.add(directory, SHIFT, run(seed), values(seed))


def test_values_are_read_as_they_were_written_in_few_bytes(tmp_path):
    fill(tmp_path)
    with records.writing(tmp_path):
        records.add(tmp_path, Noise((0.5,)), run(0), [Value(UNTRAINED, "stage_1", 0.25)])
    found = records.read_measured(tmp_path, [SHIFT, Noise((0.5,))], RUNS)
    assert list(found) == [("shift", "wide", 0), ("shift", "wide", 1), ("noise", "wide", 0)]
    for seed in (0, 1):
        for read, written in zip(found["shift", "wide", seed], values(seed), strict=True):
            assert read[:3] == written[:3] and (read.is_wrong == written.is_wrong).all()
    assert found["noise", "wide", 0] == [Value(UNTRAINED, "stage_1", 0.25)]
    assert (tmp_path / records.FILE).stat().st_size < 3000  # for 4 times 10,000 images


def test_other_settings_and_networks_are_measured_again(tmp_path):
    fill(tmp_path)
    assert not records.read_measured(tmp_path, [dataclasses.replace(SHIFT, images=10)], RUNS)
    assert list(records.read_measured(tmp_path, [SHIFT], [run(0), run(1, "other")])) == [("shift", "wide", 0)]


def test_what_other_code_has_measured_is_known_unless_only_the_current_code_counts(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.setattr(records, "probe_code", lambda: "other")
    assert len(records.read_measured(tmp_path, [SHIFT], RUNS)) == 2
    assert not records.read_measured(tmp_path, [SHIFT], RUNS, only_current_code=True)


def test_a_torn_line_is_removed_and_a_damaged_one_set_aside(tmp_path):
    fill(tmp_path)
    path = tmp_path / records.FILE
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[: len(second) // 2])
    assert list(records.read_measured(tmp_path, [SHIFT], RUNS)) == [("shift", "wide", 0)]
    fill(tmp_path, seeds=(1,))
    assert path.read_bytes() == first + second
    path.write_bytes(first.replace(b"wide", b"wife") + second)
    with records.writing(tmp_path):
        pass
    assert path.read_bytes() == second
    assert (tmp_path / f"{records.FILE}.damaged-1").exists()
    assert list(records.read_measured(tmp_path, [SHIFT], RUNS)) == [("shift", "wide", 1)]


def test_a_second_command_is_refused(tmp_path):
    with (
        records.writing(tmp_path),
        pytest.raises(UserError, match="Another command is probing .* wait until it has finished"),
        records.writing(tmp_path),
    ):
        pass
    fill(tmp_path)


def test_rows_have_crossed_intervals_where_wrong_answers_are_known(tmp_path):
    rng = np.random.default_rng(0)
    seeds = (0, 1, 2)
    hard = rng.random(500) < 0.1
    wrong = {seed: hard & (rng.random(500) < 0.8) for seed in seeds}
    measured = {
        ("shift", "wide", seed): [
            Value(TRAINED, 0, float(wrong[seed].mean()), wrong[seed]),
            Value(UNTRAINED, 0, 0.5 + 0.1 * seed),
            Value(CHANCE[TRAINED], 0, 0.9),
        ]
        for seed in seeds
    }
    rows = {row["weights"]: row for row in probe_rows(SHIFT, measured, ["wide", "narrow"])}
    assert list(rows) == [CHANCE[TRAINED], UNTRAINED, TRAINED]
    trained, untrained, chance = rows[TRAINED], rows[UNTRAINED], rows[CHANCE[TRAINED]]
    assert trained["covers_images"] and not untrained["covers_images"]
    assert trained["value_mean"] == pytest.approx(100 * np.mean([its.mean() for its in wrong.values()]))
    # Binomial: 1.96 standard errors of 8% of 500 images are 2.4, seeds share their images.
    assert 1.5 < trained["value_ci_high"] - trained["value_mean"] < 4
    assert untrained["value_mean"] == pytest.approx(60)
    assert untrained["value_ci_high"] - 60 == pytest.approx(4.303 * 10 / np.sqrt(3), abs=0.01)
    assert (chance["value_mean"], chance["value_ci_low"]) == (90, None)


def test_differences_to_other_arms_are_paired_by_seed_and_image():
    """An arm that is wrong where the first is and on 20 to 23 more of 1,000 images."""
    rng = np.random.default_rng(1)
    measured = {}
    for seed in range(4):
        first = rng.random(1000) < 0.3
        other = first.copy()
        other[np.flatnonzero(~first)[: 20 + seed]] = True
        for arm, wrong in (("first", first), ("other", other), ("third", first)):
            measured["shift", arm, seed] = [Value(TRAINED, 0, float(wrong.mean()), wrong)]
    arms = ["first", "other", "third"]
    rows = {
        (row["arm"], row["other_arm"]): row
        for row in difference_rows(SHIFT, measured, arms, {"first": [], "third": ["other"]})
    }
    assert list(rows) == [("other", "first"), ("third", "other")]
    row = rows["other", "first"]
    assert (row["weights"], row["other_weights"], row["seeds"]) == (TRAINED, TRAINED, 4)
    assert row["difference_mean"] == pytest.approx(2.15) and row["covers_images"]
    assert 1 < row["difference_ci_low"] < 2.1 and 2.2 < row["difference_ci_high"] < 4
    assert rows["third", "other"]["difference_mean"] == pytest.approx(-2.15)
    [value, *_] = probe_rows(SHIFT, measured, arms)
    assert value["value_ci_high"] - value["value_ci_low"] > 2  # much wider than the difference's


def test_trained_weights_are_compared_with_chance_or_where_there_is_none_with_untrained_ones():
    measured = {
        ("shift", arm, seed): [
            Value(UNTRAINED, 0, 0.1 * seed),
            Value(TRAINED, 0, 0.1 * seed + 0.2),
            Value(CHANGE, 0, 0.1 * seed + 0.5),
            *([Value(CHANCE[CHANGE], 0, 0.1 * seed + 0.4)] if arm == "known" else []),
            *([Value(CHANCE[TRAINED], 0, 0.1 * seed + 0.1)] if arm == "known" else []),
        ]
        for arm in ("known", "unknown")
        for seed in range(3)
    }
    rows = difference_rows(SHIFT, measured, ["known", "unknown"], {})
    found = {
        (row["arm"], row["weights"], row["other_arm"], row["other_weights"]): row["difference_mean"]
        for row in rows
    }
    assert found == {
        ("known", TRAINED, "known", CHANCE[TRAINED]): pytest.approx(10),
        ("known", CHANGE, "known", CHANCE[CHANGE]): pytest.approx(10),
        ("unknown", TRAINED, "unknown", UNTRAINED): pytest.approx(20),
        ("unknown", TRAINED, "known", TRAINED): pytest.approx(0),
        ("unknown", CHANGE, "known", CHANGE): pytest.approx(0),
    }
    assert all(row["difference_ci_low"] == pytest.approx(row["difference_ci_high"]) for row in rows)
