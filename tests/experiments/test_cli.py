"""The commands: what they print and write, and bad input that is reported in one sentence."""

import json
import shutil
import subprocess
import sys

import pytest

from lenet_jax.config.fields import FIELDS
from lenet_jax.runs.claims import Claims
from lenet_jax.runs.result import describe
from lenet_jax.runs.store import read_sweep
from tests.helpers import folders
from tests.helpers.commands import PROJECT, TINY, run_command

LENET5 = f"--config={PROJECT / 'configs' / 'lenet5.py'}"
MLP = f"--config={PROJECT / 'configs' / 'mlp.py'}"
# The program of the tiny sweep's mlp_8, which is compiled anyway.
QUICK = [
    "--config.train.epochs=2", "--config.train.batch_size=431", "--config.data.image_size=16",
    "--config.data.box=16", "--config.model.hidden=8", "--config.dataset=digits",
]  # fmt: skip


def train(directory, *arguments):
    return run_command("train", MLP, *QUICK, f"--workdir={directory}", *arguments)


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """The folder of one run, with TensorBoard files. Tests do not change it."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    ended = train(directory, "--config.tensorboard=True")
    assert ended.status == 0, ended.err
    return directory


def assert_refused(ended, *words):
    """One sentence on stderr that has `words`, status 1, nothing else."""
    assert (ended.status, ended.out) == (1, ""), ended
    assert ended.err.startswith("error: ") and ended.err.endswith("\n"), ended
    assert len(ended.err.splitlines()) == 1 and "Traceback" not in ended.err, ended
    for word in words:
        assert word in ended.err


# Invalid fields and values, and what the sentence must name: the field, and what is allowed.
BAD_FIELDS = [
    ("nope=1", "config.nope"),
    ("train.epoch=3", "config.train.epoch ", "perhaps train.epochs"),
    ("train=3", "config.train "),
    ("train.epochs.x=3", "config.train.epochs.x"),
    ("train.epochs=many", "config.train.epochs", "many"),
    ("train.epochs=1.5", "config.train.epochs", "1.5"),
    ("train.epochs=", "config.train.epochs"),
    ("train.learning_rate=fast", "config.train.learning_rate", "fast"),
    ("seed=x", "config.seed", "x"),
    ("tensorboard=maybe", "config.tensorboard", "maybe"),
    ("model.hidden=wide", "config.model.hidden", "whole numbers", "--config.model.hidden=6,16"),
    ("model.hidden=0", "config.model.hidden", "positive"),
    ("model.hidden=2.5", "config.model.hidden", "whole numbers"),
    ("model.maps=6,-1", "config.model.maps", "positive"),
    ("dataset=cifar", "config.dataset", "'cifar'", "digits, mnist_5k, mnist, fashion_mnist, usps"),
    ("model.connectivity=sparse", "config.model.connectivity='sparse'", "local, random, full"),
    ("model.connectivity=local,full", "config.model.connectivity", "2 stages", "has 1"),
    ("model.sharing=tied", "config.model.sharing='tied'", "shared, unshared"),
    ("train.optimizer=lion", "config.train.optimizer='lion'", "sgd, adam"),
    ("train.schedule=step", "config.train.schedule='step'", "constant, cosine, linear"),
    ("model.activation=gelu", "config.model.activation='gelu'", "tanh, relu"),
    ("model.pooling=sum", "config.model.pooling='sum'", "average, max"),
    ("model.name=alexnet", "config.model.name='alexnet'", "cnn, mlp"),
    ("parallel=tpu", "config.parallel='tpu'", "jit, pmap"),
    ("model.kernel_size=40", "config.model.kernel_size=40", "16x16", "smaller kernel"),
    ("model.kernel_size=0", "config.model.kernel_size=(0,)", "at least 1"),
    ("train.batch_size=5000", "train.batch_size: recorded 431, asked for 5000"),
    ("train.batch_size=0", "config.train.batch_size=0", "at least 1"),
    ("train.epochs=0", "config.train.epochs=0", "at least 1"),
    ("train.epochs=-1", "config.train.epochs=-1", "at least 1"),
    ("train.learning_rate=-0.1", "config.train.learning_rate=-0.1", "greater than 0"),
    ("train.learning_rate=0", "config.train.learning_rate=0", "greater than 0"),
    ("train.learning_rate=nan", "config.train.learning_rate=nan", "greater than 0"),
    ("train.learning_rate=inf", "config.train.learning_rate=inf", "greater than 0"),
    ("train.momentum=1", "config.train.momentum=1", "[0, 1)"),
    ("train.weight_decay=-1", "config.train.weight_decay=-1", "at least 0"),
    ("train.warmup_epochs=2", "config.train.warmup_epochs=2", "less than the 2 epochs"),
    ("seed=-1", "config.seed=-1", "from 0"),
    ("data.image_size=8", "data.image_size: recorded 16, asked for 8"),
    ("data.validation_fraction=1.5", "data.validation_fraction=1.5", "[0, 1)"),
    (
        "model.parameter_budget=100",
        "config.model.parameter_budget=100",
        "config.model.maps=1,",
        "set it to 0",
    ),
    ("seeds=0", "config.seeds=0", "at least 1"),
    ("arms=mlp_8,nope", "config.arms", "nope", "local_shared, mlp_8, mlp_4, too_fast"),
]


@pytest.mark.parametrize(
    ("argument", "words"), [pytest.param(argument, words, id=argument) for argument, *words in BAD_FIELDS]
)
def test_an_invalid_field_is_named_and_nothing_is_lost(finished_sweep, argument, words):
    before = folders.contents(finished_sweep)
    ended = run_command("ablate", TINY, f"--workdir={finished_sweep}", f"--config.{argument}")
    assert_refused(ended, *words)
    assert folders.contents(finished_sweep) == before


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (
            "train.batch_size=5000",
            ["config.train.batch_size=5000", "at most the 1,293 training images of digits"],
        ),
        ("data.image_size=8", ["config.data.image_size=8", "config.data.box=16"]),
    ],
)
def test_a_config_that_does_not_fit_the_data_is_refused_and_nothing_recorded(tmp_path, argument, words):
    ended = run_command("ablate", TINY, f"--workdir={tmp_path / 'sweep'}", f"--config.{argument}")
    assert_refused(ended, *words)
    assert not list(tmp_path.rglob("*"))


def test_an_invalid_field_that_no_selected_arm_reads_is_refused(tmp_path):
    for name in ("connectivity=sparse", "pooling=sum"):
        ended = run_command(
            "ablate", TINY, f"--workdir={tmp_path}", "--config.arms=mlp_8", f"--config.model.{name}"
        )
        assert_refused(ended, f"config.model.{name.split('=')[0]}")


@pytest.mark.parametrize("argument", ["train.epochs=0", "nope=1", "dataset=cifar", "seeds=2"])
def test_train_refuses_invalid_fields(finished_run, argument):
    before = folders.contents(finished_run)
    assert_refused(train(finished_run, f"--config.{argument}"), argument.split("=")[0])
    assert folders.contents(finished_run) == before


@pytest.mark.parametrize("argument", ["model.kernel_size=40", "model.name=alexnet", "data.image_size=-1"])
def test_summary_refuses_invalid_fields(argument):
    assert_refused(
        run_command("summary", LENET5, f"--config.{argument}"), argument.split("=")[0].split(".")[1]
    )


def test_no_folder_is_created_if_nothing_can_run(tmp_path):
    assert_refused(train(tmp_path / "new", "--config.train.epochs=0"))
    assert_refused(run_command("ablate", TINY, f"--workdir={tmp_path / 'new'}", "--config.train.epochs=0"))
    assert not (tmp_path / "new").exists()


BAD_FILES = {
    "raises": ("1 / 0\n", "division by zero"),
    "invalid_syntax": ("def get_config(:\n", "SyntaxError"),
    "no_function": ("x = 1\n", "get_config"),
    "no_config": ("def get_config():\n    return {}\n", "ConfigDict"),
    "two_lines": ("def get_config():\n    raise ValueError('one\\ntwo')\n", "one", "two"),
    "exits": ("import sys\nsys.exit('gone')\n", "gone"),
}


@pytest.mark.parametrize(
    ("name", "contents"),
    [pytest.param(*file, id=file[0]) for file in BAD_FILES.items()],
)
def test_an_invalid_config_file_is_refused(tmp_path, name, contents):
    file = tmp_path / f"{name}.py"
    file.write_text(contents[0])
    ended = run_command("ablate", f"--config={file}", f"--workdir={tmp_path / 'new'}")
    assert_refused(ended, str(file), *contents[1:])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "path",
    ["nothere.py", "../configs", ""],
)
def test_a_missing_config_file_is_refused(tmp_path, path):
    file = tmp_path / path if path == "nothere.py" else path
    ended = run_command("train", f"--config={file}", f"--workdir={tmp_path / 'new'}")
    assert_refused(ended, "--config", "configs/lenet5.py")


SWEEP_FILE = """
from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import default_sweep
def get_config():
    config = default_sweep()
    config.seeds = 1
    return config
