"""Sweeps in cumulative steps: each arm makes one more change than the arm before."""

import itertools

from lenet_jax.config.arms import Arm


def steps_from(start: dict, changes: dict[str, dict]) -> dict[str, dict]:
    """Name -> fields: `start` with all changes up to and including the one with that name."""
    steps = {}
    for name, change in changes.items():
        start = start | change
        steps[name] = start
    return steps


def arms_of_steps(steps: dict[str, dict], labels: dict[str, str]) -> list[Arm]:
    """One arm per step, compared with the step before; the last is also compared with the first."""
    first, *_, last = steps
    baselines: dict[str, dict[str, str]] = {first: {}}
    for before, name in itertools.pairwise(steps):
        baselines[name] = {labels[name]: before}
    baselines[last]["all steps together"] = first
    return [
        Arm(name, fields, label=labels[name], baselines=baselines[name]) for name, fields in steps.items()
    ]
