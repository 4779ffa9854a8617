"""Where programs are compiled: for one device with `jax.jit`, or all local ones with `jax.pmap`."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lenet_jax import training
from lenet_jax.errors import require_one_of
from lenet_jax.program import PARALLEL


class Engine(NamedTuple):
    """Compiled functions and where their arrays live.

    Attributes:
      devices: how many devices share a batch, so it must divide by this number.
      put: pytree on the host -> on the device, or a copy on each.
      get: pytree that `put` or a function below returned -> one copy of it.
      train_epoch: (program, state, split, seed, epoch) -> (state, metrics); consumes the state.
      evaluate: (program, state, split) -> metrics.
    """

    devices: int
    put: Callable[[Any], Any]
    get: Callable[[Any], Any]
    train_epoch: Callable
    evaluate: Callable


@functools.cache
def make_engine(parallel: str) -> Engine:
    """The engine of `config.parallel`. Raises UserError for a name that isn't in PARALLEL."""
    require_one_of("parallel", parallel, PARALLEL)
    if parallel == "jit":
        compile_ = functools.partial(jax.jit, static_argnums=0)
        return Engine(
            devices=1,
            put=jax.device_put,
            get=lambda tree: tree,
            train_epoch=compile_(_bind(training.train_epoch, None), donate_argnums=1),
            evaluate=compile_(_bind(training.evaluate, None)),
        )
    devices = jax.local_device_count()
    compile_ = functools.partial(
        jax.pmap, axis_name=training.AXIS, static_broadcasted_argnums=0, axis_size=devices
    )
    copy = jax.pmap(lambda _, tree: tree, in_axes=(0, None))
    return Engine(
        devices=devices,
        put=lambda tree: copy(jnp.arange(devices), tree),
        get=lambda tree: jax.tree.map(lambda leaf: leaf[0], tree),
        train_epoch=compile_(
            _bind(training.train_epoch, devices), in_axes=(None, 0, 0, None, None), donate_argnums=1
        ),
        evaluate=compile_(_bind(training.evaluate, devices), in_axes=(None, 0, 0)),
    )


def _bind(function: Callable, axis_size: int | None) -> Callable:
    return lambda program, *arrays: function(program, axis_size, *arrays)