def get_arms(config):
    BODY
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no arms')", ["get_arms(config) of this --config raised", "no arms"]),
        ("return []", ["get_arms", "at least one"]),
        ("return {'a': {'train.epochs': 1}}", ["get_arms", "list of lenet_jax.Arm"]),
        ("return [Arm('a', {'model.nope': 1})]", ["Arm a", "nope"]),
        ("return [Arm('a', {'model.hidden': 'x'})]", ["Arm a", "hidden"]),
        ("return [Arm('a', {'model.connectivity': 'x'})]", ["config.model.connectivity='x'"]),
        ("return [Arm('a/b', {'train.epochs': 1})]", ["a/b", "letters"]),
        ("return [Arm('a', {}), Arm('a', {'seed': 1})]", ["names a twice"]),
        ("return [Arm('a', {'seed': 1})]", ["Arm a sets seed", "config.seed"]),
    ],
)
def test_invalid_arms_are_refused(tmp_path, body, words):
    file = tmp_path / "sweep.py"
    file.write_text(SWEEP_FILE.replace("BODY", body))
    ended = run_command("ablate", f"--config={file}", f"--workdir={tmp_path / 'new'}")
    assert_refused(ended, *words)
    assert not (tmp_path / "new").exists()


def test_contrasts_with_missing_arms_are_refused(tmp_path):
    text = (PROJECT / "tests" / "helpers" / "tiny_sweep.py").read_text()
    file = tmp_path / "sweep.py"
    file.write_text(text.replace('"width": "mlp_4"', '"width": "mlp_5"'))
    ended = run_command("ablate", f"--config={file}", f"--workdir={tmp_path / 'new'}", "--config.arms=mlp_8")
    assert_refused(ended, "width", "mlp_5")


