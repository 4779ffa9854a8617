"""From records to tables and a figure; the records here are written, not trained."""

import builtins
import errno
import os
import pathlib
import shutil
import subprocess

import pytest

from lenet_jax.analysis.crossed import Wrong, weighted_sum
from lenet_jax.errors import UserError
from lenet_jax.report import figures, pages
from lenet_jax.report.pages import write_report, write_results
from lenet_jax.runs.loaded import load_sweep
from lenet_jax.runs.store import Store, read_sweep
from tests.helpers import folders
from tests.helpers.commands import PROJECT, run_command
from tests.helpers.recorded import CONFIG, PROVENANCE, header, record, remove_runs, write_runs
from tests.helpers.results import arm, result, unscored

ARMS = [
    arm("wide", baselines={"width": "narrow"}),
    arm("narrow", baselines={"step size": "too_fast"}),
    arm("too_fast"),
]
ACCURACIES = {
    "narrow": {0: 0.5, 2: 0.6, 10: 0.7},
    "wide": {0: 0.7, 2: 0.9, 10: None},
    "too_fast": {0: None, 2: None, 10: None},
}
SWEEP = header(ARMS, CONFIG | {"train.epochs": 30, "train.batch_size": 32, "train.learning_rate": 0.05})
FIGURES = figures.FORMATS


pytestmark = pytest.mark.usefixtures("one_format")


def results(**accuracies):
    """Results of arms, from arm -> seed -> accuracy."""
    return [result(arm, seed, it) for arm, its in accuracies.items() for seed, it in its.items()]


@pytest.fixture
def directory(tmp_path):
    """A sweep of three arms and three seeds; `wide` diverged once, `too_fast` always."""
    write_runs(tmp_path, SWEEP, results(**ACCURACIES))
    return tmp_path


def written(directory):
    """The names of a report's files."""
    return {path.name for path in directory.iterdir()} - {"config.json", "runs.jsonl", ".lock"}


def test_results_have_one_row_per_run_by_arm_and_seed(directory):
    write_runs(directory, header(ARMS[1:], SWEEP["config"]), [result("forgotten", 0, 0.5)])
    write_results(directory)
    rows = folders.rows(directory / "results.csv")
    found = [(row["arm"], int(row["seed"])) for row in rows]
    ordered = [(arm, seed) for arm in ("narrow", "too_fast", "wide") for seed in (0, 2, 10)]
    assert found == [*ordered, ("forgotten", 0)]  # an arm that no config.json lists


def test_results_have_the_columns_of_the_design(directory):
    write_results(directory)
    rows = folders.rows(directory / "results.csv")
    asked = (
        "arm dataset seed status parameters connections macs epochs train_accuracy val_accuracy "
        "test_accuracy test_error_percent wall_seconds"
    )
    assert set(asked.split()) <= set(rows[0])
    assert {(row["arm"], int(row["seed"])): row["test_accuracy"] for row in rows} == {
        (arm, seed): "" if accuracy is None else str(accuracy)
        for arm, accuracies in ACCURACIES.items()
        for seed, accuracy in accuracies.items()
    }
    assert {row["test_accuracy"]: row["status"] for row in rows}[""] == "diverged"
    done = [row for row in rows if row["status"] == "done"]
    assert len(done) == 5
    for row in done:
        assert float(row["test_error_percent"]) == pytest.approx(100 - 100 * float(row["test_accuracy"]))


def test_tables_have_one_row_per_arm(directory):
    write_report(directory)
    rows = folders.rows(directory / "table.csv")
    asked = (
        "arm runs diverged parameters connections macs test_accuracy_mean test_accuracy_ci_low "
        "test_accuracy_ci_high"
    )
    assert set(asked.split()) <= set(rows[0])
    assert [(row["arm"], row["runs"], row["diverged"]) for row in rows] == [
        ("wide", "3", "1"), ("narrow", "3", "0"), ("too_fast", "3", "3"),
    ]  # fmt: skip
    assert [row["test_accuracy_mean"] for row in rows] == ["0.8", "0.6", ""]
    # 0.7 and 0.9: mean 0.8, standard error 0.1, t = 12.706, clipped to what accuracies can be.
    assert (rows[0]["test_accuracy_ci_low"], rows[0]["test_accuracy_ci_high"]) == ("0.0", "1.0")
    # Standard error 0.1 / sqrt(3), t = 4.30265.
    assert float(rows[1]["test_accuracy_ci_low"]) == pytest.approx(0.6 - 0.248414, abs=1e-6)
    assert float(rows[1]["test_accuracy_ci_high"]) == pytest.approx(0.6 + 0.248414, abs=1e-6)


