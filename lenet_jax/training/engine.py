"""Where programs are compiled, and how many runs one call trains.

Runs that share a program are trained together, as a *population*: on a GPU or TPU side by side
(`jax.vmap`), as many as fit into memory, and spread over all devices (`jax.shard_map`), also those of other
processes (`jax.distributed`). On a CPU each device trains one run at a time, because products of many small
matrices take longer side by side.
"""

import functools
import math
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from lenet_jax import backend
from lenet_jax.data import Split
from lenet_jax.errors import require_one_of
from lenet_jax.training import epoch as one_run
from lenet_jax.training.epoch import Answers, Chunk, Means, Score, State
from lenet_jax.training.hyperparameters import Hyperparameters, hyperparameter_shapes
from lenet_jax.training.jax_settings import xla_options
from lenet_jax.training.program import Program

PARALLEL = ("jit", "pmap")
RUN_AXIS = "runs"  # the mesh axis over which runs are spread
MEMORY_SHARE = 0.8  # of a device's memory, for the images and a population's arrays
LARGEST_POPULATION = 1024  # runs on one device
DEMANDING = ("init_state", "train_epoch", "outputs")  # the functions that need the most memory


class Engine(NamedTuple):
    """Compiled functions for populations, and where their arrays live.

    Hyperparameters, states, means and scores have the runs as first axis, R. It is a multiple of
    `run_devices`. (Under pmap there is one run, and its state has the devices as first axis, each with a
    copy.) Where several processes train together, all call the same functions in the same order; on the host,
    R are the runs of this process, and on devices those of all.

    Attributes:
      run_devices: devices of this process over which runs are spread.
      batch_devices: devices that share each batch, whose size must be a multiple of their number.
      put: pytree on the host -> a copy of it on each device.
      spread: hyperparameters on the host -> the same on the devices, for `init_state`.
      place: state on the host, of the same shapes -> state as `init_state` returns it.
      fetch: pytree with runs as first axis on the devices -> the same on the host.
      memory_limit: () -> bytes that a population may take of each device of this process; inf if unknown.
      capacity: (program, number of images, runs, bytes on each device) -> how many of these runs one call of
        this process takes: all, or as many as fit.
      init_state: (program, hyperparameters) -> state.
      train_epoch: (program, state, data, epoch) -> (state, means); consumes the old state.
      evaluate: (program, state, data, start, count) -> score and answers, (R, count), of `count` of a run's
        images from index `start` on, each counted once; on the host.
      predict: (model, state, data, start, count) -> the outputs for these images, (R, count, K) on the host.
    """

    run_devices: int
    batch_devices: int
    put: Callable[[Any], Any]
    spread: Callable[[Hyperparameters], Hyperparameters]
    place: Callable[[State], State]
    fetch: Callable[[Any], Any]
    memory_limit: Callable[[], float]
    capacity: Callable[[Program, int, int, float], int]
    init_state: Callable[[Program, Hyperparameters], State]
    train_epoch: Callable[[Program, State, Split, int], tuple[State, Means]]
    evaluate: Callable[[Program, State, Split, int, int], tuple[Score, Answers]]
    predict: Callable[[nn.Module, State, Split, int, int], np.ndarray]


