"""This project's side of the benchmark: training, single layers, and the machine's product rate.

A workload is a function without arguments that does a fixed amount of work and returns when it is
done. Each is made by a function of plain values, in a process of its own.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark import plain
from experiments.benchmark.data import random_images
from lenet_jax.config import default_config, override
from lenet_jax.data import Split
from lenet_jax.engine import fix_numerics, make_engine
from lenet_jax.feature_maps import FeatureMaps
from lenet_jax.layers import Wired
from lenet_jax.program import make_program
from lenet_jax.training import Numbers

Workload = Callable[[], None]


def train(fields: dict, images: int, learning_rates: list[float]) -> Workload:
    """Trains a run for each learning rate, each with its own seed, for one epoch of so many images."""
    fix_numerics()
    config = override(default_config(), fields)
    runs = len(learning_rates)
    engine = make_engine("jit", runs)
    program = make_program(config, images, engine.batch_devices)
    data = engine.put(Split(*random_images(images, config.data.image_size)))
    rates = np.array(learning_rates, np.float32)
    numbers = Numbers(np.arange(runs, dtype=np.int32), rates, np.full_like(rates, 0.9), np.zeros_like(rates))
    together = engine.capacity(program, data, runs)

    def work():
        for first in range(0, runs, together):
            # The last runs again where there are fewer: the same shapes, the same program.
            chosen = np.minimum(np.arange(first, first + together), runs - 1)
            part = jax.tree.map(lambda numbers, chosen=chosen: numbers[chosen], numbers)
            state = engine.init_state(program, part)
            state, means = engine.train_epoch(program, state, data, part.seed, 1)
            jax.block_until_ready(means)

    return work


def layers(connectivity: str, sharing: str, batch: int, steps: int, form: str) -> Workload:
    """Forward and backward through LeNet-5's stages 1 and 3, one after the other, in jitted steps.

    `form` is "products", as `Wired` computes, or "plain". Stage 1 has no gradient for the images.
    """
    fix_numerics()
    stages = []
    for size, channels, maps in ((32, 1, 6), (14, 6, 16)):
        layer = Wired(maps, 5, connectivity, sharing)
        x_NHWC = jax.random.normal(jax.random.key(0), (batch, size, size, channels))
        apply, params, x = layer_form(layer, x_NHWC, form)
        cotangent = jax.random.normal(jax.random.key(3), jax.eval_shape(apply, params, x).shape)

        def gradients(params, x, cotangent, apply=apply, of_input=channels > 1):
            if of_input:
                y, pull = jax.vjp(apply, params, x)
            else:
                y, pull = jax.vjp(lambda params: apply(params, x), params)
            return y, pull(cotangent)

        stages.append((jax.jit(gradients), params, x, cotangent))

    def work():
        for _ in range(steps):
            jax.block_until_ready([function(*arguments) for function, *arguments in stages])

    return work


def layer_form(layer: Wired, x_NHWC: jax.Array, form: str):
    """(function of parameters and input, parameters, input) of a layer with random weights.

    In both forms the same weights, and the input as the form gets it in a network: feature maps here,
    (N, rows, columns, maps) in plain Flax.
    """
    x = FeatureMaps.from_images(x_NHWC)
    variables = layer.init({"params": jax.random.key(1), "wiring": jax.random.key(2)}, x)
    constants = {name: value for name, value in variables.items() if name != "params"}
    if form == "products":

        def apply(params, tiles):
            return layer.apply({"params": params, **constants}, x.replace_tiles(tiles)).tiles

        return apply, variables["params"], x.tiles
    reads = constants["wiring"]["reads"] if "wiring" in constants else ()
    module, params = plain.plain_layer(layer, variables["params"], np.asarray(reads), x.size)
    return lambda params, x: module.apply({"params": params}, x), params, x_NHWC


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
    """Numbers of runs beyond 16 that a GPU or TPU is for."""
    return [] if jax.default_backend() == "cpu" else [32, 64, 128, 256, 512, 1024]
