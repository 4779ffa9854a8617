"""What `import lenet_jax` gives, and what it costs."""

import subprocess
import sys

import pytest

import lenet_jax

HEAVY = ("jax", "flax", "pandas", "matplotlib", "sklearn")


def test_importing_the_package_loads_no_heavy_library():
    """In an interpreter of its own: this one has loaded them."""
    program = f"import sys, lenet_jax; print(*(name for name in {HEAVY} if name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ended.stdout.split() == []


@pytest.mark.parametrize("name", lenet_jax.__all__)
def test_public_names_are_what_their_modules_define(name):
    assert getattr(lenet_jax, name).__name__ == name
    assert getattr(lenet_jax, name).__module__.startswith("lenet_jax.")
    assert name in dir(lenet_jax)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lenet6'"):
        _ = lenet_jax.lenet6