def test_a_sweep_without_the_fields_of_a_sweep_is_refused(tmp_path):
    file = tmp_path / "sweep.py"
    text = SWEEP_FILE.replace("default_sweep", "default_config").replace("config.seeds = 1", "pass")
    file.write_text(text.replace("BODY", "return []"))
    assert_refused(run_command("ablate", f"--config={file}", f"--workdir={tmp_path / 'new'}"), "seeds")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("config.unlock(); config.mine = 1", ["config.mine is not a field"]),
        ("config.unlock(); del config.train.epochs", ["lacks train.epochs"]),
    ],
)
def test_a_config_file_with_unknown_or_missing_fields_is_refused(tmp_path, body, words):
    file = tmp_path / "sweep.py"
    file.write_text(SWEEP_FILE.replace("config.seeds = 1", body).replace("BODY", "return []"))
    assert_refused(run_command("ablate", f"--config={file}", f"--workdir={tmp_path / 'new'}"), *words)


ARGUMENT_FILE = """
from lenet_jax.config.fields import default_config
from lenet_jax.errors import UserError
def get_config(batch="5000"):
    if not batch.isdigit():
        raise UserError(f"{batch} is not a number.")
    config = default_config()
    config.train.batch_size = int(batch)
    return config
"""


def test_a_config_file_takes_an_argument(tmp_path):
    file = tmp_path / "argument.py"
    file.write_text(ARGUMENT_FILE)
    workdir = f"--workdir={tmp_path / 'new'}"
    ended = run_command("train", f"--config={file}:431", workdir, *QUICK[2:], "--config.train.epochs=1")
    assert ended.status == 0, ended.err
    header = json.loads((tmp_path / "new" / "config.json").read_text())
    assert header["config"]["train.batch_size"] == 431
    assert f"--config={file}:431" in header["command"]
    assert_refused(run_command("train", f"--config={file}", workdir), "train.batch_size: recorded 431")
    assert_refused(run_command("train", f"--config={file}:many", workdir), "many is not a number.")
    assert_refused(run_command("summary", f"--config={tmp_path / 'none.py'}:1"), "none.py:1")


