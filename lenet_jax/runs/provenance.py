"""What a run ran on: enough to run it again, and to know when a number may differ."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess

import jax

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "ml-collections", "tensorflow-datasets")
SHOWN_LIBRARIES = ("jax", "flax", "optax")


@functools.cache  # as the code was loaded, whatever is committed while a sweep runs
def provenance() -> dict:
    """Library versions, device, processor and the project's git revision, as JSON types."""
    return {
        "revision": git_revision(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "device": jax.devices()[0].device_kind,
        "host": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
    }


def versions(ran_on: dict) -> str:
    """What `provenance` says of Python and the libraries that a table names."""
    recorded = ran_on["libraries"]  # none where the provenance was lost
    libraries = (f"{name} {recorded[name]}" for name in SHOWN_LIBRARIES if name in recorded)
    return ", ".join([f"Python {ran_on['python']}", *libraries])


def git_revision() -> str:
    """The commit of this checkout, with "-dirty" where tracked files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        project = pathlib.Path(__file__).parent
        return subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown (no git checkout)"


def processor() -> str:
    """The processor's name where Linux tells it, else its architecture."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
