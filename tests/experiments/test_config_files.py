"""Config files: what a user's file may do, and what is refused before anything is trained."""

import sys
import textwrap

import pytest

from experiments.config_files import load
from tests.experiments.test_cli import assert_refused
from tests.helpers.commands import run_command


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """The folders of config files, from which they import, are forgotten after each test."""
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.fixture
def write(tmp_path):
    """Writes a config file: `body` in get_config() of a default sweep, `arms` in get_arms(config)."""

    def write_file(body="pass", arms="return [Arm('a', {})]", top=""):
        path = tmp_path / "mine.py"
        path.write_text(
            "from __future__ import annotations\nimport dataclasses\nimport ml_collections\n"
            "from lenet_jax import Arm, Paper, UserError, default_config, default_sweep\n"
            f"{textwrap.dedent(top)}\n"
            f"def get_config():\n    config = default_sweep()\n    {body}\n    return config\n"
            f"def get_arms(config):\n    {arms}\n"
        )
        return f"--config={path}"

    return write_file


def ablate(config, tmp_path, *arguments):
    ended = run_command("ablate", config, f"--workdir={tmp_path / 'new'}", *arguments)
    assert not (tmp_path / "new").exists()
    return ended


UNLOCKED = "config.unlock(); ctx = config.ignore_type(); ctx.__enter__(); "


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return None", ["get_config() that returns a ConfigDict"]),
        ("return dict(config)", ["get_config() that returns a ConfigDict"]),
        ("return ml_collections.FrozenConfigDict(config)", ["get_config() that returns a ConfigDict"]),
        ("return config, config", ["get_config() that returns a ConfigDict"]),
        ("return ml_collections.ConfigDict()", ["lacks dataset", "lenet_jax.default_config()"]),
        ("config.train.epochs = None", ["config.train.epochs=None must be a whole number"]),
        (UNLOCKED + "config.train.epochs = 'ten'", ["config.train.epochs='ten' must be a whole number"]),
        (UNLOCKED + "config.train.epochs = 3.5", ["config.train.epochs=3.5 must be a whole number"]),
        (UNLOCKED + "config.model.hidden = {'a': 1}", ["config.model.hidden.a is not a field"]),
        (UNLOCKED + "config.arms = ['a']", ["config.arms=['a'] must be text"]),
        (UNLOCKED + "config.seeds = None", ["config.seeds=None must be a whole number"]),
        (UNLOCKED + "config.train = 5", ["config.train is not a field"]),
        (UNLOCKED + "config[3] = 5", ["cannot be loaded"]),
        (
            UNLOCKED + "config.train.epochs = ml_collections.config_dict.placeholder(int)",
            ["config.train.epochs=None must be a whole number"],
        ),
        (
            UNLOCKED + "config.train.epochs = ml_collections.config_dict.required_placeholder(int)",
            ["cannot be loaded: RequiredValueError"],
        ),
        ("raise SystemExit(0)", ["cannot be loaded: SystemExit: 0"]),
        ("raise GeneratorExit", ["cannot be loaded: GeneratorExit"]),
        ("raise StopIteration", ["cannot be loaded: StopIteration"]),
        ("raise UserError('Mine has a sentence.')", ["error: Mine has a sentence."]),
        ("return get_config()", ["cannot be loaded: RecursionError"]),
    ],
)
def test_a_config_that_cannot_be_used_is_refused(tmp_path, write, body, words):
    assert_refused(ablate(write(body), tmp_path), *words)


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ("return None", ["must return a list of lenet_jax.Arm"]),
        ("return {'a': Arm('a', {})}", ["must return a list of lenet_jax.Arm"]),
        ("yield Arm('a', {})", ["must return a list of lenet_jax.Arm"]),
        ("return [{'name': 'a'}]", ["must return a list of lenet_jax.Arm"]),
        ("return [Arm('a')]", ["get_arms(config) of this --config raised TypeError", "overrides"]),
        ("raise SystemExit('gone')", ["get_arms(config) of this --config raised SystemExit: gone"]),
        ("raise StopIteration", ["get_arms(config) of this --config raised StopIteration"]),
        ("assert False", ["get_arms(config) of this --config raised AssertionError."]),
        ("return [Arm('a', {}, paper=Paper(None, 10))]", ["Arm a has paper.error_percent=None"]),
        (
            "return [Arm('a', {'train.learning_rate': float('nan')})]",
            ["Arm a: config.train.learning_rate=nan"],
        ),
        ("return [Arm('a', {'model': {'sharing': 'unshared'}})]", ["Arm a overrides 'model'"]),
    ],
)
def test_arms_that_cannot_be_used_are_refused(tmp_path, write, arms, words):
    assert_refused(ablate(write(arms=arms), tmp_path), *words)


