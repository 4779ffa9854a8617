"""Initial state, one epoch, evaluation: pure functions of the arrays of one run.

An epoch is one `lax.scan` over images that stay on the device. Under `jax.vmap` the functions serve many
runs. With `axis_size` they run on each of several devices under `jax.pmap`: every device holds all images
and the whole state and takes its part of each batch, and gradients are averaged.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lenet_jax.data import Split
from lenet_jax.training.curvature import gauss_newton_diagonal
from lenet_jax.training.hyperparameters import Hyperparameters
from lenet_jax.training.keys import Purpose, purpose_key
from lenet_jax.training.program import Program

DEVICE_AXIS = "devices"
EVALUATION_BATCH = 250  # images at a time on one device; bounds memory, changes no count


class State(NamedTuple):
    """All arrays of a run but the images, as one pytree.

    Attributes:
      hyperparameters: its seed and the other numbers, which an epoch reads and leaves as they are.
      params: the model's parameters.
      wiring: positions drawn by `random` wirings; {} for other models.
      drawn: (images,) int32, which of all images the run has, training images first; None if it has all.
      opt_state: the optimizer's state.
    """

    hyperparameters: Hyperparameters
    params: optax.Params
    wiring: Any
    drawn: jax.Array | None
    opt_state: optax.OptState


class Means(NamedTuple):
    """Averages over the images of an epoch: loss in its own unit, accuracy as a fraction in [0, 1]."""

    loss: jax.Array
    accuracy: jax.Array


class Score(NamedTuple):
    """Sums over the images of a split: loss in its own unit, number of images classified correctly."""

    loss_sum: jax.Array
    correct: jax.Array


def image_shapes(program: Program, count: int) -> Split:
    """Shapes and dtypes of `count` images and their labels, to compile for."""
    size = program.image_size
    images = jax.ShapeDtypeStruct((count, size, size, 1), jnp.float32)
    return Split(images, jax.ShapeDtypeStruct((count,), jnp.int32))


def losses_and_correct(
    program: Program,
    hyperparameters: Hyperparameters,
    params: optax.Params,
    wiring: Any,
    images_NHWC: jax.Array,
    labels_N: jax.Array,
    dropout_key: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Per image: the loss, (N,) float32, see `Objective.losses`; is the right class predicted, (N,) bool.

    Args:
      dropout_key: for training; without it nothing is dropped.
    """
    is_training = dropout_key is not None
    outputs_NK = program.model.apply(
        {"params": params, "wiring": wiring},
        images_NHWC,
        dropout_rate=hyperparameters.dropout if is_training else None,
        rngs={"dropout": dropout_key} if is_training else {},
    )
    losses_N = program.objective.losses(outputs_NK, labels_N, hyperparameters)
    return losses_N, program.objective.predictions(outputs_NK) == labels_N


def init_state(program: Program, hyperparameters: Hyperparameters) -> State:
    """The state before the first step: the seed draws parameters, random wirings and the run's images."""
    seed = hyperparameters.seed
    image_NHWC = jnp.zeros((1, program.image_size, program.image_size, 1))
    rngs = {
        "params": purpose_key(seed, Purpose.INITIALISATION),
        "wiring": purpose_key(seed, Purpose.WIRING),
    }
    variables = program.model.init(rngs, image_NHWC)
    params = variables["params"]
    return State(
        hyperparameters=hyperparameters,
        params=params,
        wiring=variables.get("wiring", {}),
        drawn=_draw_images(program, seed),
        opt_state=program.optimizer.build(hyperparameters).init(params),
    )


