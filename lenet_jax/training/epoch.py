"""Initial state, one epoch, evaluation: pure functions of the arrays of one run.

An epoch is one `lax.scan` over images that stay on the device. Under `jax.vmap` the functions serve many
runs. With `axis_size` they run on each of several devices under `jax.pmap`: every device holds all images
and the whole state and takes its part of each batch, and gradients are averaged.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from lenet_jax.data import Split
from lenet_jax.native import calls
from lenet_jax.training.curvature import gauss_newton_diagonal
from lenet_jax.training.hyperparameters import Hyperparameters
from lenet_jax.training.keys import Purpose, purpose_key
from lenet_jax.training.objective import Objective
from lenet_jax.training.optimizer import Weights
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
      curvature: what Levenberg-Marquardt remembers of it, like `params`; None if that is nothing.
    """

    hyperparameters: Hyperparameters
    params: optax.Params
    wiring: Any
    drawn: jax.Array | None
    opt_state: optax.OptState
    curvature: optax.Params | None = None

    @property
    def variables(self) -> dict[str, Any]:
        """What the model is applied with."""
        return {"params": self.params, "wiring": self.wiring}


class Rates(NamedTuple):
    """The effective learning rates of all parameters at the start of an epoch (`effective_rates`)."""

    smallest: jax.Array
    median: jax.Array
    largest: jax.Array


class Means(NamedTuple):
    """Averages over the images of an epoch: loss in its own unit, accuracy as a fraction in [0, 1].

    `rates` are those of Levenberg-Marquardt, None for other optimizers.
    """

    loss: jax.Array
    accuracy: jax.Array
    rates: Rates | None = None


class Score(NamedTuple):
    """Sums over the images of a split: loss in its own unit, number of images classified correctly."""

    loss_sum: Any
    correct: Any


class Answers(NamedTuple):
    """What a network answers, image by image, arrays of one length N.

    Attributes:
      labels: (N,) int32, the right class.
      classes: (N,) int32, the predicted class.
      margins: (N,) float32, its score minus the second best, at least 0; see `Objective.scores`.
    """

    labels: Any
    classes: Any
    margins: Any


class Chunk(NamedTuple):
    """EVALUATION_BATCH images of a run, B, of which some may be copies that fill it up.

    Attributes:
      images: (B, S, S, C) float32.
      labels: (B,) int32.
      is_counted: (B,) bool, False for copies.
    """

    images: jax.Array
    labels: jax.Array
    is_counted: jax.Array


def image_shapes(program: Program, count: int) -> Split:
    """Shapes and dtypes of `count` images and their labels, to compile for."""
    size = program.image_size
    images = jax.ShapeDtypeStruct((count, size, size, program.channels), jnp.float32)
    return Split(images, jax.ShapeDtypeStruct((count,), jnp.int32))


