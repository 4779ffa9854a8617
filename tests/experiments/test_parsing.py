"""The flags of commands: files of flags, repeated and misspelled flags, help, home folders, platforms."""

import os
import subprocess
import sys
from unittest import mock

import pytest

from experiments import cli
from lenet_jax.config.fields import FIELDS
from lenet_jax.errors import UserError
from lenet_jax.native import library
from tests.experiments.test_cli import LENET5, assert_refused
from tests.helpers.commands import PROJECT, TINY, run_command

SUMMARY = ("summary", LENET5)


@pytest.fixture
def flag_file(tmp_path):
    path = tmp_path / "mine.flags"

    def write(text):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return f"--flagfile={path}"

    return write


def test_flags_come_from_a_file_as_from_the_command_line(flag_file, tmp_path):
    fields = "# a comment\n// another\n\n--config.model.connectivity=full\n"
    wanted = run_command(*SUMMARY, "--config.model.connectivity=full").out
    assert run_command(*SUMMARY, flag_file(fields)).out == wanted
    assert run_command("summary", flag_file(f"{LENET5}\n{fields}")).out == wanted
    (tmp_path / "outer.flags").write_text(flag_file(fields))
    for outer in ([f"--flagfile={tmp_path / 'outer.flags'}"], ["--flagfile", str(tmp_path / "outer.flags")]):
        assert run_command(*SUMMARY, *outer).out == wanted
    assert run_command(*SUMMARY, flag_file(fields), "--config.model.connectivity=local").out != wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--config.nope=1", ["config.nope is not a field"]),
        ("--config.train.epochs=0", ["config.train.epochs=0 must be at least 1"]),
        ("--nope=1", ["nope"]),
        ("a line of text", ["'a line of text' is not a flag"]),
        (b"\xff\xfe\x00", ["--flagfile=", "it is not text"]),
        ("--flagfile=", ["--flagfile names no file"]),
        ("--flagfile=/missing.flags", ["--flagfile=/missing.flags cannot be read (No such file"]),
    ],
)
def test_a_file_with_bad_flags_is_refused(flag_file, text, words):
    assert_refused(run_command(*SUMMARY, flag_file(text)), *words)


def test_a_flag_file_that_cannot_be_read_is_refused(tmp_path, flag_file):
    for path, reason in ((tmp_path / "missing", "No such file"), (tmp_path, "Is a directory")):
        for command in (SUMMARY, ("report", "--workdir=x"), ("ablate",)):
            assert_refused(run_command(*command, f"--flagfile={path}"), f"--flagfile={path} cannot", reason)
    assert_refused(run_command(*SUMMARY, "--flagfile"), "--flagfile names no file")
    recursive = flag_file(f"--flagfile={tmp_path / 'mine.flags'}")
    assert_refused(run_command(*SUMMARY, recursive), f"{recursive} includes itself")
    (tmp_path / "other.flags").write_text(recursive)
    assert_refused(
        run_command(*SUMMARY, flag_file(f"--flagfile={tmp_path / 'other.flags'}")), "includes itself"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds=3"], ["--seeds is not a flag", "--config.seeds=3"]),
        (["--seeds", "3"], ["--seeds is not a flag", "--config.seeds="]),
        (["--epochs=3"], ["--epochs is not a flag", "--config.train.epochs=3"]),
        (["--train.epochs=3"], ["--train.epochs is not a flag", "--config.train.epochs=3"]),
        (["--seed=3"], ["are set as --config.seed=3."]),
        (["--shift=3"], ["are set as --config.distortion.shift=3."]),
        (["--noconfig"], ["'noconfig'"]),
        (["--noconfig.nope"], ["config.nope is not a field"]),
        (["--noconfig.train.epochs"], ["noconfig.train.epochs"]),
        (["--config.train.epochs"], ["config.train.epochs"]),
        (["--config.model.hidden"], ["config.model.hidden"]),
        (["--config.train.epochs="], ["config.train.epochs cannot be ''"]),
        (["--config.=3"], ["is not a field"]),
        (["--config.model.maps[0]=3"], ["config.model.maps[0] is not a field"]),
        (["--config"], ["--config names no file"]),
        (["--config.train.epochs=9" + 5000 * "9"], ["config.train.epochs"]),
        (["--config.train.epochs=0x" + 5000 * "f"], ["config.train.epochs=<int> is too large"]),
        (["--work=x"], ["work"]),
    ],
)
def test_a_flag_that_does_not_exist_or_lacks_its_value_is_refused(tmp_path, arguments, words):
    ended = run_command("ablate", TINY, f"--workdir={tmp_path / 'new'}", *arguments)
    assert_refused(ended, *words)
    assert not (tmp_path / "new").exists()