def _draw_images(program: Program, seed: jax.Array) -> jax.Array | None:
    draw = program.draw
    if draw is None:
        return None
    train_key, test_key = jax.random.split(purpose_key(seed, Purpose.IMAGES))
    if draw.positions > 1:
        count = draw.train + draw.validation + draw.test
        digits = jax.random.permutation(train_key, draw.train_pool // draw.positions)
        of_digits = digits[: count // draw.positions, None] * draw.positions + jnp.arange(draw.positions)
        return jax.random.permutation(test_key, of_digits.reshape(-1))
    from_train = jax.random.permutation(train_key, draw.train_pool)[: draw.train + draw.validation]
    from_test = jax.random.permutation(test_key, draw.test_pool)[: draw.test]
    return jnp.concatenate([from_train, draw.train_pool + from_test])


def _images_at(state: State, data: Split, index_N: jax.Array) -> Split:
    """Images and labels by their index among the run's images."""
    chosen_N = index_N if state.drawn is None else state.drawn[index_N]
    return Split(data.images[chosen_N], data.labels[chosen_N])


def train_epoch(
    program: Program, state: State, data: Split, epoch: int | jax.Array, axis_size: int | None = None
) -> tuple[State, Means]:
    """One pass over the run's training images, in `program.order`; a final partial batch is dropped.

    Args:
      data: all images and labels, on this device; the run's first program.train_images are trained on.
      epoch: number of the epoch. With the seed it decides the order of the images and all random draws:
        distortions, dropout, the images that estimate the curvature.
      axis_size: number of devices under `jax.pmap` with axis name DEVICE_AXIS, None on one device.

    Returns:
      The new state, and means over the images seen, each with the weights before its step.
    """
    hyperparameters = state.hyperparameters
    seed = hyperparameters.seed
    optimizer = program.optimizer.build(hyperparameters, _curvature(program, state, data, epoch))
    if program.order == "constant":
        order_N = jnp.arange(program.train_images)
    else:
        order_N = jax.random.permutation(purpose_key(seed, Purpose.DATA_ORDER, epoch), program.train_images)
    steps = program.train_images // program.batch_size
    order_SDB = order_N[: steps * program.batch_size].reshape(steps, axis_size or 1, -1)
    device = jax.lax.axis_index(DEVICE_AXIS) if axis_size else 0
    order_SB = order_SDB[:, device]

    def mean_loss(params, batch: Split, step_index):
        key = purpose_key(seed, Purpose.DROPOUT, epoch, step_index, device)
        losses_B, correct_B = losses_and_correct(
            program, hyperparameters, params, state.wiring, batch.images, batch.labels, key
        )
        return losses_B.mean(), correct_B.mean()

    def step(weights, scanned):
        params, opt_state = weights
        step_index, index_B = scanned
        batch = _images_at(state, data, index_B)
        if program.distortion:
            key = purpose_key(seed, Purpose.DISTORTION, epoch, step_index, device)
            batch = batch._replace(images=program.distortion.apply(key, batch.images, hyperparameters))
        (loss, accuracy), grads = jax.value_and_grad(mean_loss, has_aux=True)(params, batch, step_index)
        if axis_size:
            loss, accuracy, grads = jax.lax.pmean((loss, accuracy, grads), DEVICE_AXIS)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), Means(loss, accuracy)

    weights = state.params, state.opt_state
    (params, opt_state), means_S = jax.lax.scan(step, weights, (jnp.arange(steps), order_SB))
    return state._replace(params=params, opt_state=opt_state), jax.tree.map(jnp.mean, means_S)


def _curvature(program: Program, state: State, data: Split, epoch: int | jax.Array) -> optax.Params | None:
    """The curvature of each parameter, estimated anew for each epoch; None if the optimizer needs none."""
    spec = program.optimizer
    if not spec.needs_curvature:
        return None
    key = purpose_key(state.hyperparameters.seed, Purpose.CURVATURE, epoch)
    index_N = jax.random.permutation(key, program.train_images)[: spec.curvature_images]
    images = _images_at(state, data, index_N)
    return gauss_newton_diagonal(
        spec.curvature,
        program.model,
        program.objective,
        state.hyperparameters,
        state.params,
        state.wiring,
        images.images,
        images.labels,
    )


def evaluate(
    program: Program,
    state: State,
    data: Split,
    start: int | jax.Array,
    count: int | jax.Array,
    axis_size: int | None = None,
) -> Score:
    """Scores `count` of the run's images from index `start` on, each exactly once.

    `start` and `count` are arguments of the compiled function, so that one compilation serves all splits.
    """
    device = jax.lax.axis_index(DEVICE_AXIS) if axis_size else 0
    block = EVALUATION_BATCH * (axis_size or 1)

    def add_chunk(chunk, total: Score) -> Score:
        index_B = chunk * block + device * EVALUATION_BATCH + jnp.arange(EVALUATION_BATCH)
        is_counted_B = index_B < count  # the last chunk is filled up with copies of the last image
        images = _images_at(state, data, start + jnp.minimum(index_B, count - 1))
        losses_B, correct_B = losses_and_correct(
            program, state.hyperparameters, state.params, state.wiring, images.images, images.labels
        )
        loss_sum = jnp.where(is_counted_B, losses_B, 0.0).sum()
        return Score(total.loss_sum + loss_sum, total.correct + (correct_B & is_counted_B).sum())

    nothing = Score(jnp.float32(0), jnp.int32(0))
    total = jax.lax.fori_loop(0, (count + block - 1) // block, add_chunk, nothing)
    return jax.lax.psum(total, DEVICE_AXIS) if axis_size else total