def make_engine(parallel: str, runs: int = 1) -> Engine:
    """The engine of `config.parallel` for a number of runs, on all processes together.

    Raises UserError for a name not in PARALLEL.
    """
    require_one_of("parallel", parallel, PARALLEL)
    if parallel == "pmap":
        return _shared_batch_engine()
    processes = jax.process_count()
    of_each = -(-runs // processes)
    devices = [device for process in range(processes) for device in jax.local_devices(process)[:of_each]]
    return population_engine(tuple(devices), not backend.is_cpu())


class Compilable(NamedTuple):
    """A jitted function, and the shapes of arguments for which it is compiled.

    Attributes:
      held: bytes on each device of arrays that are kept there meanwhile and are not among the arguments.
    """

    function: Any
    arguments: tuple
    held: int = 0

    def compile(self) -> jax.stages.Compiled:
        """The function, compiled for its devices."""
        return self.function.lower(*self.arguments).compile()


class PopulationFunctions(NamedTuple):
    """The functions of `lenet_jax.training.epoch`, jitted for populations on some devices.

    Attributes:
      devices: over which runs are spread; they need not belong to this machine, to compile for them.
      results: how the functions place what they return.
      init_state, train_epoch, evaluation: the functions.
    """

    devices: tuple[jax.Device, ...]
    results: NamedSharding
    init_state: Any
    train_epoch: Any
    evaluation: "_Evaluation"

    def to_compile(self, program: Program, images: int, runs: int) -> dict[str, Compilable]:
        """All that training and scoring `runs` runs calls, on a dataset of `images` images, by name."""
        data, hyperparameters = one_run.image_shapes(program, images), hyperparameter_shapes(runs)
        state = self.init_state.eval_shape(program, hyperparameters)
        evaluation = self.evaluation
        of_chunk = None, hyperparameters, state.drawn, data, 0, 0, 0
        chunk = evaluation.take_chunk.eval_shape(*of_chunk)
        of_outputs = program.model, state.variables, chunk.images
        outputs = evaluation.outputs.eval_shape(*of_outputs)
        of_score = program.objective, hyperparameters, chunk.labels, chunk.is_counted, outputs
        beside_outputs = _size(data) + _size((state.opt_state, state.curvature)) // len(self.devices)
        return {
            "init_state": Compilable(self.init_state, (program, hyperparameters)),
            "train_epoch": Compilable(self.train_epoch, (program, state, data, 0)),
            "take_chunk": Compilable(evaluation.take_chunk, of_chunk),
            "outputs": Compilable(evaluation.outputs, of_outputs, beside_outputs),
            "score_chunk": Compilable(evaluation.score_chunk, of_score),
        }


def population_functions(devices: tuple[jax.Device, ...], side_by_side: bool) -> PopulationFunctions:
    """For runs spread over `devices`; each device trains its runs side by side, or has only one."""
    mesh = Mesh(np.array(devices), (RUN_AXIS,))
    by_run, replicated = PartitionSpec(RUN_AXIS), PartitionSpec()
    # Named, so that arrays are placed alike whichever function returns them. Otherwise `train_epoch` would be
    # compiled again for the state that it returns.
    results = NamedSharding(mesh, by_run)

    def compile_(function: Callable, specs: tuple, **options) -> Any:
        axes = tuple(0 if spec == by_run else None for spec in specs)

        def population(program: Program, *arguments: Any) -> Any:
            of_program = functools.partial(function, program)
            local = jax.vmap(of_program, axes) if side_by_side else _for_one_run(of_program, axes)
            if len(devices) > 1:
                local = jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=by_run, check_vma=False)
            return local(*arguments)

        return jax.jit(population, static_argnums=0, out_shardings=results, **options)

    def fetch(tree: Any) -> Any:
        return jax.device_get(multihost_utils.global_array_to_host_local_array(tree, mesh, by_run))

    return PopulationFunctions(
        devices,
        results,
        init_state=compile_(one_run.init_state, (by_run,), compiler_options=_quick_compilation()),
        train_epoch=compile_(one_run.train_epoch, (by_run, replicated, replicated), donate_argnums=1),
        evaluation=_Evaluation(
            one_run.EVALUATION_BATCH,
            fetch,
            compile_(one_run.take_chunk, (by_run, by_run, *4 * (replicated,))),
            compile_(one_run.outputs, (by_run, by_run)),
            compile_(one_run.score_chunk, 4 * (by_run,)),
        ),
    )