def outputs(
    model: nn.Module,
    variables: Any,
    images_NHWC: jax.Array,
    dropout_rate: jax.Array | None = None,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """The network's outputs, (N, K). In training, units are dropped if there is a key."""
    is_training = dropout_key is not None
    found: Any = model.apply(
        variables,
        images_NHWC,
        dropout_rate=dropout_rate if is_training else None,
        rngs={"dropout": dropout_key} if is_training else {},
    )
    return found


def init_state(program: Program, hyperparameters: Hyperparameters) -> State:
    """The state before the first step: the seed draws parameters, random wirings and the run's images.

    Random wirings are drawn by the wiring seed instead if there is one.
    """
    seed, wiring_seed = hyperparameters.seed, hyperparameters.wiring_seed
    wiring_seed = jnp.where(wiring_seed < 0, seed, wiring_seed)
    image_NHWC = jnp.zeros((1, program.image_size, program.image_size, program.channels))
    rngs = {
        "params": purpose_key(seed, Purpose.INITIALISATION),
        "wiring": purpose_key(wiring_seed, Purpose.WIRING),
    }
    variables = program.model.init(rngs, image_NHWC)
    params, optimizer = variables["params"], program.optimizer
    return State(
        hyperparameters=hyperparameters,
        params=params,
        wiring=variables.get("wiring", {}),
        drawn=draw_images(program, seed),
        opt_state=optimizer.build(hyperparameters).init(params),
        curvature=jax.tree.map(jnp.zeros_like, params) if optimizer.remembers_curvature else None,
    )


def draw_images(program: Program, seed: int | jax.Array) -> jax.Array | None:
    """Which images a run has, see `State.drawn`."""
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


def _images_at(drawn: jax.Array | None, data: Split, index_N: jax.Array, native: bool = False) -> Split:
    """Images and labels by their index among the run's images; `drawn` as in `State`.

    `native`: whether the native kernel takes the images, which is faster.
    """
    chosen_N = index_N if drawn is None else drawn[index_N]
    images = calls.rows_at(data.images, chosen_N) if native else data.images[chosen_N]
    return Split(images, data.labels[chosen_N])


def train_epoch(
    program: Program, state: State, data: Split, epoch: int | jax.Array, axis_size: int | None = None
) -> tuple[State, Means]:
    """One pass over the run's training images, in `program.order`; a final partial batch is dropped.

    Args:
      data: all images and labels, on this device; the run's first program.train_images are trained on.
      epoch: number of the epoch, from 1. With the seed it decides the order of the images and all random
        draws: distortions, dropout, the images that estimate the curvature.
      axis_size: number of devices under `jax.pmap` with axis name DEVICE_AXIS, None on one device.

    Returns:
      The new state, and means over the images seen, each with the weights before its step.
    """
    hyperparameters, optimizer = state.hyperparameters, program.optimizer
    seed = hyperparameters.seed
    curvature = _curvature(program, state, data, epoch)
    take_step = optimizer.make_step(hyperparameters, curvature)
    if program.order == "constant":
        order_N = jnp.arange(program.train_images)
    else:
        order_N = jax.random.permutation(purpose_key(seed, Purpose.DATA_ORDER, epoch), program.train_images)
    steps = program.train_images // program.batch_size
    order_SDB = order_N[: steps * program.batch_size].reshape(steps, axis_size or 1, -1)
    device = jax.lax.axis_index(DEVICE_AXIS) if axis_size else 0
    order_SB = order_SDB[:, device]

    def scaled_loss(params: optax.Params, batch: Split, step_index: jax.Array) -> tuple[jax.Array, Means]:
        key = purpose_key(seed, Purpose.DROPOUT, epoch, step_index, device)
        variables = {"params": params, "wiring": state.wiring}
        outputs_BK = outputs(program.model, variables, batch.images, hyperparameters.dropout, key)
        losses_B = program.objective.losses(outputs_BK, batch.labels, hyperparameters)
        correct_B = program.objective.predictions(outputs_BK) == batch.labels
        means = Means(losses_B.mean(), correct_B.mean())
        return hyperparameters.loss_scale * means.loss, means

    def step(weights: Weights, scanned: tuple[jax.Array, jax.Array]) -> tuple[Weights, Means]:
        params, opt_state = weights
        step_index, index_B = scanned
        batch = _images_at(state.drawn, data, index_B, program.model.native)
        if program.distortion:
            key = purpose_key(seed, Purpose.DISTORTION, epoch, step_index, device)
            batch = batch._replace(images=program.distortion.apply(key, batch.images, hyperparameters))
        grads, means = jax.grad(scaled_loss, has_aux=True)(params, batch, step_index)
        if axis_size:
            grads, means = jax.lax.pmean((grads, means), DEVICE_AXIS)
        params, opt_state = take_step(grads, opt_state, params)
        if program.average_every:
            steps_taken = (epoch - 1) * steps + step_index + 1
            is_due = steps_taken % program.average_every == 0
            params = jax.lax.cond(is_due, program.model.averaged, lambda params: params, params)
        return (params, opt_state), means

    weights = state.params, state.opt_state
    (params, opt_state), means_S = jax.lax.scan(step, weights, (jnp.arange(steps), order_SB))
    means = jax.tree.map(jnp.mean, means_S)
    if curvature is not None:
        rates = optimizer.effective_rates(hyperparameters, curvature, state.opt_state)
        means = means._replace(rates=Rates(rates.min(), jnp.median(rates), rates.max()))
    remembered = curvature if optimizer.remembers_curvature else None
    return state._replace(params=params, opt_state=opt_state, curvature=remembered), means


def _curvature(program: Program, state: State, data: Split, epoch: int | jax.Array) -> optax.Params | None:
    """The curvature of each parameter that divides the gradients of an epoch; None if none does."""
    spec = program.optimizer
    if not spec.needs_curvature:
        return None
    estimate = functools.partial(_estimate_curvature, program, state, data, epoch)
    if state.curvature is None:
        return estimate()
    if spec.curvature_estimate == "first_epoch":
        return jax.lax.cond(epoch == 1, estimate, lambda: state.curvature)
    return jax.tree.map(jnp.maximum, state.curvature, estimate())


def _estimate_curvature(program: Program, state: State, data: Split, epoch: int | jax.Array) -> optax.Params:
    spec, seed = program.optimizer, state.hyperparameters.seed
    key = purpose_key(seed, Purpose.CURVATURE, epoch)
    index_N = jax.random.permutation(key, program.train_images)[: spec.curvature_images]
    images, labels = _images_at(state.drawn, data, index_N)
    if program.distortion and spec.curvature_distorted:
        key = purpose_key(seed, Purpose.CURVATURE_DISTORTION, epoch)
        images = program.distortion.apply(key, images, state.hyperparameters)
    return gauss_newton_diagonal(
        spec.curvature,
        program.model,
        program.objective,
        state.hyperparameters,
        state.params,
        state.wiring,
        images,
        labels,
    )


def take_chunk(
    _: None,
    hyperparameters: Hyperparameters,
    drawn: jax.Array | None,
    data: Split,
    start: int | jax.Array,
    count: int | jax.Array,
    number: int | jax.Array,
    axis_size: int | None = None,
) -> Chunk:
    """Chunk `number` of `count` of a run's images from index `start` on.

    The chunks of an evaluation hold each of these images once. The last one is filled up with copies of the
    last image, which are not counted.

    Args:
      hyperparameters: of the run; they say how many runs there are.
      drawn: see `State`.
    """
    device = jax.lax.axis_index(DEVICE_AXIS) if axis_size else 0
    index_B = (number * (axis_size or 1) + device) * EVALUATION_BATCH + jnp.arange(EVALUATION_BATCH)
    chosen = _images_at(drawn, data, start + jnp.minimum(index_B, count - 1))
    return Chunk(chosen.images, chosen.labels, index_B < count)


def score_chunk(
    objective: Objective,
    hyperparameters: Hyperparameters,
    labels_B: jax.Array,
    is_counted_B: jax.Array,
    outputs_BK: jax.Array,
) -> tuple[Score, Answers]:
    """The score of the counted images of a chunk, and the answers to all of its images."""
    losses_B = objective.losses(outputs_BK, labels_B, hyperparameters)
    classes_B = objective.predictions(outputs_BK)
    score = Score(
        loss_sum=jnp.where(is_counted_B, losses_B, 0.0).sum(),
        correct=((classes_B == labels_B) & is_counted_B).sum(),
    )
    scores_BK = objective.scores(outputs_BK)
    is_answer_BK = jax.nn.one_hot(classes_B, scores_BK.shape[-1], dtype=bool)
    second_B = jnp.where(is_answer_BK, -jnp.inf, scores_BK).max(-1)
    return score, Answers(labels_B, classes_B, scores_BK.max(-1) - second_B)
