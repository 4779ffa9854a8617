"""Files that are replaced: the old or the new, never half of one."""

import errno
import os
import subprocess
import sys

import pytest

from lenet_jax import files
from lenet_jax.errors import UserError
from tests.helpers.commands import PROJECT


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "config.json"
    files.write(path, "old é")

    def stop(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, stop)
        with pytest.raises(UserError, match=r"config.json cannot be written \(No space"):
            files.write(path, "new")
    assert path.read_text(encoding="utf-8") == "old é"
    files.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


def test_two_writers_do_not_meet(tmp_path):
    """A report while its sweep goes on: each file is one writer's, whole, and none of them fails."""
    path = tmp_path / "results.csv"
    write = (
        "import pathlib, sys; from lenet_jax import files\n"
        "for _ in range(200): files.write(pathlib.Path(sys.argv[1]), sys.argv[2] * 5000)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", write, str(path), letter], cwd=PROJECT) for letter in "ab"
    ]
    while any(process.poll() is None for process in processes):
        if path.exists():
            assert path.read_text() in ("a" * 5000, "b" * 5000)
    assert [process.returncode for process in processes] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]
