"""This project's side of the benchmark: training, single layers, and the machine's product rate.

A workload is a function without arguments that does a fixed amount of work and returns when it is done. The
functions here make workloads from plain values, so that another process can call them.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import plain
from benchmarks.data import random_images
from lenet_jax import backend
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.data import Split
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.products import PRECISION
from lenet_jax.models.wired_layer import Wired, native_form_of, reads_of
from lenet_jax.native import calls, form
from lenet_jax.runs.run import hyperparameters_of
from lenet_jax.training.engine import Engine, make_engine
from lenet_jax.training.epoch import Hyperparameters
from lenet_jax.training.jax_settings import make_gpus_deterministic
from lenet_jax.training.program import Program

Workload = Callable[[], None]
Apply = Callable[[dict, jax.Array], jax.Array]  # (parameters, input) -> output


def prepare(
    fields: Mapping[str, Any], images: int, learning_rates: list[float]
) -> tuple[Engine, Program, Split, Hyperparameters]:
    """The engine, program, data and hyperparameters of one run per learning rate, each with its own seed."""
    make_gpus_deterministic()
    runs = [
        resolve(override(default_config(), {**fields, "seed": seed, "train.learning_rate": learning_rate}))
        for seed, learning_rate in enumerate(learning_rates)
    ]
    engine = make_engine("jit", len(runs))
    program = runs[0].make_program({"train": images}, engine.batch_devices, form.current())
    data = engine.put(Split(*random_images(images, program.image_size)))
    return engine, program, data, hyperparameters_of(runs, engine.run_devices)


def train(
    fields: Mapping[str, Any], images: int, learning_rates: list[float], computed_by: str = form.NATIVE
) -> Workload:
    """Trains one run per learning rate, each with its own seed, for one epoch of `images` images.

    `computed_by` is one of `lenet_jax.native.form`, as far as it is available.
    """
    with form.using(computed_by):
        engine, program, data, hyperparameters = prepare(fields, images, learning_rates)
    together = engine.capacity(program, images, len(learning_rates), engine.memory_limit())
    parts = [
        jax.tree.map(lambda array, first=first: array[first : first + together], hyperparameters)
        for first in range(0, len(hyperparameters.seed), together)
    ]
    states = [engine.init_state(program, part) for part in parts]

    def work() -> None:
        for number, state in enumerate(states):
            states[number], means = engine.train_epoch(program, state, data, 1)
            jax.block_until_ready(means)

    return work


def layers(connectivity: str, sharing: str, batch: int, steps: int, kind: str) -> Workload:
    """Forward, backward and an SGD step for LeNet-5's stages 1 and 3, each jitted, one after the other.

    `kind` is "wired", as `Wired` computes, or "plain". Stage 1 has no gradient with respect to the images.
    """
    make_gpus_deterministic()
    stages = []
    for size, channels, maps in ((32, 1, 6), (14, 6, 16)):
        layer = Wired(maps, 5, connectivity, sharing, native=form.current() == form.NATIVE)
        x_NHWC = jax.random.normal(jax.random.key(0), (batch, size, size, channels))
        apply, params, x = layer_form(layer, x_NHWC, kind)
        cotangent = jax.random.normal(jax.random.key(3), jax.eval_shape(apply, params, x).shape)
        step = functools.partial(_sgd_step, apply, channels > 1)
        stages.append((jax.jit(step), params, x, cotangent))

    def work() -> None:
        for _ in range(steps):
            jax.block_until_ready([function(*arguments) for function, *arguments in stages])

    return work


def _sgd_step(
    apply: Apply, has_input_gradient: bool, params: dict, x: jax.Array, cotangent: jax.Array
) -> tuple[jax.Array, dict, jax.Array | None]:
    """The output, the parameters after the step, and perhaps the gradient with respect to the input."""
    if has_input_gradient:
        y, pull = jax.vjp(apply, params, x)
        gradient, x_gradient = pull(cotangent)
    else:
        y, pull = jax.vjp(lambda params: apply(params, x), params)
        [gradient], x_gradient = pull(cotangent), None
    updated = jax.tree.map(lambda weights, slopes: weights - 1e-3 * slopes, params, gradient)
    return y, updated, x_gradient


@functools.partial(jax.jit, static_argnums=0)
def init_layer(layer: Wired, x_NHWC: jax.Array) -> Any:
    """The variables of a layer for these images: random weights and, if it draws them, positions."""
    rngs = {"params": jax.random.key(1), "wiring": jax.random.key(2)}
    return layer.init(rngs, FeatureMaps.from_images(x_NHWC))


def layer_form(layer: Wired, x_NHWC: jax.Array, kind: str) -> tuple[Apply, dict, jax.Array]:
    """A layer with random weights as a function of parameters and input, those parameters and that input.

    Both forms have the same weights. The input is what the form gets in a network: for "plain" the images,
    for "wired" the images if they have one channel, else feature maps.
    """
    x = FeatureMaps.from_images(x_NHWC)
    if layer.native and native_form_of(layer.connectivity, layer.sharing, x.count):
        x = FeatureMaps.from_blocks(x.blocks(calls.lanes(x.count)), x.count)
    variables = init_layer(layer, x_NHWC)
    constants = {name: value for name, value in variables.items() if name != "params"}
    if kind == "wired":

        def apply(params: dict, inputs: jax.Array) -> jax.Array:
            are_images = inputs.shape == x_NHWC.shape
            maps = FeatureMaps.from_images(inputs) if are_images else dataclasses.replace(x, tiles=inputs)
            y: Any = layer.apply({"params": params, **constants}, maps)
            return y.tiles

        return apply, variables["params"], x_NHWC if x_NHWC.shape[-1] == 1 else x.tiles
    reads_PT = np.asarray(reads_of(layer, variables, x.size))
    module, plain_params = plain.plain_layer(layer, variables["params"], reads_PT, x.size)

    def apply_plain(params: dict, x_NHWC: jax.Array) -> Any:
        return module.apply({"params": params}, x_NHWC)

    return apply_plain, plain_params, x_NHWC


def multiply(size: int, count: int) -> Workload:
    """Products of square float32 matrices, whose rate is the machine's limit."""
    make_gpus_deterministic()
    matrix = jnp.ones((size, size), jnp.float32)
    product = jax.jit(functools.partial(jnp.matmul, precision=PRECISION))

    def work() -> None:
        for _ in range(count):
            product(matrix, matrix).block_until_ready()

    return work


def copy(floats: int) -> Workload:
    """Reads and writes, in place, an array too large for caches."""
    array = jnp.ones(floats, jnp.float32)
    add = jax.jit(lambda array: array + 1, donate_argnums=0)

    def work() -> None:
        nonlocal array
        array = add(array).block_until_ready()

    return work


def more_runs() -> list[int]:
    """Numbers of runs beyond 16 that are worth measuring: none on a CPU."""
    return [] if backend.is_cpu() else [32, 64, 128, 256, 512, 1024]