def test_tuning_selects_on_validation_images_alone(tmp_path):
    """Every candidate with every seed; test columns are empty; the choice is written for configs to read."""
    file, output = tmp_path / "rates.py", tmp_path / "tuned.json"
    text = (PROJECT / "tests" / "helpers" / "tiny_sweep.py").read_text()
    candidates = "{'1e-9': {'train.learning_rate': 1e-9}, '0.1': {'train.learning_rate': 0.1}}"
    arms = f"return [Arm('mlp', {{'model.name': 'mlp'}}, candidates={candidates})]"
    file.write_text(text.replace('    mlp = {"model.name": "mlp"}\n', f"    {arms}\n", 1))
    arguments = (f"--config={file}", f"--workdir={tmp_path / 'sweep'}", f"--output={output}")
    ended = run_command("tune", *arguments)
    assert ended.status == 0, ended.err
    rows = folders.rows(tmp_path / "sweep" / "results.csv")
    assert [(row["arm"], row["seed"]) for row in rows] == [
        ("mlp-1e-9", "0"), ("mlp-1e-9", "1"), ("mlp-0.1", "0"), ("mlp-0.1", "1"),
    ]  # fmt: skip
    for row in rows:
        assert row["status"] == "done" and row["val_accuracy"]
        assert {row[column] for column in row if "test" in column} == {""}
    [table] = [row for row in folders.rows(tmp_path / "sweep" / "table.csv") if row["arm"] == "mlp-0.1"]
    assert table["test_accuracy_mean"] == "" and table["val_accuracy_mean"]
    mean = sum(float(row["val_accuracy"]) for row in rows[2:]) / 2
    selected = json.loads(output.read_text())["mlp"]
    assert selected["candidate"] == "0.1" and selected["overrides"] == {"train.learning_rate": 0.1}
    assert selected["val_accuracy_mean"] == pytest.approx(mean, abs=1e-6)
    assert "mlp: 0.1 (validation accuracy" in ended.out and str(output) in ended.out
    assert "; too few seeds to name ties" in ended.out
    before = output.read_text()
    again = run_command("tune", *arguments)
    assert "Already recorded" in again.out and output.read_text() == before
    assert_refused(run_command("ablate", *arguments[:2]), "holds a tuning sweep: choose another --workdir")


def test_tuning_some_arms_leaves_the_choices_of_others(tmp_path):
    """Which have runs in the folder: here, two seeds, and the command has one."""
    file, output = tmp_path / "rates.py", tmp_path / "made" / "tuned.json"
    text = (PROJECT / "tests" / "helpers" / "tiny_sweep.py").read_text()
    candidates = "{'1e-9': {'train.learning_rate': 1e-9}, '0.1': {'train.learning_rate': 0.1}}"
    arms = ", ".join(f"Arm('{name}', {{'model.name': 'mlp'}}, candidates={candidates})" for name in "ab")
    file.write_text(text.replace('    mlp = {"model.name": "mlp"}\n', f"    return [{arms}]\n", 1))
    arguments = (f"--config={file}", f"--workdir={tmp_path / 'sweep'}", f"--output={output}")
    assert run_command("tune", *arguments).status == 0
    before = json.loads(output.read_text())
    assert {name: its["runs"] for name, its in before.items()} == {"a": 2, "b": 2}
    assert run_command("tune", *arguments, "--config.arms=a", "--config.seeds=1").status == 0
    after = json.loads(output.read_text())
    assert after["a"]["runs"] == 1 and after["b"] == before["b"]


