"""The runs of a sweep are listed quickly, or refused."""

import tracemalloc

import pytest

from lenet_jax.config.arms import Arm
from lenet_jax.config.fields import SEEDS_LIMIT, default_sweep, override
from lenet_jax.errors import UserError
from lenet_jax.runs.plan import list_runs

ARMS = [Arm("a", {}), Arm("b", {"model.name": "mlp"})]


def test_a_seed_given_as_the_number_of_seeds_is_refused():
    config = override(default_sweep(), {"seeds": 20240501})
    with pytest.raises(
        UserError, match="config.seeds=20240501 is the number of seeds, 40,481,002 runs: .*conf"
    ):
        list_runs(config, ARMS)


def test_as_many_runs_as_are_allowed_take_little_memory():
    config = override(default_sweep(), {"seeds": SEEDS_LIMIT})
    tracemalloc.start()
    runs = list_runs(config, ARMS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(runs) == 2 * SEEDS_LIMIT and peak < 1000 * len(runs)
    assert runs[-1].resolved.seed == SEEDS_LIMIT - 1


def test_an_arm_whose_values_cannot_be_run_is_named():
    for overrides in ({"train.learning_rate": float("nan")}, {"model.kernel_size": (40,)}):
        with pytest.raises(UserError, match=f"^Arm x: config.{next(iter(overrides))}="):
            list_runs(default_sweep(), [*ARMS, Arm("x", overrides)])
