"""The locked dependencies on other Pythons: a new environment each, for which they are downloaded."""

import os
import subprocess
import sys

import pytest

from tests.helpers.commands import PROJECT

OLDEST_AND_NEWEST = "python3.11 python3.14"
PYTHONS = os.environ.get("PYTHONS", OLDEST_AND_NEWEST).split()

pytestmark = pytest.mark.slow


def _version(python: str) -> str | None:
    """Its major and minor version; None where it does not start."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run(
            [python, "-c", program], check=True, capture_output=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_installs_and_trains(python, tmp_path):
    version = _version(python)
    if version is None:
        pytest.skip(f"{python} is not installed")
    if version == "{}.{}".format(*sys.version_info):
        pytest.skip(f"{python} runs the other tests")
    environment = tmp_path / "environment"
    subprocess.run([python, "-m", "venv", environment], check=True)
    run = environment / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([run, *install, "-r", PROJECT / "requirements.lock"], check=True)
    train = ["-m", "experiments.train", "--config.train.epochs=1", f"--workdir={tmp_path / 'run'}"]
    # The flags of the tests are not those of users, and another jaxlib may not know them.
    environ = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([run, *train], check=True, cwd=PROJECT, env=environ)
    assert (tmp_path / "run" / "runs.jsonl").is_file()