def test_contrasts_are_paired_and_those_without_pairs_left_out(directory):
    write_report(directory)
    [row] = folders.rows(directory / "contrasts.csv")
    assert (row["contrast"], row["pairs"]) == ("width", "2")  # seed 10 diverged
    assert float(row["difference_mean"]) == pytest.approx(0.25)
    assert "step size" not in (directory / "contrasts.md").read_text()


def test_the_notes_say_how_the_numbers_came_about(directory):
    other = PROVENANCE | {"revision": "4567def-dirty"}
    sweep = header([*ARMS, arm("slow")], SWEEP["config"])
    write_runs(directory, sweep, [result("slow", 11, 0.6)], other, train__learning_rate=0.1)
    printed = " ".join(write_report(directory).split())
    for text in (printed, (directory / "table.md").read_text()):
        for part in (
            "all 360 test images of digits", "trained on 1,293", "144 more were held out for validation",
            "95%, Student's t", "Training: 30 epochs of 1,293 images, batch size 32, cross entropy, SGD,",
            "momentum 0.9; learning rate 0.05 (cosine): wide / narrow / too_fast;",
            "learning rate 0.1 (cosine): local, shared (LeNet-5), learning rate 0.1 (cosine); seeds 0, 2,",
            "2, 10, 11.",
            "without seed 11: wide / narrow / too_fast; without seeds 0, 2, 10: local, shared (LeNet-5)",
            "`python -m experiments.ablate --config=x.py --config.seeds=12 --workdir=DIR`",
            "1 x cpu on a machine, 2 cores",
            "jax 1.1, flax 2.2, optax 3.3", "revision 0123abc and 4567def-dirty.",
        ):  # fmt: skip
            assert part in text


def test_intervals_cover_the_test_images_where_wrong_answers_are_known(sweep_copy):
    text = " ".join(write_report(sweep_copy).split())
    assert "crossed random effects" in text and "does not cover test-set sampling" not in text
    sweep = load_sweep(sweep_copy)
    mistakes = sweep.mistakes()
    count = len(next(iter(sweep)).splits().test.labels)
    wrong = Wrong({key: found.images for key, found in mistakes.items()}, count)
    for row in folders.rows(sweep_copy / "table.csv"):
        accuracies = {key: 1 - len(found.images) / count for key, found in mistakes.items()}
        sums = weighted_sum({row["arm"]: 1.0}, accuracies, wrong)
        interval = sums.interval((0.0, 1.0))
        if len(sums.seeds) > 1:
            found = (row["test_accuracy_ci_low"], row["test_accuracy_ci_high"])
            assert tuple(map(float, found)) == pytest.approx(interval[1:], abs=1e-6)
    before = (sweep_copy / "table.csv").read_bytes()
    shutil.rmtree(sweep_copy / "predictions")
    write_report(sweep_copy)  # mistakes.npz has them
    assert (sweep_copy / "table.csv").read_bytes() == before


def test_without_the_wrong_answers_of_a_run_no_interval_covers_the_images(sweep_copy):
    path = next((sweep_copy / "predictions").glob("*.msgpack"))
    path.unlink()
    (sweep_copy / "mistakes.npz").unlink(missing_ok=True)
    text = " ".join(write_report(sweep_copy).split())
    assert "does not cover test-set sampling" in text and "crossed" not in text


