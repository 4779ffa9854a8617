"""Probes of the networks of tests/helpers/tiny_sweep.py, which take seconds; tests pass it to --config."""

from lenet_jax.probes.disturbances import Shift
from lenet_jax.probes.equivariance import Equivariance
from lenet_jax.probes.probe import Probe
from lenet_jax.probes.weights import BestField
from tests.helpers.tiny_sweep import get_arms, get_config

__all__ = ["get_arms", "get_config", "get_probes"]


def get_probes(config) -> list[Probe]:
    return [Shift((0, 1), images=50), Equivariance(1, images=20), BestField()]