def test_a_candidate_that_diverged_does_not_change_what_the_intervals_of_ties_cover(tmp_path):
    file = tmp_path / "rates.py"
    text = (PROJECT / "tests" / "helpers" / "tiny_sweep.py").read_text()
    rates = "{rate: {'train.learning_rate': float(rate)} for rate in ('1e-9', '2e-9')}"
    candidates = rates + " | {'far': {'train.learning_rate': 1e30, 'train.weight_decay': 1e30}}"
    arms = f"return [Arm('mlp', {{'model.name': 'mlp'}}, candidates={candidates})]"
    file.write_text(text.replace('    mlp = {"model.name": "mlp"}\n', f"    {arms}\n", 1))
    ended = run_command("tune", f"--config={file}", f"--workdir={tmp_path / 'sweep'}", "--config.seeds=3")
    assert ended.status == 0, ended.err
    rows = folders.rows(tmp_path / "sweep" / "results.csv")
    assert {row["status"] for row in rows if row["arm"] == "mlp-far"} == {"diverged"}
    covered = "as 95% intervals of differences over 3 seeds and the validation images include 0"
    assert f"; tied with 2e-9, {covered}" in ended.out or f"; tied with 1e-9, {covered}" in ended.out


def test_tuning_selects_the_first_candidate_that_fits_the_training_images(tmp_path):
    """The first arm fits with its second rate, which is the first to learn; the second arm never fits."""
    file = tmp_path / "rates.py"
    text = (PROJECT / "tests" / "helpers" / "tiny_sweep.py").read_text()
    candidates = "{rate: {'train.learning_rate': float(rate)} for rate in ('1e-9', '0.1', '0.2')}"
    arms = ", ".join(
        f"Arm('{name}', {{'model.name': 'mlp'}}, candidates={candidates}, fit={fit})"
        for name, fit in (("mlp", 0.3), ("strict", 1))
    )
    file.write_text(text.replace('    mlp = {"model.name": "mlp"}\n', f"    return [{arms}]\n", 1))
    ended = run_command("tune", f"--config={file}", f"--workdir={tmp_path / 'sweep'}", "--config.seeds=1")
    assert ended.status == 0, ended.err
    rows = folders.rows(tmp_path / "sweep" / "results.csv")
    train = {row["arm"]: float(row["train_accuracy"]) for row in rows}
    assert [row["arm"] for row in rows] == [
        "mlp-1e-9", "mlp-0.1", "strict-1e-9", "strict-0.1", "strict-0.2",
    ]  # fmt: skip
    assert train["mlp-1e-9"] < 0.3 < train["mlp-0.1"] < 1 and train["strict-0.2"] < 1
    selected = json.loads((tmp_path / "sweep" / "selected.json").read_text())
    assert {name: its["candidate"] for name, its in selected.items()} == {"mlp": "0.1", "strict": "0.2"}
    assert selected["mlp"]["train_accuracy_mean"] == pytest.approx(train["mlp-0.1"], abs=1e-6)
    lines = ended.out.splitlines()
    assert f"mlp: 0.1 (training accuracy {train['mlp-0.1']:.4f})" in lines
    assert f"strict: 0.2 (training accuracy {train['strict-0.2']:.4f}); no candidate reaches 1" in lines
    assert lines[-1].startswith("Selected on training images; written to")


