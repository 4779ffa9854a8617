"""Where programs are compiled: for one device with `jax.jit`, or all local ones with `jax.pmap`."""

import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lenet_jax import training
from lenet_jax.errors import require_one_of

PARALLEL = ("jit", "pmap")


def fix_numerics() -> None:
    """Makes the same call give the same numbers on a GPU, too, in float32 throughout.

    To be called before anything is computed. On a CPU this changes nothing.
    """
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
    jax.config.update("jax_default_matmul_precision", "highest")


class Engine(NamedTuple):
    """Compiled functions and where their arrays live.

    Attributes:
      devices: how many devices share a batch, so it must divide by this number.
      put: pytree on the host -> on the device, or a copy on each.
      get: pytree that `put` or a function below returned -> one copy of it.
      init_state: (program, seed, learning_rate, momentum, weight_decay) -> state, already put.
      train_epoch: (program, state, data, seed, epoch) -> (state, means); consumes the state.
      evaluate: (program, state, data, start, count) -> score.
    """

    devices: int
    put: Callable[[Any], Any]
    get: Callable[[Any], Any]
    init_state: Callable
    train_epoch: Callable
    evaluate: Callable


@functools.cache
def make_engine(parallel: str) -> Engine:
    """The engine of `config.parallel`. Raises UserError for a name that isn't in PARALLEL."""
    require_one_of("parallel", parallel, PARALLEL)
    # Runs once a run: on a CPU, optimising the unrolled random bits takes longer than drawing them.
    quick = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None
    init_state = jax.jit(training.init_state, static_argnums=0, compiler_options=quick)
    if parallel == "jit":
        compile_ = functools.partial(jax.jit, static_argnums=0)
        return Engine(
            devices=1,
            put=jax.device_put,
            get=lambda tree: tree,
            init_state=init_state,
            train_epoch=compile_(_bind(training.train_epoch, None), donate_argnums=1),
            evaluate=compile_(_bind(training.evaluate, None)),
        )
    devices = jax.local_device_count()
    compile_ = functools.partial(
        jax.pmap, axis_name=training.AXIS, static_broadcasted_argnums=0, axis_size=devices
    )
    copy = jax.pmap(lambda _, tree: tree, in_axes=(0, None))

    def put(tree):
        return copy(jnp.arange(devices), tree)

    return Engine(
        devices=devices,
        put=put,
        get=lambda tree: jax.tree.map(lambda leaf: leaf[0], tree),
        init_state=lambda *arguments: put(init_state(*arguments)),
        train_epoch=compile_(
            _bind(training.train_epoch, devices), in_axes=(None, 0, 0, None, None), donate_argnums=1
        ),
        evaluate=compile_(_bind(training.evaluate, devices), in_axes=(None, 0, 0, None, None)),
    )


def _bind(function: Callable, axis_size: int | None) -> Callable:
    return lambda program, *arrays: function(program, axis_size, *arrays)