@functools.cache
def population_engine(devices: tuple[jax.Device, ...], side_by_side: bool) -> Engine:
    """Spreads runs over `devices`; each device trains its runs side by side, or has only one."""
    functions = population_functions(devices, side_by_side)
    own = [device for device in devices if device.process_index == jax.process_index()]
    by_run = functions.results
    replicated = NamedSharding(by_run.mesh, PartitionSpec())
    copy = jax.jit(functools.partial(jax.tree.map, jnp.copy), out_shardings=by_run)

    def to_devices(sharding: NamedSharding, tree: Any) -> Any:
        return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(sharding, leaf), tree)

    tried: dict[tuple[Program, int, float], tuple[int, int]] = {}  # runs on a device, how many of them fit

    def capacity(program: Program, images: int, runs: int, limit: float) -> int:
        if not side_by_side:
            return len(own)
        of_device = min(-(-runs // len(own)), LARGEST_POPULATION)
        most, fit = tried.get((program, images, limit), (1, 1))
        if of_device > most and fit == most:  # else it is known how many fit
            needed = functools.partial(_bytes_on_a_device, functions, program, images)
            fit = runs_that_fit(needed, limit, of_device)
            tried[program, images, limit] = of_device, fit
        return len(own) * min(of_device, fit)

    return Engine(
        run_devices=len(own),
        batch_devices=1,
        put=functools.partial(to_devices, replicated),
        spread=functools.partial(to_devices, by_run),
        place=lambda state: copy(to_devices(by_run, state)),  # a copy, as training consumes its arrays
        fetch=functions.evaluation.fetch,
        memory_limit=lambda: min(map(_memory_limit, own)),
        capacity=capacity,
        init_state=functions.init_state,
        train_epoch=functions.train_epoch,
        evaluate=functions.evaluation.evaluate,
        predict=functions.evaluation.predict,
    )


class _Evaluation(NamedTuple):
    """Compiled functions of one chunk, applied to all chunks of a split.

    Outputs have a program of their own, which depends on the network alone: the same images get the same
    outputs, bit for bit, whatever they are needed for.

    Attributes:
      block: number of images in a chunk, on all devices that share it.
      fetch: as in `Engine`.
      take_chunk, outputs, score_chunk: the functions of `lenet_jax.training.epoch`, for populations.
    """

    block: int
    fetch: Callable[[Any], Any]
    take_chunk: Any
    outputs: Any
    score_chunk: Any

    def evaluate(
        self, program: Program, state: State, data: Split, start: int, count: int
    ) -> tuple[Score, Answers]:
        scored = [
            self.score_chunk(
                program.objective, state.hyperparameters, chunk.labels, chunk.is_counted, outputs
            )
            for chunk, outputs in self._chunks(program.model, state, data, start, count)
        ]  # all are dispatched before the first is waited for
        scores, answers = zip(*self.fetch(scored), strict=True)
        total = (functools.reduce(np.add, column) for column in zip(*scores, strict=True))
        joined = (self._joined(column, count) for column in zip(*answers, strict=True))
        return Score(*total), Answers(*joined)

    def predict(self, model: nn.Module, state: State, data: Split, start: int, count: int) -> np.ndarray:
        parts = [outputs for _, outputs in self._chunks(model, state, data, start, count)]
        return self._joined(self.fetch(parts), count)

    def _joined(self, parts: Sequence[np.ndarray], count: int) -> np.ndarray:
        """(R, count, ...), from one array per chunk."""
        blocks = [part.reshape(-1, self.block, *part.shape[2:]) for part in parts]
        return np.concatenate(blocks, axis=1)[:, :count]

    def _chunks(
        self, model: nn.Module, state: State, data: Split, start: int, count: int
    ) -> Generator[tuple[Chunk, jax.Array]]:
        for number in range(-(-count // self.block)):
            chunk = self.take_chunk(None, state.hyperparameters, state.drawn, data, start, count, number)
            yield chunk, self.outputs(model, state.variables, chunk.images)


def _bytes_on_a_device(functions: PopulationFunctions, program: Program, images: int, runs: int) -> float:
    """Memory of the most demanding function, with the images, for `runs` runs on each device.

    inf if the compiler refuses it, as that for TPUs does where memory is too small.
    """
    to_compile = functions.to_compile(program, images, runs * len(functions.devices))
    try:
        return max(bytes_needed(to_compile[name].compile()) + to_compile[name].held for name in DEMANDING)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return math.inf


def runs_that_fit(bytes_needed: Callable[[int], float], limit: float, runs: int) -> int:
    """How many of `runs` runs need at most `limit` bytes; at least one.

    Tries all of them first, whose program is needed anyway. If they don't fit, extrapolates from one and two,
    then shrinks the population until it fits.
    """
    if runs == 1 or math.isinf(limit) or bytes_needed(runs) <= limit:
        return runs
    one, two = bytes_needed(1), bytes_needed(2)
    if math.isinf(two):
        return 1
    fit = min(max(1, 1 + int((limit - one) / max(1, two - one))), runs - 1)
    while fit > 1 and (needed := bytes_needed(fit)) > limit:
        fit = max(1, fit // 2 if math.isinf(needed) else min(fit - 1, int(fit * limit / needed)))
    return fit


def bytes_needed(compiled: jax.stages.Compiled) -> int:
    """Bytes on each device for a compiled function's arguments, results and temporary arrays."""
    memory = compiled.memory_analysis()
    assert memory is not None, "this backend does not report memory"
    needed = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return needed - memory.alias_size_in_bytes  # consumed arguments hold the returned values


def _size(tree: Any) -> int:
    """Bytes of all arrays of a pytree of shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _memory_limit(device: jax.Device) -> float:
    """Bytes for a population: a share of the device's memory. Free memory would vary from call to call."""
    limit = (device.memory_stats() or {}).get("bytes_limit")
    return float("inf") if limit is None else MEMORY_SHARE * limit


@functools.cache
def _shared_batch_engine() -> Engine:
    """One run at a time, each batch split over all local devices by `jax.pmap`."""
    devices = jax.local_device_count()
    compile_ = functools.partial(
        jax.pmap, axis_name=one_run.DEVICE_AXIS, static_broadcasted_argnums=0, axis_size=devices
    )
    copy = jax.pmap(lambda _, tree: tree, in_axes=(0, None))

    def put(tree: Any) -> Any:
        return copy(jnp.arange(devices), tree)

    def first(tree: Any) -> Any:  # all devices hold the same values
        return jax.tree.map(lambda leaf: leaf[:1], tree)

    one_device = population_engine(tuple(jax.local_devices()[:1]), side_by_side=False)
    train_epoch = compile_(
        functools.partial(one_run.train_epoch, axis_size=devices),
        in_axes=(None, 0, 0, None),
        donate_argnums=1,
    )
    evaluation = _Evaluation(
        devices * one_run.EVALUATION_BATCH,
        jax.device_get,
        compile_(
            functools.partial(one_run.take_chunk, axis_size=devices),
            in_axes=(None, 0, 0, 0, None, None, None),
        ),
        compile_(one_run.outputs),
        compile_(one_run.score_chunk),
    )

    def train(program: Program, state: Any, data: Any, epoch: int) -> tuple[Any, Any]:
        state, means = train_epoch(program, state, data, epoch)
        return state, first(means)

    def evaluate(*arguments: Any) -> tuple[Score, Answers]:
        by_device, answers = evaluation.evaluate(*arguments)
        return Score(*(leaf.sum(keepdims=True) for leaf in by_device)), answers

    return Engine(
        run_devices=1,
        batch_devices=devices,
        put=put,
        spread=lambda hyperparameters: hyperparameters,
        place=lambda state: put(jax.tree.map(lambda leaf: leaf[0], state)),  # all rows are copies
        fetch=jax.device_get,
        memory_limit=one_device.memory_limit,
        capacity=lambda program, images, runs, limit: 1,
        init_state=lambda program, hyperparameters: put(
            _only(one_device.init_state(program, hyperparameters))
        ),
        train_epoch=train,
        evaluate=evaluate,
        predict=evaluation.predict,
    )


def _only(tree: Any) -> Any:
    """The only run of a population of one."""
    return jax.tree.map(lambda leaf: jnp.squeeze(leaf, 0), tree)


def _for_one_run(function: Callable, axes: tuple[int | None, ...]) -> Callable:
    """`function` for a population of one: the same computation as without the axis of runs."""

    def call(*arguments):
        alone = [
            _only(argument) if axis == 0 else argument for argument, axis in zip(arguments, axes, strict=True)
        ]
        return jax.tree.map(lambda leaf: leaf[None], function(*alone))

    return call


def _quick_compilation() -> dict | None:
    """For functions called once per run: on a CPU, optimising random bits takes longer than drawing them.

    A level that XLA_FLAGS sets, as our tests do, is kept.
    """
    level = "xla_backend_optimization_level"
    is_set = any(level in option for option in xla_options())
    return {level: 1} if backend.is_cpu() and not is_set else None
