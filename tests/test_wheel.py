"""The built package, installed away from the project's folder."""

import email
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest
from packaging.requirements import Requirement

from lenet_jax.native import library
from tests.helpers.commands import PROJECT

PACKAGES = ("lenet_jax", "experiments")
NOT_SOURCES = {"build", "dist", "results", "runs"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Built from a copy, as a build leaves files next to its sources. Needs no network."""
    source = tmp_path_factory.mktemp("source")
    for path in PROJECT.iterdir():
        if path.is_file():
            shutil.copy(path, source)
        elif path.name not in NOT_SOURCES and not path.name.startswith("."):
            shutil.copytree(path, source / path.name)
    folder = tmp_path_factory.mktemp("wheel")
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    _python("-m", "pip", "wheel", "--quiet", *offline, f"--wheel-dir={folder}", source)
    [built] = folder.glob("*.whl")
    return built


def _python(*arguments: str | pathlib.Path, python: str | pathlib.Path = sys.executable, **options) -> str:
    """Runs a Python as a user would, without the tests' settings, to success; its standard output."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "XLA_FLAGS")
    }
    ended = subprocess.run([python, *arguments], capture_output=True, text=True, env=environment, **options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_it_holds_the_library_and_the_commands(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        about = email.message_from_bytes(file.read(metadata))
    folder = metadata.split("/")[0]
    assert {name.split("/")[0] for name in names} == {*PACKAGES, folder}
    modules = {
        str(path.relative_to(PROJECT)) for package in PACKAGES for path in (PROJECT / package).rglob("*.py")
    }
    headers = [path.name for path in library.SOURCE.glob("*.h")]
    assert {name for name in names if not name.startswith(folder)} == {
        *modules,
        "lenet_jax/data/checksums.tsv",
        "lenet_jax/illustrations/explorer.html",
        "lenet_jax/report/report.html",
        *(f"lenet_jax/native/{name}" for name in (*library.SOURCES, *headers)),
    }
    assert f"{folder}/licenses/LICENSE" in names
    assert about["License-Expression"] == "Apache-2.0"
    required = {Requirement(line).name for line in about.get_all("Requires-Dist")}
    assert {"jax", "flax", "optax", "pandas"} <= required


def test_it_trains_in_an_empty_folder(wheel, tmp_path):
    """In an environment of its own, to which this one's libraries are linked."""
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    empty.mkdir()
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    _python("-m", "pip", f"--python={python}", "install", "--quiet", "--no-deps", "--no-index", wheel)
    packages = _python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))", python=python).strip()
    pathlib.Path(packages, "linked.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")

    found = _python("-c", "import lenet_jax; print(lenet_jax.__file__)", python=python, cwd=empty)
    assert found.startswith(packages)
    _python(
        *("-m", "experiments.train", "--config.train.epochs=1", "--workdir=run"), python=python, cwd=empty
    )
    assert (empty / "run" / "runs.jsonl").read_text(encoding="utf-8").count("\n") == 1
