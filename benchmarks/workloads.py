"""This project's side of the benchmark: training, single layers, and the machine's product rate.

A workload is a function without arguments that does a fixed amount of work and returns when it is
done. Each is made by a function of plain values, in a process of its own.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import plain
from benchmarks.data import random_images
from lenet_jax.config.build_program import make_program
from lenet_jax.config.fields import default_config, override
from lenet_jax.data import Split
from lenet_jax.models.feature_maps import FeatureMaps
from lenet_jax.models.layers import Wired
from lenet_jax.runs.run import hyperparameters_of
from lenet_jax.training.engine import make_engine
from lenet_jax.training.jax_settings import fix_numerics

Workload = Callable[[], None]


def prepare(fields: dict, images: int, learning_rates: list[float]):
    """(engine, program, data, hyperparameters) for a run for each learning rate, each with its own seed."""
    fix_numerics()
    configs = [
        override(default_config(), {**fields, "seed": seed, "train.learning_rate": learning_rate})
        for seed, learning_rate in enumerate(learning_rates)
    ]
    engine = make_engine("jit", len(configs))
    program = make_program(configs[0], images, engine.batch_devices)
    data = engine.put(Split(*random_images(images, program.image_size)))
    return engine, program, data, hyperparameters_of(configs, engine.run_devices)


def train(fields: dict, images: int, learning_rates: list[float]) -> Workload:
    """Trains a run for each learning rate, each with its own seed, for one epoch of so many images."""
    engine, program, data, hyperparameters = prepare(fields, images, learning_rates)
    together = engine.capacity(program, images)

    def work():
        for first in range(0, len(hyperparameters.seed), together):
            part = jax.tree.map(lambda array, first=first: array[first : first + together], hyperparameters)
            state = engine.init_state(program, part)
            state, means = engine.train_epoch(program, state, data, 1)
            jax.block_until_ready(means)

    return work


def layers(connectivity: str, sharing: str, batch: int, steps: int, form: str) -> Workload:
    """Forward, backward and a step of SGD for LeNet-5's stages 1 and 3, one after the other, jitted.

    `form` is "products", as `Wired` computes, or "plain". Stage 1 has no gradient for the images.
    """
    fix_numerics()
    stages = []
    for size, channels, maps in ((32, 1, 6), (14, 6, 16)):
        layer = Wired(maps, 5, connectivity, sharing)
        x_NHWC = jax.random.normal(jax.random.key(0), (batch, size, size, channels))
        apply, params, x = layer_form(layer, x_NHWC, form)
        cotangent = jax.random.normal(jax.random.key(3), jax.eval_shape(apply, params, x).shape)

        def step(params, x, cotangent, apply=apply, of_input=channels > 1):
            if of_input:
                y, pull = jax.vjp(apply, params, x)
                gradient, of_x = pull(cotangent)
            else:
                y, pull = jax.vjp(lambda params: apply(params, x), params)
                [gradient], of_x = pull(cotangent), None
            return y, jax.tree.map(lambda weights, its: weights - 1e-3 * its, params, gradient), of_x

        stages.append((jax.jit(step), params, x, cotangent))

    def work():
        for _ in range(steps):
            jax.block_until_ready([function(*arguments) for function, *arguments in stages])

    return work


def layer_form(layer: Wired, x_NHWC: jax.Array, form: str):
    """(function of parameters and input, parameters, input) of a layer with random weights.

    In both forms the same weights, and the input as the form gets it in a network: images of one
    channel as they are, in plain Flax also those of more; here feature maps, uncut.
    """
    x = FeatureMaps.from_images(x_NHWC)
    variables = layer.init({"params": jax.random.key(1), "wiring": jax.random.key(2)}, x)
    constants = {name: value for name, value in variables.items() if name != "params"}
    if form == "products":

        def apply(params, values):
            is_first = values.shape == x_NHWC.shape
            maps = FeatureMaps.from_images(values) if is_first else x.replace(tiles=values)
            return layer.apply({"params": params, **constants}, maps).tiles

        return apply, variables["params"], x_NHWC if x_NHWC.shape[-1] == 1 else x.tiles
    module, params = plain.plain_layer(layer, variables["params"], reads_of(variables), x.size)
    return lambda params, x: module.apply({"params": params}, x), params, x_NHWC


def reads_of(variables) -> np.ndarray:
    """What units of a random wiring read; an empty array for other wirings."""
    return np.asarray(variables["wiring"]["reads"] if "wiring" in variables else ())


def products_per_second(size: int = 2048) -> float:
    """Multiply-accumulates a second of large float32 matrix products: what the machine can do, best of 10."""
    fix_numerics()
    matrix = jnp.ones((size, size), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        product(matrix, matrix).block_until_ready()
        seconds.append(time.perf_counter() - started)
    return size**3 / min(seconds)


def more_runs() -> list[int]:
    """Numbers of runs beyond 16, for a GPU or TPU."""
    return [] if jax.default_backend() == "cpu" else [32, 64, 128, 256, 512, 1024]