@pytest.mark.parametrize(
    "top", ["get_arms = 3", "def get_arms(): return []", "def get_arms(a, b): return []"]
)
def test_a_get_arms_that_cannot_be_called_is_refused(tmp_path, write, top):
    config = write()
    path = tmp_path / "mine.py"
    path.write_text(f"{path.read_text()}\n{top}\n")
    assert_refused(ablate(config, tmp_path), "get_arms(config) of this --config raised TypeError")


def test_ctrl_c_in_a_config_file_is_ctrl_c(tmp_path, write):
    for config in (write("raise KeyboardInterrupt"), write(arms="raise KeyboardInterrupt")):
        ended = ablate(config, tmp_path)
        assert ended.status == 130 and "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ("name = '\xe9'\n".encode("latin-1"), ["cannot be loaded: SyntaxError", "utf-8"]),
        (b"name = 1\0\n", ["cannot be loaded", "null bytes"]),
        (b"\xff\xfen\0a\0", ["cannot be loaded"]),
        (b"def get_config(:\n", ["cannot be loaded: SyntaxError"]),
        (b"  x = 1\n", ["cannot be loaded: IndentationError"]),
        (b"import nowhere\n", ["cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"]),
        (b"raise SystemExit\n", ["cannot be loaded: SystemExit."]),
        (b"get_config = 3\n", ["cannot be loaded: TypeError"]),
        (b"", ["cannot be loaded: AttributeError", "get_config"]),
    ],
)
def test_a_file_that_is_no_config_file_is_refused(tmp_path, contents, words):
    (tmp_path / "mine.py").write_bytes(contents)
    assert_refused(ablate(f"--config={tmp_path / 'mine.py'}", tmp_path), *words)


@pytest.mark.parametrize(
    "name", ["mine", "n" * 300 + ".py", "mine.txt", "folder.py", "missing.py", "a\udce9.py"]
)
def test_a_path_that_is_no_file_is_refused(tmp_path, name):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "mine.txt").write_text("")
    fault = "is not a Python file" if name in ("mine.txt", "folder.py") else "does not exist"
    assert_refused(ablate(f"--config={tmp_path / name}", tmp_path), fault)


def test_values_of_a_kindred_type_are_cast_and_can_be_replaced(write):
    body = UNLOCKED + "config.train.learning_rate = 1; config.model.hidden = [8]; config.model.maps = (2, 3)"
    ended = run_command(
        "summary", write(body), "--config.train.learning_rate=0.5", "--config.model.hidden=7,5"
    )
    assert ended.status == 0, ended.err
    shapes = [line.split()[1] for line in ended.out.splitlines() if line.startswith("dense")]
    assert shapes[:2] == ["7", "5"]


def test_an_unset_field_may_be_set_by_a_flag(write):
    config = write(UNLOCKED + "config.train.epochs = ml_collections.config_dict.placeholder(int)")
    assert_refused(run_command("summary", config), "config.train.epochs=None must be a whole number")
    ended = run_command("summary", config, "--config.train.epochs=3")
    assert ended.status == 0, ended.err


def test_a_config_file_is_executed_once_and_may_hold_dataclasses(tmp_path, write):
    top = f"""
        @dataclasses.dataclass
        class Width:
            units: int = 8

        with open({str(tmp_path / "log")!r}, "a") as log:
            log.write("executed ")
    """
    ended = run_command("summary", write("config.model.hidden = (Width().units,)", top=top))
    assert ended.status == 0, ended.err
    assert (tmp_path / "log").read_text() == "executed "


def test_a_config_that_a_file_returns_twice_is_copied(write):
    file = load(write("return KEPT", top="KEPT = default_sweep()").removeprefix("--config="))
    file.get_config().train.epochs = 3
    assert file.get_config().train.epochs == 10


def test_get_arms_cannot_change_the_config(tmp_path, write):
    config = write(arms="config.train.epochs = 0; return [Arm('a', {})]")
    assert_refused(ablate(config, tmp_path, "--config.train.rbf_j=0"), "config.train.rbf_j=0")


def test_a_config_file_imports_its_neighbours(tmp_path, write):
    (tmp_path / "a_neighbour_of_mine.py").write_text("WIDTH = 8\n")
    (tmp_path / "sched.py").write_text("raise RuntimeError('hides a module of Python')\n")
    top = "import sched\nfrom a_neighbour_of_mine import WIDTH"
    ended = run_command("summary", write("config.model.hidden = (WIDTH,)", top=top))
    assert ended.status == 0, ended.err
