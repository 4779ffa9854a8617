"""Which .venv make creates, completes, refuses and deletes. Nothing is downloaded."""

import os
import pathlib
import shutil
import subprocess
import sys
import venv

import pytest

from tests.helpers.commands import PROJECT

VERSION = "{}.{}".format(*sys.version_info)

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def project(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with the Makefile, and locks that pin nothing."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def environment(project: pathlib.Path) -> pathlib.Path:
    """The project's .venv, made without make; a file stands in for its pip, which takes long to install."""
    path = project / ".venv"
    venv.create(path, with_pip=False, symlinks=True)
    shutil.copy("/bin/true", path / "bin" / "pip")
    return path


def make(project: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make ARGUMENT...`, as typed in a shell where PYTHON is not set and python3 is this Python."""
    dropped = ("PYTHON", "MAKEFLAGS", "MAKELEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    folder = project.parent / "python"
    folder.mkdir(exist_ok=True)
    (folder / "python3").unlink(missing_ok=True)
    fake_python(folder / "python3", f'exec "{sys.executable}" "$@"')
    environment["PATH"] = f"{folder}{os.pathsep}{environment['PATH']}"
    return subprocess.run(["make", *arguments], cwd=project, env=environment, capture_output=True, text=True)


def fake_python(path: pathlib.Path, line: str) -> pathlib.Path:
    """A program that stands in for a Python."""
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def refusal(ended: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a refusal; the rest of standard error is make's own."""
    assert ended.returncode != 0
    [sentence] = [line for line in ended.stderr.splitlines() if not line.startswith("make")]
    return sentence


@pytest.mark.slow
def test_it_creates_an_environment_that_clean_deletes(project):
    assert make(project, "environment").returncode == 0
    assert (project / ".venv" / "bin" / "pip").is_file()
    make(project, "clean")
    assert not (project / ".venv").exists()


@pytest.mark.slow
def test_an_environment_without_pip_gets_one(project, environment):
    """Made by another tool, or interrupted while make created it."""
    pip = environment / "bin" / "pip"
    pip.unlink()
    assert make(project, "environment").returncode == 0
    assert pip.is_file()


def test_an_environment_is_updated_in_place(project, environment):
    mine = environment / "mine.txt"
    mine.touch()
    assert make(project, "environment").returncode == 0
    assert mine.is_file()


def test_clean_keeps_runs_and_an_environment_that_make_did_not_create(project, environment):
    kept = [project / "runs" / "demo" / "__pycache__", environment / "lib" / "__pycache__"]
    deleted = [project / "lenet_jax" / "__pycache__", project / "build", project / ".pytest_cache"]
    for folder in kept + deleted:
        folder.mkdir(parents=True)
    assert make(project, "clean").stdout == "Kept .venv, which make did not create.\n"
    assert all(folder.is_dir() for folder in kept) and not any(folder.exists() for folder in deleted)


def test_clean_deletes_only_the_environment_for_tpus_that_make_created(project):
    path = project / ".venv-tpu"
    kept = path / "lib" / "__pycache__"
    kept.mkdir(parents=True)
    assert make(project, "clean").stdout == "Kept .venv-tpu, which make did not create.\n"
    assert kept.is_dir()
    (path / ".made-by-make").touch()
    other = path.rename(project / "other")
    path.symlink_to(other)
    assert make(project, "clean").stdout == "Kept .venv-tpu, which make did not create.\n"
    assert path.is_symlink() and other.is_dir()
    path.unlink()
    other.rename(path)
    make(project, "clean")
    assert not path.exists()


@pytest.mark.parametrize("is_link", [False, True])
def test_another_environment_for_tpus_is_refused_and_stays(project, environment, is_link):
    (environment / ".requirements").touch()  # all that commands need is installed
    path = project / ".venv-tpu"
    other = project / "other" if is_link else path
    other.mkdir()
    if is_link:
        path.symlink_to(other)
    assert refusal(make(project, "tpu-check")) == ("error: make did not create .venv-tpu: move it elsewhere.")
    assert path.exists() and not list(other.iterdir())


@pytest.mark.parametrize(
    "target", ["setup", "demo", "test", "lint", "check", "tpu-check", "benchmark", "docs", "lock"]
)
def test_a_link_is_refused_and_what_it_points_to_stays(project, target):
    other = project / "other"
    venv.create(other, with_pip=False, symlinks=True)
    (project / ".venv").symlink_to(other)
    before = sorted(other.rglob("*"))
    assert refusal(make(project, target)) == (
        "error: .venv is a symbolic link, and what it points to may not be ours: remove the link."
    )
    make(project, "clean")
    assert (project / ".venv").is_symlink() and sorted(other.rglob("*")) == before


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_not_an_environment_is_refused_and_stays(project, kind):
    path = project / ".venv"
    if kind == "folder":
        path.mkdir()
        path = path / "notes.txt"
    path.write_text("mine")
    assert refusal(make(project, "setup")) == (
        "error: .venv is not a virtual environment (it has no pyvenv.cfg): move it elsewhere."
    )
    make(project, "clean")
    assert path.read_text() == "mine"


@pytest.mark.parametrize("line", ["echo 3.10; exit 1", "exit 127"])
def test_an_old_or_missing_python_is_refused(project, line):
    python = fake_python(project / "old_python", line)
    assert refusal(make(project, "setup", f"PYTHON={python}")) == (
        f"error: {python} is not Python 3.11 or newer: name one with make PYTHON=python3.12."
    )
    assert not (project / ".venv").exists()


def test_another_python_than_the_environments_is_refused(project, environment):
    """Where PYTHON is given; the default python3 may be any once .venv is there."""
    python = fake_python(project / "other_python", "echo 3.99")
    assert refusal(make(project, "test", f"PYTHON={python}")) == (
        f"error: .venv was made by Python {VERSION}, but {python} is Python 3.99: remove .venv."
    )
    assert make(project, "environment", f"PYTHON={sys.executable}").returncode == 0
    assert environment.is_dir()


def test_an_environment_whose_python_is_gone_is_refused(project, environment):
    python = environment / "bin" / "python"
    python.unlink()
    python.symlink_to(project / "gone")
    assert refusal(make(project, "setup")) == ("error: .venv has no working Python 3.11 or newer: remove it.")