@pytest.mark.parametrize("changed", ["draws", "images", "dataset"])
def test_no_interval_covers_images_that_runs_do_not_share(sweep_copy, monkeypatch, changed):
    header, runs = read_sweep(sweep_copy)
    first = {**runs[0], "images": dict(runs[0]["images"]), "result": dict(runs[0]["result"])}
    if changed == "draws":
        first["config"] = first["config"] | {"data.draw": [10, 10, 360]}
    elif changed == "images":
        first["images"]["test"] += 1
    else:
        first["result"]["dataset"] = "other"
    monkeypatch.setattr(pages, "read_sweep", lambda _: (header, [first, *runs[1:]]))
    assert "crossed" not in write_report(sweep_copy)


def test_the_figure_is_drawn_even_where_arms_only_diverged(directory):
    write_report(directory)
    assert (directory / "accuracy.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    remove_runs(directory, "wide", "narrow")
    (directory / "accuracy.png").unlink()
    text = write_report(directory)
    assert (directory / "accuracy.png").stat().st_size > 1000
    assert "too_fast" in text


def test_a_single_seed_has_no_interval(tmp_path):
    write_runs(tmp_path, SWEEP, results(wide={0: 0.7}, narrow={0: 0.5}, too_fast={0: None}))
    write_report(tmp_path)
    rows = folders.rows(tmp_path / "table.csv")
    assert [(row["test_accuracy_mean"], row["test_accuracy_ci_low"]) for row in rows] == [
        ("0.7", ""), ("0.5", ""), ("", ""),
    ]  # fmt: skip


def test_the_same_records_give_the_same_files(directory, monkeypatch):
    monkeypatch.undo()
    text = write_report(directory)
    first = {name: (directory / name).read_bytes() for name in written(directory)}
    assert write_report(directory) == text
    assert {name: (directory / name).read_bytes() for name in written(directory)} == first
    endings = (".csv", ".md", ".tex", "_notes.tex")
    names = {f"{name}{ending}" for name in ("table", "contrasts") for ending in endings}
    assert set(first) == names | {"results.csv", "report.html"} | {f"accuracy.{ending}" for ending in FIGURES}


def test_contrasts_that_no_longer_hold_are_removed(directory):
    write_report(directory)
    remove_runs(directory, "narrow")
    write_report(directory)
    assert not list(directory.glob("contrasts.*"))


def test_a_folder_that_is_still_being_filled_is_reported(tmp_path):
    with Store.open(tmp_path, SWEEP, configs={}) as store:
        record(store, SWEEP, results(wide={0: 0.7}))
        assert store.claim("narrow", 0)
        write_report(tmp_path)
        assert [row["arm"] for row in folders.rows(tmp_path / "table.csv")] == ["wide"]
        store.release("narrow", 0)
        record(store, SWEEP, results(narrow={0: 0.5}))
        write_report(tmp_path)
        assert [row["arm"] for row in folders.rows(tmp_path / "table.csv")] == ["wide", "narrow"]


def test_what_a_killed_command_left_is_merged(directory):
    text = write_report(directory)
    before = (directory / "runs.jsonl").read_bytes()
    (directory / "runs.jsonl").rename(directory / "runs.1-0123abcd.jsonl")
    assert write_report(directory) == text
    assert (directory / "runs.jsonl").read_bytes() == before
    assert not (directory / "runs.1-0123abcd.jsonl").exists()


@pytest.mark.parametrize("name", ["config.json", "runs.jsonl"])
def test_damage_is_named_and_nothing_written(directory, name):
    write_report(directory)
    text = (directory / name).read_text()
    (directory / name).write_text(text[:-20])
    before = folders.contents(directory)
    with pytest.raises(UserError, match=f"{name}.* is damaged: .* the sweep's command again"):
        write_report(directory)
    assert folders.contents(directory) == before


def test_a_folder_without_runs_is_refused(directory, tmp_path):
    for empty in (tmp_path / "empty", tmp_path / "missing"):
        if empty.name == "empty":
            empty.mkdir()
        with pytest.raises(UserError, match=f"{empty} holds no .*: run experiments.ablate"):
            write_report(empty)
    assert list((tmp_path / "empty").iterdir()) == [] and not (tmp_path / "missing").exists()
    remove_runs(directory, *ACCURACIES)
    with pytest.raises(UserError, match="holds no recorded runs"):
        write_report(directory)


def test_papers_are_shown_alongside_ours_where_arms_have_labels(directory, monkeypatch):
    monkeypatch.undo()
    write_report(directory)
    assert (directory / "accuracy.png").exists() and not (directory / "papers.md").exists()
    paper = {"error_percent": 25.0, "images": 360, "errors": None}
    labelled = [
        ARMS[0],
        arm("narrow", label="the narrow one", paper=paper),
        arm("too_fast", label="diverges"),
    ]
    write_runs(directory, header(labelled, SWEEP["config"]), [])
    shown = write_report(directory)
    rows = folders.rows(directory / "papers.csv")
    assert [row["arm"] for row in rows] == ["narrow", "too_fast"]
    assert float(rows[0]["paper_error_percent"]) == 25
    assert float(rows[0]["error_percent"]) == pytest.approx(40)
    page = (directory / "papers.md").read_text()
    assert "the narrow one" in page and "Wilson" in page and "Command: `python -m" in page
    assert "30 epochs of 1,293 images" in page and "30 epochs of 1,293 images" in rows[0]["protocol"]
    assert "the paper's (%)" in page and "25.00 (" in page and "25.00" in shown
    for ending in FIGURES:
        assert (directory / f"papers.{ending}").exists() and not (directory / f"accuracy.{ending}").exists()
    write_runs(directory, SWEEP, [])
    write_report(directory)
    assert not list(directory.glob("papers.*")) and (directory / "accuracy.png").exists()


def test_the_figure_of_papers_can_be_drawn_where_every_run_diverged(tmp_path):
    write_runs(tmp_path, header([arm("too_fast", label="diverges")]), results(too_fast={0: None}))
    write_report(tmp_path)
    assert (tmp_path / "papers.png").exists()


def test_tuning_shows_validation_and_no_test_image(tmp_path):
    tuning = header([arm("net-slow", label="a net"), arm("net-fast", label="a net")]) | {"kind": "tuning"}
    runs = [unscored("net-slow", 0, 0.5), unscored("net-fast", 0, 0.75), unscored("net-fast", 1, None)]
    write_runs(tmp_path, tuning, runs)
    text = write_report(tmp_path)
    rows = folders.rows(tmp_path / "table.csv")
    assert [(row["val_accuracy_mean"], row["test_accuracy_mean"]) for row in rows] == [
        ("0.5", ""), ("0.75", ""),
    ]  # fmt: skip
    assert "validation error (%)" in (tmp_path / "table.md").read_text()
    assert "the test images are not scored" in " ".join(text.split())
    tables = {"table.csv", "table.md", "table.tex", "table_notes.tex"}
    assert written(tmp_path) == {"results.csv", "report.html", *tables}


def test_any_text_of_a_sweep_comes_out_as_it_is(tmp_path):
    """The rows of LaTeX and Markdown hold what the config file and the command line said."""
    command = ["python", "-m", "x", "--config=it's a `file`.py", "--config.dataset=a\nb\udc80"]
    label = "50% of `x` | $1\nand <b> \udc80"
    sweep = header([arm("_a_", label=label, baselines={label: "b"}), arm("b")]) | {"command": command}
    runs = [result(name, seed, 0.5, dataset="_my_ data") for name in ("_a_", "b") for seed in (0, 1)]
    write_runs(tmp_path, sweep, runs, dataset="sha256:0123")
    write_report(tmp_path)
    for name in ("contrasts", "papers"):
        markdown = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
        assert r"50% of \`x\` \| \$1 and &lt;b> \\udc80" in markdown
        assert r"50\% of \textasciigrave{}x\textasciigrave{} \textbar{} \$1 and \ensuremath{<}b" in (
            (tmp_path / f"{name}.tex").read_text(encoding="utf-8")
        )
    [row] = folders.rows(tmp_path / "contrasts.csv")
    assert row["contrast"] == label.replace("\udc80", r"\udc80")
    notes = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert r"test images of \_my\_ data" in notes
    [typed] = [line.removeprefix("- Command: ") for line in notes.splitlines() if "Command: " in line]
    words = subprocess.check_output(
        ["bash", "-c", typed.strip("` ").replace("python -m x", r"printf %s\\0", 1)]
    )
    assert words.decode(errors="surrogateescape").split("\0")[:2] == command[3:]


@pytest.fixture
def read_only(directory, monkeypatch):
    """The folder of `directory`, as one on a file system that is mounted read-only, also for root."""

    def guard(module, name, changes):
        original = getattr(module, name)

        def call(path, *arguments, **options):
            inside = isinstance(path, str | os.PathLike) and pathlib.Path(path).is_relative_to(directory)
            if inside and changes(*arguments):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            return original(path, *arguments, **options)

        monkeypatch.setattr(module, name, call)

    guard(builtins, "open", lambda mode="r", *_: mode.strip("rbt"))
    guard(os, "open", lambda flags, *_: flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    for name in ("mkdir", "rename", "replace", "unlink"):
        guard(os, name, lambda *_: True)
    return directory


def test_a_folder_that_cannot_be_written_is_still_shown(directory, read_only, monkeypatch, caplog):
    before = folders.contents(directory)
    shown = write_report(read_only)
    assert folders.contents(directory) == before
    [record] = caplog.records
    message = record.getMessage()
    assert f"--workdir={directory} cannot be written (Read-only file system): choose a folder" in message
    assert message.startswith("runs.jsonl and ") and " more could not be updated: " in message
    assert message.count(". ") == 0 and "\n" not in message
    monkeypatch.undo()
    monkeypatch.setattr(figures, "FORMATS", ("png",))
    assert write_report(directory) == shown and len(shown) > 1000
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "name", [".lock", "results.csv", "table.md", "accuracy.png", "papers.png", "report.html"]
)
def test_one_file_that_cannot_be_written_costs_no_other(directory, name, caplog):
    expected = write_report(directory)
    files = written(directory) - {name}
    for file in files:
        (directory / file).unlink()
    (directory / name).unlink(missing_ok=True)
    (directory / name / "occupied").mkdir(parents=True)
    assert write_report(directory) == expected
    assert files <= written(directory)
    [record] = caplog.records
    culprit = "runs.jsonl" if name == ".lock" else name
    assert record.getMessage().startswith(f"{culprit} could not be updated: ")


def test_a_full_disk_is_said_once(directory, monkeypatch, caplog):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert "| " not in write_report(directory)
    [record] = caplog.records
    assert "No space left on device" in record.getMessage() and "free space" in record.getMessage()
    assert [path.name for path in directory.iterdir() if path.name.startswith(".results")] == []


def test_arms_that_differ_in_training_images_or_wirings_have_tables_and_a_figure(tmp_path):
    config = f"--config={PROJECT / 'tests' / 'helpers' / 'sizes_sweep.py'}"
    ended = run_command("ablate", config, f"--workdir={tmp_path / 'sizes'}")
    assert ended.status == 0, ended.err
    rows = folders.rows(tmp_path / "sizes" / "images.csv")
    assert [(row["network"], row["reference_images"]) for row in rows] == [("mlp", "50"), ("mlp", "400")]
    page = (tmp_path / "sizes" / "images.md").read_text()
    assert "the convolution's training images" in page and "interval, over 3 seeds and the test" in page
    assert (tmp_path / "sizes" / "images.png").exists()
    [wirings] = folders.rows(tmp_path / "sizes" / "wirings.csv")
    assert (wirings["network"], wirings["wirings"], wirings["seeds"]) == ("random", "3", "3")
    assert "of the test that wirings do not differ" in (tmp_path / "sizes" / "wirings.md").read_text()
    shutil.rmtree(tmp_path / "sizes" / "predictions")
    (tmp_path / "sizes" / "mistakes.npz").unlink()
    write_report(tmp_path / "sizes")  # without wrong answers there are no intervals, but the figure
    assert not (tmp_path / "sizes" / "images.csv").exists() and (tmp_path / "sizes" / "images.png").exists()
