"""Loss, one compiled epoch, evaluation: pure functions of arrays.

An epoch is one `lax.scan` over device-resident data. The functions are those of one run: under
`jax.vmap` they train many. With an axis name they run on each of several devices under `jax.pmap`:
every device holds all the data and the whole state, takes its part of each batch, and gradients are
averaged.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lenet_jax.data import Split
from lenet_jax.training.curvature import gauss_newton_diagonal
from lenet_jax.training.keys import Purpose, purpose_key
from lenet_jax.training.program import Program

AXIS = "devices"
EVALUATION_BATCH = 250  # images at a time on one device; bounds memory, changes no count


class Hyperparameters(NamedTuple):
    """What runs of one program may differ in: arguments of compiled functions, not constants."""

    seed: jax.Array
    learning_rate: jax.Array
    momentum: jax.Array
    weight_decay: jax.Array


HYPERPARAMETER_TYPES = Hyperparameters(jnp.int32, jnp.float32, jnp.float32, jnp.float32)


class State(NamedTuple):
    """All that an epoch changes or a model holds, as one pytree."""

    params: Any
    wiring: Any  # positions drawn by `random` wirings; {} elsewhere
    drawn: jax.Array | None  # (images,) int32: which of all a run has, training images first; None: all
    opt_state: optax.OptState


def image_shapes(program: Program, count: int) -> Split:
    """Shapes and types of so many images and their labels, to compile for."""
    size = program.image_size
    images = jax.ShapeDtypeStruct((count, size, size, 1), jnp.float32)
    return Split(images, jax.ShapeDtypeStruct((count,), jnp.int32))


class Means(NamedTuple):
    """Over the images of an epoch: loss in its own unit, accuracy as a fraction in [0, 1]."""

    loss: jax.Array
    accuracy: jax.Array


class Score(NamedTuple):
    """Over all images of a split: summed loss in its own unit, number classified correctly."""

    loss_sum: jax.Array
    correct: jax.Array


def losses_and_correct(
    program: Program, params, wiring, images_NHWC, labels_N, dropout_key=None
) -> tuple[jax.Array, jax.Array]:
    """Per-image losses (N,) float32, see `Objective.losses`, and correctness (N,) bool.

    With a key, hidden layers' inputs are dropped, as in training.
    """
    training = dropout_key is not None
    outputs_NK = program.model.apply(
        {"params": params, "wiring": wiring},
        images_NHWC,
        training=training,
        rngs={"dropout": dropout_key} if training else {},
    )
    objective = program.objective
    return objective.losses(outputs_NK, labels_N), objective.answers(outputs_NK) == labels_N


def init_state(program: Program, numbers: Hyperparameters) -> State:
    """What the seed draws: parameters, wiring, perhaps images; an optimizer state holds the other numbers."""
    seed, *hyperparameters = numbers
    image = jnp.zeros((1, program.image_size, program.image_size, 1))
    rngs = {
        "params": purpose_key(seed, Purpose.INITIALISATION),
        "wiring": purpose_key(seed, Purpose.WIRING),
    }
    variables = program.model.init(rngs, image)
    optimizer = program.optimizer.build(*hyperparameters)
    return State(
        variables["params"],
        variables.get("wiring", {}),
        _draw_images(program, seed),
        optimizer.init(variables["params"]),
    )


def _draw_images(program: Program, seed: int) -> jax.Array | None:
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


def _images_at(state: State, data: Split, index_B: jax.Array) -> Split:
    """The images at these places among those that a run has."""
    chosen_B = index_B if state.drawn is None else state.drawn[index_B]
    return Split(data.images[chosen_B], data.labels[chosen_B])


def train_epoch(
    program: Program, state: State, data: Split, seed: int, epoch: int, axis_size: int | None = None
) -> tuple[State, Means]:
    """One pass over the training images in `program.order`; those left over from the last full batch wait.

    Args:
      data: all images and labels, on this device; the first program.train_images are trained on, or of
        those that a run draws the first.
      seed, epoch: decide the order, whatever the model, and what is drawn on the way: distortions,
        dropout, the images that tell the curvature.
      axis_size: number of devices under `jax.pmap` with axis name AXIS, None on one device.

    Returns:
      The new state and the means over the images seen, as the weights were at each step.
    """
    optimizer = program.optimizer.build()
    if program.order == "constant":
        order_N = jnp.arange(program.train_images)
    else:
        order_N = jax.random.permutation(purpose_key(seed, Purpose.DATA_ORDER, epoch), program.train_images)
    steps = program.train_images // program.batch_size
    order_SDB = order_N[: steps * program.batch_size].reshape(steps, axis_size or 1, -1)
    device = jax.lax.axis_index(AXIS) if axis_size else 0
    order_SB = order_SDB[:, device]
    update_arguments = _update_arguments(program, state, data, seed, epoch)

    def mean_loss(params, batch: Split, number):
        key = purpose_key(seed, Purpose.DROPOUT, epoch, number, device)
        losses_N, correct_N = losses_and_correct(program, params, state.wiring, *batch, key)
        return losses_N.mean(), correct_N.mean()

    def step(weights, numbered):
        number, chosen_B = numbered
        params, opt_state = weights
        batch = _images_at(state, data, chosen_B)
        if program.distortion:
            key = purpose_key(seed, Purpose.DISTORTION, epoch, number, device)
            batch = batch._replace(images=program.distortion.apply(key, batch.images))
        (loss, accuracy), grads = jax.value_and_grad(mean_loss, has_aux=True)(params, batch, number)
        if axis_size:
            loss, accuracy, grads = jax.lax.pmean((loss, accuracy, grads), AXIS)
        updates, opt_state = optimizer.update(grads, opt_state, params, **update_arguments)
        return (optax.apply_updates(params, updates), opt_state), Means(loss, accuracy)

    weights = state.params, state.opt_state
    (params, opt_state), means_S = jax.lax.scan(step, weights, (jnp.arange(steps), order_SB))
    state = state._replace(params=params, opt_state=opt_state)
    return state, jax.tree.map(jnp.mean, means_S)


def _update_arguments(program: Program, state: State, data: Split, seed: int, epoch: int) -> dict:
    """What the optimizer's update takes beside the gradients, fixed for an epoch."""
    spec = program.optimizer
    if not spec.needs_curvature:
        return {}
    key = purpose_key(seed, Purpose.CURVATURE, epoch)
    chosen = jax.random.permutation(key, program.train_images)[: spec.curvature_images]
    diagonal = gauss_newton_diagonal(
        spec.curvature,
        program.model,
        program.objective,
        state.params,
        state.wiring,
        *_images_at(state, data, chosen),
    )
    return {"inverse_curvature": jax.tree.map(lambda h: 1 / (spec.damping + h), diagonal)}


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
        images = _images_at(state, data, chosen_B)
        losses_B, correct_B = losses_and_correct(program, state.params, state.wiring, *images)
        loss = jnp.where(real_B, losses_B, 0.0).sum()
        return Score(total.loss_sum + loss, total.correct + (correct_B & real_B).sum())

    nothing = Score(jnp.float32(0), jnp.int32(0))
    total = jax.lax.fori_loop(0, (count + block - 1) // block, add_chunk, nothing)
    return jax.lax.psum(total, AXIS) if axis_size else total
