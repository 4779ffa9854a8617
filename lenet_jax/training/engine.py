"""Where programs are compiled, and how many runs one call trains.

Runs that share a program are trained together, as a *population*: side by side on a GPU or TPU
(`jax.vmap`), as many as fit, and spread over all local devices (`jax.shard_map`). On a CPU each device
trains one run at a time: side by side, products of many small matrices take longer there.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lenet_jax.errors import require_one_of
from lenet_jax.training import epoch as training
from lenet_jax.training.program import Program

PARALLEL = ("jit", "pmap")
RUNS = "runs"  # the axis of devices over which runs are spread
MEMORY_SHARE = 0.8  # of a device's memory, for the images and a population's arrays
LARGEST_POPULATION = 1024  # runs on a device


class Engine(NamedTuple):
    """Compiled functions for populations, and where their arrays live.

    All arrays of a state, the numbers, the means and the scores have the runs as first dimension, R
    of them: a multiple of `run_devices`, at most `capacity`.

    Attributes:
      run_devices: devices over which runs are spread.
      batch_devices: devices that share a batch, so it must divide by this number.
      put: pytree on the host -> all of it on each device.
      capacity: (program, number of images) -> how many runs one call takes at most.
      init_state: (program, numbers) -> state.
      train_epoch: (program, state, data, seeds, epoch) -> (state, means); consumes the state.
      evaluate: (program, state, data, start, count) -> score.
    """

    run_devices: int
    batch_devices: int
    put: Callable[[Any], Any]
    capacity: Callable[[Program, int], int]
    init_state: Callable
    train_epoch: Callable
    evaluate: Callable


def make_engine(parallel: str, runs: int = 1) -> Engine:
    """The engine of `config.parallel` for so many runs. Raises UserError for a name not in PARALLEL."""
    require_one_of("parallel", parallel, PARALLEL)
    if parallel == "pmap":
        return _shared_batch_engine()
    return population_engine(min(runs, jax.local_device_count()), jax.default_backend() != "cpu")


@functools.cache
def population_engine(devices: int, side_by_side: bool) -> Engine:
    """Spreads runs over `devices`; each trains its own side by side, or one only."""
    mesh = Mesh(np.array(jax.local_devices()[:devices]), (RUNS,))
    by_run, replicated = PartitionSpec(RUNS), PartitionSpec()

    def compile_(function: Callable, specs: tuple, **options) -> Callable:
        axes = tuple(0 if spec == by_run else None for spec in specs)

        def population(program, *arguments):
            one = functools.partial(function, program)
            local = jax.vmap(one, axes) if side_by_side else _for_one_run(one, axes)
            if devices > 1:
                local = jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=by_run, check_vma=False)
            return local(*arguments)

        return jax.jit(population, static_argnums=0, **options)

    init_state = compile_(training.init_state, (by_run,), compiler_options=_quick_compilation())
    train_epoch = compile_(training.train_epoch, (by_run, replicated, by_run, replicated), donate_argnums=1)
    evaluate = compile_(training.evaluate, (by_run, replicated, replicated, replicated))

    @functools.cache
    def capacity(program: Program, images: int) -> int:
        if not side_by_side:
            return devices
        data = training.image_shapes(program, images)

        def bytes_on_a_device(runs: int) -> int:
            """Of the largest of the three programs, with the images."""
            numbers = jax.tree.map(
                lambda kind: jax.ShapeDtypeStruct((runs * devices,), kind), training.HYPERPARAMETER_TYPES
            )
            state = init_state.eval_shape(program, numbers)
            return max(
                _bytes_needed(function.lower(program, *arguments).compile())
                for function, *arguments in (
                    (init_state, numbers),
                    (train_epoch, state, data, numbers.seed, 0),
                    (evaluate, state, data, 0, images),
                )
            )

        limit = min(map(_memory_limit, mesh.devices.flat))
        return devices * runs_that_fit(bytes_on_a_device, limit)

    return Engine(
        run_devices=devices,
        batch_devices=1,
        put=lambda tree: jax.device_put(tree, NamedSharding(mesh, replicated)),
        capacity=capacity,
        init_state=init_state,
        train_epoch=train_epoch,
        evaluate=evaluate,
    )


def runs_that_fit(bytes_needed: Callable[[int], int], limit: float) -> int:
    """How many runs need at most `limit` bytes, from 1 to LARGEST_POPULATION.

    As many as would if each needed as much more as the second; fewer until they do.
    """
    if math.isinf(limit):
        return LARGEST_POPULATION
    one, two = bytes_needed(1), bytes_needed(2)
    runs = 1 + int((limit - one) / max(1, two - one))
    runs = min(max(1, runs), LARGEST_POPULATION)
    while runs > 1 and (needed := bytes_needed(runs)) > limit:
        runs = max(1, min(runs - 1, int(runs * limit / needed)))
    return runs


def _bytes_needed(compiled) -> int:
    memory = compiled.memory_analysis()
    needed = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return needed - memory.alias_size_in_bytes  # what is consumed holds what is returned


def _memory_limit(device: jax.Device) -> float:
    """Bytes for a population: a share of the device's, not of what is free, so that it is always the same."""
    limit = (device.memory_stats() or {}).get("bytes_limit")
    return float("inf") if limit is None else MEMORY_SHARE * limit


@functools.cache
def _shared_batch_engine() -> Engine:
    """One run at a time, each batch split over all local devices by `jax.pmap`."""
    devices = jax.local_device_count()
    compile_ = functools.partial(
        jax.pmap, axis_name=training.AXIS, static_broadcasted_argnums=0, axis_size=devices
    )
    copy = jax.pmap(lambda _, tree: tree, in_axes=(0, None))

    def put(tree):
        return copy(jnp.arange(devices), tree)

    def first(tree):  # devices hold copies: one of them stands for the only run
        return jax.tree.map(lambda leaf: leaf[:1], tree)

    init_state = jax.jit(
        lambda program, numbers: training.init_state(program, _only(numbers)),
        static_argnums=0,
        compiler_options=_quick_compilation(),
    )
    train_epoch = compile_(
        functools.partial(training.train_epoch, axis_size=devices),
        in_axes=(None, 0, 0, None, None),
        donate_argnums=1,
    )
    evaluate = compile_(
        functools.partial(training.evaluate, axis_size=devices), in_axes=(None, 0, 0, None, None)
    )

    def train(program, state, data, seeds, epoch):
        state, means = train_epoch(program, state, data, _only(seeds), epoch)
        return state, first(means)

    return Engine(
        run_devices=1,
        batch_devices=devices,
        put=put,
        capacity=lambda program, images: 1,
        init_state=lambda program, numbers: put(init_state(program, numbers)),
        train_epoch=train,
        evaluate=lambda *arguments: first(evaluate(*arguments)),
    )


def _only(tree):
    """The only run of a population of one."""
    return jax.tree.map(lambda leaf: jnp.squeeze(leaf, 0), tree)


def _for_one_run(function: Callable, axes: tuple) -> Callable:
    """`function` of a population of one; the same program as without a population."""

    def call(*arguments):
        alone = [_only(it) if axis == 0 else it for it, axis in zip(arguments, axes, strict=True)]
        return jax.tree.map(lambda leaf: leaf[None], function(*alone))

    return call


def _quick_compilation() -> dict | None:
    """For what runs once a run: on a CPU, optimising the unrolled random bits takes longer than they do."""
    return {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None