def test_fields_without_a_config_are_refused():
    assert_refused(run_command("ablate", "--workdir=x", "--config.seeds=3"), "--config=FILE is missing")
    assert_refused(run_command("report", "--workdir=x", "--config.seeds=3"), "this command has no config")


@pytest.mark.parametrize(
    ("field", "values"),
    [("model.hidden", ("7,5", "9", "8,4")), ("model.activation", ("tanh", "nope", "relu"))],
)
def test_of_a_field_set_several_times_the_last_value_counts(field, values):
    several = run_command(*SUMMARY, *(f"--config.{field}={value}" for value in values))
    assert several == run_command(*SUMMARY, f"--config.{field}={values[-1]}")
    assert several.status == 0


def test_of_several_configs_the_last_counts():
    mlp = f"--config={PROJECT / 'configs' / 'mlp.py'}"
    assert run_command(*SUMMARY, mlp) == run_command("summary", mlp)


@pytest.mark.parametrize(
    "flag",
    ["--help", "-help", "-h", "-?", "--helpshort", "--helpfull", "--helpxml", "--help=true", "--help=xml"],
)
def test_every_form_of_help_lists_the_fields(flag):
    for arguments in ([flag], [LENET5, flag], [LENET5, "--config.train.epochs=0", flag, "--workdir=x"]):
        ended = run_command("train", *arguments)
        assert (ended.status, ended.err) == (0, "")
        assert all(f"  config.{field}=" in ended.out for field in FIELDS) and "  --workdir" in ended.out


def test_a_command_without_a_config_has_help():
    ended = run_command("report", "--helpfull")
    assert (ended.status, ended.err) == (0, "") and "  --workdir" in ended.out


def test_help_that_is_switched_off_is_not_shown():
    for flag in ("--nohelp", "--help=false", "--helpfull=0"):
        assert run_command(*SUMMARY, flag) == run_command(*SUMMARY)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    library.load()  # so that it isn't built anew in this home folder
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text((PROJECT / "configs" / "lenet5.py").read_text())
    (tmp_path / "mine.flags").write_text("--config.train.epochs=0\n")
    for arguments, words in (
        ([LENET5, "--workdir=~/file/run"], [str(tmp_path / "file")]),
        (["--config=~/mine.py", "--workdir=~/run", "--flagfile=~/mine.flags"], ["config.train.epochs=0"]),
        ([LENET5, "--workdir=~/run", "--config.dataset=~/none.npz"], [str(tmp_path / "none.npz")]),
        (
            [LENET5, "--workdir=~/run", "--config.dataset=usps", "--config.data.manual_dir=~/none",
             "--config.data.data_dir=~/data"],
            [f"--config.data.manual_dir={tmp_path / 'none'} is not a folder"],
        ),
    ):  # fmt: skip
        (tmp_path / "file").write_text("")
        assert_refused(run_command("train", *arguments), *words)
    assert not (tmp_path / "~").exists()


@pytest.mark.slow
def test_a_platform_that_is_not_there_is_named():
    code = "from experiments import cli; cli.check_platform()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT, capture_output=True, text=True, env={**os.environ, "JAX_PLATFORMS": "cpu,nonsense"},
    )  # fmt: skip
    assert ended.returncode == 1
    assert "UserError: JAX_PLATFORMS=cpu,nonsense names devices that JAX cannot use here" in ended.stderr


@pytest.mark.parametrize("error", [RuntimeError("Unable to initialize backend"), AssertionError()], ids=repr)
def test_a_platform_is_started_only_if_it_is_named(monkeypatch, error):
    monkeypatch.setattr("jax.devices", mock.Mock(side_effect=error))
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    cli.check_platform()
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    with pytest.raises(
        UserError, match="JAX_PLATFORMS=cuda names devices that JAX cannot use here.*: unset this"
    ):
        cli.check_platform()