def test_tuning_trains_further_candidates_while_the_best_is_at_an_end(tmp_path):
    file = tmp_path / "rates.py"
    text = (PROJECT / "tests" / "helpers" / "tiny_sweep.py").read_text()
    rates = "{rate: {'train.learning_rate': float(rate)} for rate in ('1e-10', '1e-9', '0.1', '0.2')}"
    arm = f"Arm('mlp', {{'model.name': 'mlp'}}, candidates={rates}, first=['1e-9', '0.1'])"
    other = "Arm('other', {}, candidates={'one': {'train.batch_size': 1}, 'none': {'train.batch_size': 0}})"
    file.write_text(text.replace('    mlp = {"model.name": "mlp"}\n', f"    return [{arm}, {other}]\n", 1))
    arguments = (f"--config={file}", f"--workdir={tmp_path / 'sweep'}", "--config.seeds=1")
    ended = run_command("tune", *arguments, "--config.arms=mlp")
    assert ended.status == 0, ended.err
    rows = folders.rows(tmp_path / "sweep" / "results.csv")
    accuracies = {row["arm"]: float(row["val_accuracy"]) for row in rows}
    assert list(accuracies) == ["mlp-1e-9", "mlp-0.1", "mlp-0.2"]
    assert ended.out.startswith("More candidates are needed: mlp-0.2\n")
    selected = json.loads((tmp_path / "sweep" / "selected.json").read_text())
    assert accuracies[f"mlp-{selected['mlp']['candidate']}"] == max(accuracies.values())
    config = (tmp_path / "sweep" / "config.json").read_text()
    again = run_command("tune", *arguments, "--config.arms=mlp")
    assert "Already recorded" in again.out and (tmp_path / "sweep" / "config.json").read_text() == config
    assert_refused(run_command("tune", *arguments), "train.batch_size")
    # Those of arms that are not asked for are still compared with their configs.
    changed = tmp_path / "changed.py"
    changed.write_text(
        file.read_text()
        .replace("{'model.name': 'mlp'}", "{'model.name': 'mlp', 'train.momentum': 0.5}", 1)
        .replace("'train.batch_size': 0", "'train.batch_size': 2")
    )
    arguments = (f"--config={changed}", *arguments[1:])
    assert_refused(run_command("tune", *arguments, "--config.arms=other"), "train.momentum")


def test_tuning_without_candidates_or_validation_images_is_refused(tmp_path):
    workdir = f"--workdir={tmp_path / 'new'}"
    assert_refused(run_command("tune", TINY, workdir), "local_shared has 0 candidates")
    file = tmp_path / "sweep.py"
    arm = "Arm('a', {}, candidates={'1': {'train.momentum': 0.1}, '2': {'train.momentum': 0.2}})"
    file.write_text(SWEEP_FILE.replace("BODY", f"return [{arm}]"))
    ended = run_command("tune", f"--config={file}", workdir, "--config.data.validation_fraction=0")
    assert_refused(ended, "validation", "config.data.validation_fraction")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["train", "ablate", "summary", "tune", "bitmaps"])
@pytest.mark.parametrize("arguments", [["--help"], [LENET5, "--help"], ["--helpfull"]])
def test_help_lists_all_fields(command, arguments):
    ended = run_command(command, *arguments)
    assert (ended.status, ended.err) == (0, "")
    for field in FIELDS:
        assert f"  config.{field}=" in ended.out
    assert "one of sgd, adam" not in ended.out and "[sgd, adam, levenberg_marquardt]" in ended.out


