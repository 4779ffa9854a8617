"""The revision is the commit of this project's own checkout, or a digest of its source."""

import os
import pathlib
import re
import shutil
import stat
import subprocess
import time

import pytest

from lenet_jax.runs import revision
from lenet_jax.runs.revision import PACKAGE, PROJECT, git_revision

UNKNOWN = re.compile("unknown, source digest [0-9a-f]{16}")
MODULE = pathlib.Path(PACKAGE, "runs", "revision.py")


def git(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    ended = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return ended.stdout.strip()


def commit_all(folder):
    """Makes `folder` a repository of all that it holds; returns its commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=first")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def archive(tmp_path):
    """The project as an unpacked archive: its package with two modules."""
    project = tmp_path / "outer" / "project: ours"
    (project / MODULE.parent).mkdir(parents=True)
    (project / PACKAGE / "__init__.py").touch()
    (project / MODULE).write_text("seconds = 1\n")
    return project


@pytest.fixture
def other(tmp_path):
    """Somebody else's repository."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "file").touch()
    commit_all(folder)
    return folder


def test_a_checkout_has_its_commit(archive):
    commit = commit_all(archive)
    assert git_revision(archive) == commit
    (archive / "notes.txt").touch()  # not tracked, and no source
    git(archive, "tag", "v1")
    assert git_revision(archive) == commit


def test_an_untracked_config_file_makes_a_checkout_dirty(archive):
    (archive / ".gitignore").write_text("configs/mine.py\n")
    commit = commit_all(archive)
    (archive / "configs").mkdir()
    (archive / "configs" / "mine.py").touch()  # ignored
    assert git_revision(archive) == commit
    (archive / "configs" / "field.py").touch()
    assert git_revision(archive) == f"{commit}-dirty"
    (archive / MODULE).write_text("seconds = 2\n")
    assert git_revision(archive) == f"{commit}-dirty"


def test_a_worktree_is_a_checkout(archive, tmp_path):
    commit = commit_all(archive)
    git(archive, "worktree", "add", "--quiet", str(tmp_path / "worktree"))
    assert git_revision(tmp_path / "worktree") == commit


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_DIR": "{other}/.git"},
        {"GIT_DIR": "{other}/.git", "GIT_WORK_TREE": "{other}"},
        {"GIT_INDEX_FILE": "{other}/.git/index"},
        {"GIT_OBJECT_DIRECTORY": "{other}/.git/objects"},
        {"GIT_NAMESPACE": "x", "GIT_CEILING_DIRECTORIES": "/", "GIT_COMMON_DIR": "{other}/.git"},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.bare", "GIT_CONFIG_VALUE_0": "true"},
    ],
    ids=lambda variables: "+".join(variables),
)
def test_gits_variables_name_no_other_repository(archive, other, monkeypatch, variables):
    commit = commit_all(archive)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(other=other))
    assert git_revision(archive) == commit


def test_an_archive_has_the_digest_of_its_source(archive):
    first = git_revision(archive)
    assert UNKNOWN.fullmatch(first)
    (archive / MODULE).write_text('"""Documented."""\n\nseconds = 1  # as before\n')
    (archive / PACKAGE / ".#lock.py").symlink_to("nowhere")
    assert git_revision(archive) == first
    (archive / MODULE).write_text("seconds = 2\n")
    second = git_revision(archive)
    assert UNKNOWN.fullmatch(second) and second != first


@pytest.mark.parametrize("tracked", [True, False])
def test_an_enclosing_repository_is_not_ours(archive, tracked, monkeypatch):
    if not tracked:
        (archive.parent / ".gitignore").write_text("project*\n")
    commit_all(archive.parent)
    assert UNKNOWN.fullmatch(git_revision(archive))
    monkeypatch.setenv("GIT_DIR", str(archive.parent / ".git"))
    assert UNKNOWN.fullmatch(git_revision(archive))


def test_a_repository_that_does_not_track_the_package_is_not_ours(archive):
    (archive / ".gitignore").write_text("*.py\n")
    commit_all(archive)
    assert UNKNOWN.fullmatch(git_revision(archive))


def test_a_repository_without_a_commit_has_none(archive):
    git(archive, "init", "--quiet")
    git(archive, "add", "--all")
    assert UNKNOWN.fullmatch(git_revision(archive))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_has_its_commit(archive):
    commit = commit_all(archive)
    for path in [archive, *archive.rglob("*")]:
        os.chown(path, 12345, 12345)
    refused = subprocess.run(["git", "describe", "--always"], cwd=archive, capture_output=True, text=True)
    assert "dubious ownership" in refused.stderr
    assert git_revision(archive) == commit


def test_a_lock_that_a_killed_git_left_does_not_matter(archive):
    commit = commit_all(archive)
    (archive / ".git" / "index.lock").touch()
    os.utime(archive / MODULE)  # git would note the new time in the index
    assert git_revision(archive) == commit


@pytest.mark.parametrize("name", ["HEAD", "index", "config"])
def test_a_damaged_repository_is_no_error(archive, name):
    commit_all(archive)
    (archive / ".git" / name).write_bytes(b"\xff damaged")
    assert UNKNOWN.fullmatch(git_revision(archive))


@pytest.mark.parametrize(
    "program",
    [None, "exit 1", "echo hello", "exec sleep 10", "sleep 10", "printf '\\377'; echo \u00e9 >&2"],
    ids=["missing", "fails", "answers something else", "hangs", "has a child that hangs", "not text"],
)
def test_a_git_that_cannot_tell_is_no_error(archive, tmp_path, monkeypatch, program):
    commit_all(archive)
    programs = tmp_path / "programs"
    programs.mkdir()
    if program:
        (programs / "git").write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        (programs / "git").chmod(stat.S_IRWXU)
        (programs / "sleep").symlink_to(str(shutil.which("sleep")))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(revision, "SECONDS", 0.5)
    started = time.monotonic()
    assert UNKNOWN.fullmatch(git_revision(archive))
    assert time.monotonic() - started < 8


def test_this_project_has_a_revision():
    found = git_revision()
    assert revision.COMMIT.fullmatch(found) or UNKNOWN.fullmatch(found)
    assert (PROJECT / MODULE).is_file()
