"""experiments.margins: margins from a pilot's validation answers, and sweeps with planned contrasts."""

import json
import shutil

import pytest

from tests.helpers import folders
from tests.helpers.commands import PROJECT, TINY, run_command

CONFIG = f"--config={PROJECT / 'tests' / 'helpers' / 'planned_sweep.py'}"


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    """A tuning sweep with the seeds 0 and 1."""
    folder = tmp_path_factory.mktemp("pilot")
    ended = run_command("tune", CONFIG, "--config.seed=0", f"--workdir={folder}")
    assert ended.status == 0, ended.err
    return folder


def test_the_largest_margin_of_a_difference_is_written_for_the_dataset(pilot, tmp_path):
    output = tmp_path / "margins.json"
    output.write_text('{"mnist": 0.1}')
    ended = run_command("margins", CONFIG, f"--pilot={pilot}", f"--output={output}")
    assert ended.status == 0, ended.err
    lines = {line.split("  ")[0]: line.split() for line in ended.out.splitlines()}
    width, twice = lines["width"], lines["wide against narrow, twice"]
    assert width[-1] == "yes" and twice[-1] == "no"
    assert float(twice[-2]) == pytest.approx(2 * float(width[-2]), rel=1e-2)
    written = json.loads(output.read_text())
    assert written["mnist"] == 0.1 and float(width[-2]) <= written["digits"] < float(width[-2]) + 0.0101
    assert "Margin for digits:" in ended.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([TINY], "plans no contrasts: it needs get_planned_contrasts(config)"),
        ([CONFIG], "--pilot=DIR is missing"),
        (
            [CONFIG, "--pilot=PILOT", "--config.seed=1"],
            "has runs with seed 1, which the sweep also uses: tune",
        ),
        ([CONFIG, "--pilot=PILOT", "--config.train.epochs=3"], "no runs of the config of arm wide: tune"),
        ([CONFIG, "--pilot=SWEEP"], "has runs that scored test images, which must not set a margin"),
        ([CONFIG, "--pilot=PILOT", "--output=DAMAGED"], "DAMAGED is not a file of margins"),
    ],
)
def test_what_has_no_margins_is_refused(arguments, sentence, pilot, finished_sweep, tmp_path):
    (tmp_path / "DAMAGED").write_text("[]")
    places = {"PILOT": str(pilot), "SWEEP": str(finished_sweep), "DAMAGED": str(tmp_path / "DAMAGED")}
    for word, place in places.items():
        arguments = [argument.replace(word, place) for argument in arguments]
    ended = run_command("margins", *arguments)
    assert ended.status == 1 and ended.out.count("Margin for") <= 1
    assert ended.err.replace(places["DAMAGED"], "DAMAGED").count(sentence) == 1 and ended.err.count("\n") == 1


def test_a_pilot_without_answers_is_refused(pilot, tmp_path):
    copy = shutil.copytree(pilot, tmp_path / "copy")
    (copy / "mistakes.npz").unlink()
    ended = run_command("margins", CONFIG, f"--pilot={copy}")
    assert ended.status == 1 and "lacks the answers of arm" in ended.err


def test_a_sweep_records_and_tests_its_planned_contrasts(tmp_path):
    ended = run_command("ablate", CONFIG, "--config.seeds=3", f"--workdir={tmp_path / 'sweep'}")
    assert ended.status == 0, ended.err
    header = json.loads((tmp_path / "sweep" / "config.json").read_text())
    assert header["planned"] == [
        {"name": "width", "weights": {"wide": 1.0, "narrow": -1.0}, "margin": 5.0, "seeds": 2},
        {
            "name": "wide against narrow, twice",
            "weights": {"wide": 2.0, "narrow": -2.0},
            "margin": 0.0,
            "seeds": 0,
        },
    ]
    rows = folders.rows(tmp_path / "sweep" / "planned.csv")
    assert [row["contrast"] for row in rows] == ["width", "wide against narrow, twice"]
    page = (tmp_path / "sweep" / "planned.md").read_text()
    assert "adjusted after Holm for all 2 planned contrasts" in page and "within 5 of 0" in page
    assert "| width " in page and "| MLP 8 against MLP 4, twice " in page
    assert "(Holm)" in ended.out and "verdict" in ended.out


def test_an_unfinished_sweep_claims_nothing(tmp_path):
    folder = tmp_path / "sweep"
    run_command("ablate", CONFIG, "--config.arms=wide", f"--workdir={folder}")
    assert not (folder / "planned.csv").exists()
    run_command("ablate", CONFIG, "--config.seeds=1", f"--workdir={folder}")
    assert "Unfinished: not all planned runs are recorded" in (folder / "planned.md").read_text()
    assert folders.rows(folder / "planned.csv")[0]["verdict"] == "unfinished"


def test_plans_cannot_change_once_runs_are_recorded(tmp_path):
    changed = tmp_path / "changed.py"
    helper = PROJECT / "tests" / "helpers" / "planned_sweep.py"
    changed.write_text(helper.read_text().replace("5.0, seeds=2", "9.0, seeds=2"))
    arguments = ("--config.arms=narrow", "--config.seeds=1", f"--workdir={tmp_path / 'sweep'}")
    assert run_command("ablate", CONFIG, *arguments).status == 0
    before = (tmp_path / "sweep" / "config.json").read_bytes()
    ended = run_command("ablate", f"--config={changed}", *arguments)
    assert ended.status == 1 and "recorded with other planned contrasts" in ended.err
    assert (tmp_path / "sweep" / "config.json").read_bytes() == before