COMMANDS = [
    path.stem
    for path in sorted((PROJECT / "experiments").glob("*.py"))
    if "if __name__ ==" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_refuses_what_it_does_not_know(command):
    ended = run_command(command, "--help")
    assert (ended.status, ended.err) == (0, "") and f"python -m experiments.{command}" in ended.out
    assert_refused(run_command(command, "--nope"), "nope")


def test_the_default_config_is_trained_without_a_config(tmp_path):
    arguments = (*QUICK, "--config.model.name=mlp", f"--workdir={tmp_path / 'run'}")
    ended = run_command("train", *arguments)
    assert ended.status == 0, ended.err
    header = json.loads((tmp_path / "run" / "config.json").read_text())
    assert header["command"][:3] == ["python", "-m", "experiments.train"]
    assert not [word for word in header["command"] if word.startswith("--config=")]
    assert run_command("train", *arguments).out.startswith("Already recorded")
    assert_refused(run_command("train", "--workdir=x", "--config.nope=1"), "config.nope", "default config")


def test_a_config_that_is_not_a_sweep_is_refused(tmp_path):
    ended = run_command("ablate", LENET5, f"--workdir={tmp_path}")
    assert_refused(ended, "get_arms", "configs/ablation.py")


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("train", [], ["--workdir"]),
        ("train", [LENET5], ["--workdir"]),
        ("ablate", ["--workdir=x"], ["--config"]),
        ("report", [], ["--workdir"]),
        ("summary", [], ["--config"]),
        ("ablate", [TINY, "--workdir=x", "junk"], ["'junk'", "--config.FIELD=VALUE"]),
        ("report", ["--workdir=x", "junk"], ["'junk'"]),
        ("train", [LENET5, "--workdir=x", "--nope=1"], ["nope"]),
        ("train", [LENET5, "--workdir=x", "--config.train.epochs"], ["config.train.epochs"]),
        ("train", ["--config", LENET5.removeprefix("--config="), "--workdir=x", "--config.nope=1"], ["nope"]),
    ],
)
def test_invalid_or_missing_flags_are_refused(name, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(run_command(name, *arguments), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["", "below", "below/deeper"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, below):
    file = tmp_path / "file"
    file.write_text("precious")
    for ended in (run_command("ablate", TINY, f"--workdir={file / below}"), train(file / below)):
        assert_refused(ended, str(file), "cannot be written", "choose a folder")
    assert file.read_text() == "precious"


def test_report_refuses_a_file(tmp_path):
    (tmp_path / "file").write_text("precious")
    assert_refused(run_command("report", f"--workdir={tmp_path / 'file'}"), str(tmp_path / "file"))


def test_an_empty_workdir_is_not_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(train(""), "--workdir")
    assert not list(tmp_path.iterdir())


def test_a_run_that_another_process_computes_is_refused(tmp_path):
    directory = tmp_path / "run"
    directory.mkdir()
    claims = Claims(directory)
    assert claims.take("mlp", 0)
    assert_refused(train(directory), str(directory), "in use by process", "wait")
    claims.release_all()
    assert train(directory).status == 0


def test_report_refuses_an_empty_folder(tmp_path):
    ended = run_command("report", f"--workdir={tmp_path}")
    assert_refused(ended, str(tmp_path), "holds no ", "experiments.ablate")
    assert not list(tmp_path.iterdir())


def test_report_refuses_a_damaged_record(sweep_copy):
    runs = sweep_copy / "runs.jsonl"
    runs.write_text(runs.read_text().replace(folders.records(sweep_copy)["mlp_8-seed0"], "{}\n"))
    assert_refused(run_command("report", f"--workdir={sweep_copy}"), "runs.jsonl, line 3", "damaged")


def test_report_works_on_a_stopped_sweep(sweep_copy):
    folders.remove_run(sweep_copy, "mlp_8", 1)
    ended = run_command("report", f"--workdir={sweep_copy}")
    assert (ended.status, ended.err) == (0, "")
    rows = {row["arm"]: row["runs"] for row in folders.rows(sweep_copy / "table.csv")}
    assert rows == {"local_shared": "2", "mlp_8": "1", "mlp_4": "2", "too_fast": "2"}


def test_train_prints_and_records_its_result(finished_run):
    _, [content] = read_sweep(finished_run)
    result = content["result"]
    assert (result["dataset"], result["seed"], result["status"], result["epochs"]) == ("digits", 0, "done", 2)
    assert content["images"] == {"train": 1293, "validation": 144, "test": 360}
    assert content["config"]["model.hidden"] == [8] and content["config"]["seed"] == 0
    again = train(finished_run)
    assert (again.status, again.err) == (0, "")
    recorded, networks = again.out.splitlines()
    assert recorded == f"Already recorded in {finished_run}: {describe(result)}"
    size = content["kept"]["weights"]["bytes"] / 1e6
    assert networks == f"1 network kept in {finished_run / 'weights'}, {size:.2g} MB" and size > 0.001
    assert f"test accuracy {result['test_accuracy']:.4f}" in again.out


def test_report_makes_tables_of_a_single_run(finished_run, tmp_path):
    copy = shutil.copytree(finished_run, tmp_path / "run")
    ended = run_command("report", f"--workdir={copy}")
    assert ended.status == 0, ended.err
    [row] = folders.rows(copy / "results.csv")
    assert (row["arm"], row["status"]) == ("mlp", "done")


def test_train_writes_the_same_numbers_for_people_and_for_tensorboard(finished_run):
    from tests.helpers.events import read_events

    lines = folders.epochs(finished_run)
    assert [line["epoch"] for line in lines] == [1, 2]
    events = read_events(finished_run / "tensorboard" / "mlp-seed0")
    assert {name for name, _ in events} == set(lines[0]) - {"arm", "seed", "epoch", "sha256"}
    for (name, epoch), value in events.items():
        assert value == pytest.approx(lines[epoch - 1][name], rel=1e-6)
    [result] = folders.results(finished_run)
    assert lines[-1]["val_accuracy"] == result["val_accuracy"]


def test_train_refuses_a_folder_of_another_config(finished_run):
    before = folders.contents(finished_run)
    for argument, line in (
        ("train.learning_rate=0.3", "train.learning_rate: recorded 0.1, asked for 0.3"),
        ("seed=1", "seed: recorded 0, asked for 1"),
    ):
        assert_refused(train(finished_run, f"--config.{argument}"), line, "choose another --workdir")
    assert folders.contents(finished_run) == before


def test_a_diverged_run_is_a_result(tmp_path):
    ended = train(tmp_path, "--config.train.learning_rate=1e38")
    assert ended.status == 0
    assert "diverged in epoch 1" in ended.out
    [result] = folders.results(tmp_path)
    assert (result["status"], result["epochs"]) == ("diverged", 1)
    assert [result[f"{split}_accuracy"] for split in ("train", "val", "test")] == [None] * 3


def test_two_seeds_differ_and_zero_is_one_of_them(tmp_path):
    for directory, arguments in {
        "default": (),
        "zero": ("--config.seed=0",),
        "one": ("--config.seed=1",),
    }.items():
        assert train(tmp_path / directory, *arguments).status == 0
    losses = {directory.name: folders.epochs(directory)[0]["train_loss"] for directory in tmp_path.iterdir()}
    assert losses["default"] == losses["zero"] != losses["one"]


def test_summary_shows_the_feature_maps_that_a_budget_sets():
    budget = "--config.model.parameter_budget=61706"
    ended = run_command("summary", LENET5, "--config.model.sharing=unshared", budget)
    assert ended.status == 0, ended.err
    assert "28x28x2" in ended.out and "10x10x1" in ended.out and "60,002" in ended.out


def test_summary_prints_the_documented_counts():
    ended = run_command("summary", LENET5)
    assert (ended.status, ended.err) == (0, "")
    network = next(line for line in ended.out.splitlines() if line.startswith("network"))
    assert network.split() == ["network", "61,706", "423,038", "416,520"]
    wired = next(line for line in ended.out.splitlines() if line.startswith("(stage_1 and stage_3)"))
    assert "363,904" in wired
    assert "5 layers have weights" in ended.out
    ended = run_command("summary", LENET5, "--config.model.connectivity=full")
    assert "84,116" in ended.out and "6,704,800" in ended.out


def test_a_real_process_prints_the_same_sentence():
    ended = subprocess.run(
        [sys.executable, "-m", "experiments.train", LENET5, "--workdir=x", "--config.train.epochs=0"],
        cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "error: config.train.epochs=0 must be at least 1.\n"


def test_a_run_and_a_sweep_do_not_share_a_folder(finished_run, finished_sweep):
    for folder, ended in (
        (finished_sweep, lambda: train(finished_sweep)),
        (finished_run, lambda: run_command("ablate", TINY, f"--workdir={finished_run}")),
    ):
        before = folders.contents(folder)
        assert_refused(ended(), str(folder), "choose another --workdir")
        assert folders.contents(folder) == before
