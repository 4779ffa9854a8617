"""Loss, one compiled epoch, evaluation: pure functions of arrays.

An epoch is one `lax.scan` over device-resident data. The functions are those of one run: under
`jax.vmap` they train many. With an axis name they run on each of several devices under `jax.pmap`:
every device holds all the data and the whole state, takes its part of each batch, and gradients are
averaged.
"""

import enum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from lenet_jax.data import Split
from lenet_jax.program import Program

AXIS = "devices"
EVALUATION_BATCH = 250  # images at a time on one device; bounds memory, changes no count


class Purpose(enum.IntEnum):
    """What a key derived from a run's seed is for; each purpose has its own stream."""

    INITIALISATION = 0
    WIRING = 1
    DATA_ORDER = 2


class Numbers(NamedTuple):
    """What runs of one program may differ in: arguments of compiled functions, not constants."""

    seed: jax.Array
    learning_rate: jax.Array
    momentum: jax.Array
    weight_decay: jax.Array


NUMBER_TYPES = Numbers(jnp.int32, jnp.float32, jnp.float32, jnp.float32)


class State(NamedTuple):
    """All that an epoch changes or a model holds, as one pytree."""

    params: Any
    wiring: Any  # positions drawn by `random` wirings; {} elsewhere
    opt_state: optax.OptState


def image_shapes(program: Program, count: int) -> Split:
    """Shapes and types of so many images and their labels, to compile for."""
    size = program.image_size
    images = jax.ShapeDtypeStruct((count, size, size, 1), jnp.float32)
    return Split(images, jax.ShapeDtypeStruct((count,), jnp.int32))


class Means(NamedTuple):
    """Over the images of an epoch: cross-entropy in nats, accuracy as a fraction in [0, 1]."""

    loss: jax.Array
    accuracy: jax.Array


class Score(NamedTuple):
    """Over all images of a split: summed cross-entropy in nats, number classified correctly."""

    loss_sum: jax.Array
    correct: jax.Array


def purpose_key(seed: int, purpose: Purpose) -> jax.Array:
    """The key that a run's seed gives for one purpose."""
    return jax.random.fold_in(jax.random.key(seed), purpose)


def losses_and_hits(model: nn.Module, params, wiring, images_NHWC, labels_N) -> tuple[jax.Array, jax.Array]:
    """Per-image softmax cross-entropy in nats (N,) float32 and correctness (N,) bool."""
    logits_NK = model.apply({"params": params, "wiring": wiring}, images_NHWC)
    losses_N = optax.softmax_cross_entropy_with_integer_labels(logits_NK, labels_N)
    return losses_N, logits_NK.argmax(-1) == labels_N


def init_state(program: Program, numbers: Numbers) -> State:
    """Parameters and wiring drawn from the seed, and an optimizer state that holds the other numbers."""
    seed, *hyperparameters = numbers
    image = jnp.zeros((1, program.image_size, program.image_size, 1))
    rngs = {
        "params": purpose_key(seed, Purpose.INITIALISATION),
        "wiring": purpose_key(seed, Purpose.WIRING),
    }
    variables = program.model.init(rngs, image)
    optimizer = program.optimizer.build(*hyperparameters)
    return State(variables["params"], variables.get("wiring", {}), optimizer.init(variables["params"]))


def train_epoch(
    program: Program, state: State, data: Split, seed: int, epoch: int, axis_size: int | None = None
) -> tuple[State, Means]:
    """One pass over the training images in a new order; those left over from the last full batch wait.

    Args:
      data: all images and labels, on this device; the first program.train_images are trained on.
      seed, epoch: decide the order, whatever the model.
      axis_size: number of devices under `jax.pmap` with axis name AXIS, None on one device.

    Returns:
      The new state and the means over the images seen, as the weights were at each step.
    """
    optimizer = program.optimizer.build()
    order_N = jax.random.permutation(
        jax.random.fold_in(purpose_key(seed, Purpose.DATA_ORDER), epoch), program.train_images
    )
    steps = program.train_images // program.batch_size
    order_SDB = order_N[: steps * program.batch_size].reshape(steps, axis_size or 1, -1)
    order_SB = order_SDB[:, jax.lax.axis_index(AXIS) if axis_size else 0]

    def mean_loss(params, wiring, images_NHWC, labels_N):
        losses_N, correct_N = losses_and_hits(program.model, params, wiring, images_NHWC, labels_N)
        return losses_N.mean(), correct_N.mean()

    def step(state: State, chosen_B):
        (loss, accuracy), grads = jax.value_and_grad(mean_loss, has_aux=True)(
            state.params, state.wiring, data.images[chosen_B], data.labels[chosen_B]
        )
        if axis_size:
            loss, accuracy, grads = jax.lax.pmean((loss, accuracy, grads), AXIS)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return State(params, state.wiring, opt_state), Means(loss, accuracy)

    state, means_S = jax.lax.scan(step, state, order_SB)
    return state, jax.tree.map(jnp.mean, means_S)


def evaluate(
    program: Program, state: State, data: Split, start: int, count: int, axis_size: int | None = None
) -> Score:
    """Scores `count` images from `start` on, each once, whatever their number.

    `start` and `count` are arguments of the compiled function: it serves all splits.
    """
    device = jax.lax.axis_index(AXIS) if axis_size else 0
    block = EVALUATION_BATCH * (axis_size or 1)

    def add_chunk(chunk, total: Score) -> Score:
        index_B = chunk * block + device * EVALUATION_BATCH + jnp.arange(EVALUATION_BATCH)
        real_B = index_B < count  # the last chunk is filled up with images that don't count
        chosen_B = start + jnp.minimum(index_B, count - 1)
        losses_B, correct_B = losses_and_hits(
            program.model, state.params, state.wiring, data.images[chosen_B], data.labels[chosen_B]
        )
        loss = jnp.where(real_B, losses_B, 0.0).sum()
        return Score(total.loss_sum + loss, total.correct + (correct_B & real_B).sum())

    nothing = Score(jnp.float32(0), jnp.int32(0))
    total = jax.lax.fori_loop(0, (count + block - 1) // block, add_chunk, nothing)
    return jax.lax.psum(total, AXIS) if axis_size else total
