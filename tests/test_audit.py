"""The pinned dependencies have no known vulnerabilities, as far as the package index tells."""

import json
import subprocess
import sys

import pytest

from tests.helpers.commands import PROJECT

pytestmark = pytest.mark.slow

AUDIT = [sys.executable, "-m", "uv", "tool", "run", "--quiet", "pip-audit>=2.9,<3"]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_no_pinned_version_has_a_known_vulnerability(lock):
    options = [
        "--format=json",
        "--progress-spinner=off",
        "--require-hashes",
        "--disable-pip",
        "--requirement",
    ]
    ended = subprocess.run([*AUDIT, *options, PROJECT / lock], capture_output=True, text=True, timeout=300)
    try:
        found = json.loads(ended.stdout)["dependencies"]
    except ValueError:
        pytest.skip(f"pip-audit cannot ask the index: {ended.stderr.strip()[-200:]}")
    asked = [package for package in found if "skip_reason" not in package]
    if not asked:
        pytest.skip("the index knows nothing of vulnerabilities")
    assert {package["name"]: package["vulns"] for package in asked if package["vulns"]} == {}
