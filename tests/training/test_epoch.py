"""The train step, the epoch and the evaluation."""

import dataclasses
import functools
import itertools

import jax
import numpy as np
import optax
import pytest

from lenet_jax.data import Split
from lenet_jax.models.networks import MLP
from lenet_jax.training.curvature import gauss_newton_diagonal
from lenet_jax.training.distortion import Distortion
from lenet_jax.training.engine import make_engine, population_engine
from lenet_jax.training.keys import Purpose, purpose_key
from lenet_jax.training.objective import Objective
from lenet_jax.training.optimizer import CURVATURE_ESTIMATES, OptimizerSpec
from lenet_jax.training.program import Program
from tests.helpers.devices import simulated
from tests.helpers.hyperparameters import DEFAULTS, population
from tests.helpers.networks import cnn

SGD = OptimizerSpec("sgd", "constant", total_steps=100, warmup_steps=0)


def make_program(model=None, optimizer=SGD, train_images=50, batch_size=16, image_size=8):
    return Program(model or MLP((5,), "tanh"), optimizer, train_images, batch_size, image_size)


def make_images(count=70, size=8, seed=0):
    """Images whose label can be learned: a bright row at the label's height."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, min(size, 10), count).astype(np.int32)
    images = rng.normal(0, 0.3, (count, size, size, 1)).astype(np.float32)
    images[np.arange(count), labels] += 1
    return Split(images, labels)


def start(program, engine=None, **hyperparameters):
    """The initial state of a population of one."""
    return (engine or make_engine("jit")).init_state(program, population(hyperparameters))


def with_seed(state, seed):
    """The state of a population of one, trained on by another seed."""
    seeds = np.array([seed], np.int32)
    return state._replace(hyperparameters=state.hyperparameters._replace(seed=seeds))


def train(program, state, images, epoch, engine=None):
    """One epoch of a population of one: its state, and its means as scalars."""
    state, means = (engine or make_engine("jit")).train_epoch(program, state, images, epoch)
    return state, only(means)


def evaluate(program, state, images, first, count, engine=None):
    """The score of a population of one, as scalars, and its answers."""
    return only((engine or make_engine("jit")).evaluate(program, state, images, first, count))


def only(tree):
    """The arrays of the only run, on the host."""
    return jax.tree.map(lambda leaf: np.array(leaf[0]), tree)


@functools.partial(jax.jit, static_argnums=0)
def logits_and_losses(program, params, images, labels):
    """The definition: the logits of images, (N, 10), and their cross-entropies, (N,)."""
    logits = program.model.apply({"params": params}, images)
    return logits, optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def test_an_epoch_is_its_steps_one_by_one():
    """The compiled scan against a plain loop with gradients and updates written out."""
    program, images = make_program(), make_images()
    state = start(program, learning_rate=0.2, momentum=0.5, weight_decay=0.01)
    params = only(state.params)
    velocity = jax.tree.map(np.zeros_like, params)
    key = jax.random.fold_in(purpose_key(0, Purpose.DATA_ORDER), 3)
    order = np.asarray(jax.random.permutation(key, 50))

    @jax.jit
    @jax.value_and_grad
    def loss_and_grads(params, chosen, labels):
        logits = program.model.apply({"params": params}, chosen)
        log_p = logits - jax.nn.logsumexp(logits, axis=1, keepdims=True)
        return -log_p[np.arange(16), labels].mean()

    losses = []
    for first in (0, 16, 32):  # the final 2 images are dropped
        chosen = order[first : first + 16]
        value, grads = jax.tree.map(
            np.array, loss_and_grads(params, images.images[chosen], images.labels[chosen])
        )
        losses.append(value)
        for layer in params:
            grads[layer]["kernel"] += 0.01 * params[layer]["kernel"]  # biases don't decay
        velocity = jax.tree.map(lambda v, g: 0.5 * v + g, velocity, grads)
        params = jax.tree.map(lambda p, v: p - 0.2 * v, params, velocity)
    state, means = train(program, state, images, 3)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6),
        only(state.params),
        params,
    )
    assert float(means.loss) == pytest.approx(np.mean(losses), rel=1e-5)


LEVENBERG_MARQUARDT = OptimizerSpec("levenberg_marquardt", "constant", 100, 0, curvature_images=20)


@pytest.mark.parametrize(
    ("optimizer", "same"),
    [
        # LeCun et al. 1998, eq. 21: the step is eta s g / (mu + s h).
        (LEVENBERG_MARQUARDT, {"damping": 5 * 0.02, "learning_rate": 0.01}),
        (SGD, {"damping": 0.02, "learning_rate": 0.01 / 5}),
    ],
    ids=["levenberg_marquardt", "sgd"],
)
def test_a_scaled_loss_takes_the_steps_of_another_damping_or_rate(optimizer, same):
    program, images = make_program(optimizer=optimizer, batch_size=1), make_images()
    program = dataclasses.replace(program, objective=Objective("squared_error"))
    numbers = {"damping": 0.02, "learning_rate": 0.01, "momentum": 0.5}
    plain, plain_means = train(program, start(program, **numbers), images, 1)
    scaled = start(program, **(numbers | same | {"loss_scale": 5.0}))
    scaled, scaled_means = train(program, scaled, images, 1)
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6),
        only(plain.params),
        only(scaled.params),
    )
    other, _ = train(program, start(program, **numbers, loss_scale=5.0), images, 1)
    kernels = (only(state.params)["output"]["kernel"] for state in (plain, other))
    assert np.abs(np.subtract(*kernels)).max() > 1e-3
    # Losses are reported without the scale.
    np.testing.assert_allclose(plain_means[:2], scaled_means[:2], rtol=1e-4)
    if plain_means.rates:  # and so are the rates of the same steps
        np.testing.assert_allclose(plain_means.rates, scaled_means.rates, rtol=1e-4)


def curvature_of(program, images, state, epoch):
    """The estimate before an epoch, by its definition."""
    numbers, params = only(state.hyperparameters), only(state.params)
    index = jax.random.permutation(purpose_key(0, Purpose.CURVATURE, epoch), 50)[:20]
    drawn, labels = images.images[np.asarray(index)], images.labels[np.asarray(index)]
    if program.optimizer.curvature_distorted:
        drawn = program.distortion.apply(purpose_key(0, Purpose.CURVATURE_DISTORTION, epoch), drawn, numbers)
    kind = program.optimizer.curvature
    return gauss_newton_diagonal(kind, program.model, program.objective, numbers, params, {}, drawn, labels)


@pytest.mark.parametrize("estimate", CURVATURE_ESTIMATES)
def test_which_estimates_of_the_curvature_count(estimate):
    """Seen in the range of the rates, eta / (mu + h), by which gradients are multiplied."""
    optimizer = dataclasses.replace(
        LEVENBERG_MARQUARDT,
        schedule="epochs",
        epoch_factors=(1.0, 0.5),
        steps_per_epoch=50,
        curvature_estimate=estimate,
    )
    program, images = make_program(optimizer=optimizer, batch_size=1), make_images()
    numbers = {"damping": 0.05, "learning_rate": 0.02}
    state = start(program, **numbers)
    estimates = []
    for epoch, factor in ((1, 1.0), (2, 0.5), (3, 0.5)):
        estimates.append(curvature_of(program, images, state, epoch))
        state, means = train(program, state, images, epoch)
        counting = {
            "each_epoch": estimates[-1],
            "first_epoch": estimates[0],
            "maximum": jax.tree.map(lambda *all_: functools.reduce(np.maximum, all_), *estimates),
        }[estimate]
        h = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(counting)])
        rates = 0.02 * factor / (0.05 + h)
        expected = rates.min(), np.median(rates), rates.max()
        np.testing.assert_allclose(means.rates, expected, rtol=1e-3)
    assert (state.curvature is None) == (estimate == "each_epoch")


def test_other_optimizers_have_no_effective_rates():
    program, images = make_program(), make_images()
    _, means = train(program, start(program), images, 1)
    assert means.rates is None


def test_the_images_that_estimate_the_curvature_are_distorted_if_asked():
    program, images = make_program(optimizer=LEVENBERG_MARQUARDT, batch_size=1), make_images()
    program = dataclasses.replace(program, distortion=Distortion(0.0))
    distorted = dataclasses.replace(
        program, optimizer=dataclasses.replace(LEVENBERG_MARQUARDT, curvature_distorted=True)
    )

    def rates(program, probability):
        state = start(program, damping=0.05, distortion_probability=probability)
        return np.array(train(program, state, images, 1)[1].rates)

    np.testing.assert_array_equal(rates(program, 0.0), rates(program, 1.0))
    np.testing.assert_allclose(rates(program, 0.0), rates(distorted, 0.0), rtol=1e-5)
    assert np.abs(rates(program, 1.0) / rates(distorted, 1.0) - 1).max() > 0.01
    state = start(distorted, damping=0.05, learning_rate=0.02, distortion_probability=1.0)
    largest = max(
        np.asarray(leaf).max() for leaf in jax.tree.leaves(curvature_of(distorted, images, state, 1))
    )
    smallest_rate = train(distorted, state, images, 1)[1].rates.smallest
    assert float(smallest_rate) == pytest.approx(0.02 / (0.05 + largest), rel=1e-3)


def test_golden_epoch():
    """If this change is intended (initialisation, order, step), update GOLDEN:
    `pytest tests/training/test_epoch.py -k golden` prints the new numbers."""
    model = cnn(("random", "local"), ("unshared", "shared"), maps=(2, 3), kernel_size=3, hidden=(6,))
    program = make_program(model, image_size=12)
    images = make_images(size=12)
    state, means = train(program, start(program), images, 0)
    score, _ = evaluate(program, state, images, 50, 20)
    found = [float(means.loss), float(means.accuracy), float(score.loss_sum), int(score.correct)]
    assert found == pytest.approx(GOLDEN, rel=1e-4)


GOLDEN = [2.2773170471191406, 0.125, 43.9343376159668, 4]


def test_every_wiring_learns():
    images = make_images(200, size=12)
    for connectivity in ("local", "random", "full"):
        for sharing in ("shared", "unshared"):
            model = cnn((connectivity,), (sharing,), maps=(4,), kernel_size=3, hidden=())
            program = make_program(model, train_images=150, image_size=12)
            state = start(program)
            for epoch in range(12):
                state, means = train(program, state, images, epoch)
            assert means.accuracy > 0.9, (connectivity, sharing, means)


@pytest.mark.parametrize("count", [1, 7, 250, 251, 600])
def test_evaluation_scores_every_image_once(count):
    """Also a number that is not a multiple of the chunk, and no image of another split; answers in order."""
    images = make_images(650)
    program = make_program()
    state = start(program)
    labels = images.labels[20 : 20 + count]
    logits, losses = logits_and_losses(program, only(state.params), images.images[20 : 20 + count], labels)
    score, answers = evaluate(program, state, images, 20, count)
    assert int(score.correct) == (logits.argmax(-1) == labels).sum()
    assert float(score.loss_sum) == pytest.approx(float(losses.sum()), rel=1e-5)
    np.testing.assert_array_equal(answers.labels, labels)
    np.testing.assert_array_equal(answers.classes, logits.argmax(-1))
    second, best = np.sort(logits)[:, -2:].T
    np.testing.assert_allclose(answers.margins, best - second, atol=1e-5)
    found = only(make_engine("jit").predict(program.model, state, images, 20, count))
    np.testing.assert_allclose(found, logits, atol=1e-5)


def test_the_order_follows_seed_and_epoch_and_not_the_model():
    """With a learning rate of 0, the mean loss shows which images were read."""
    images = make_images()
    wide, narrow = make_program(MLP((7,), "tanh")), make_program(MLP((), "tanh"))

    def order(seed, epoch):
        return jax.random.permutation(jax.random.fold_in(purpose_key(seed, Purpose.DATA_ORDER), epoch), 50)

    for program in (wide, narrow):
        state = start(program, learning_rate=0.0)
        params = only(state.params)
        for seed, epoch in ((0, 0), (0, 1), (5, 1)):
            state, means = train(program, with_seed(state, seed), images, epoch)
            chosen = np.asarray(order(seed, epoch))[:48]
            _, losses = logits_and_losses(program, params, images.images[chosen], images.labels[chosen])
            assert float(means.loss) == pytest.approx(float(losses.mean()), rel=1e-5)
    orders = [tuple(np.asarray(order(*pair))) for pair in ((0, 0), (0, 1), (1, 0))]
    assert len(set(orders)) == 3


def test_a_seed_draws_weights_and_wiring_by_separate_keys():
    model = cnn(("random",), ("shared",), maps=(2,), kernel_size=3, hidden=())
    program = make_program(model)
    first, again, other = (start(program, seed=seed) for seed in (0, 0, 1))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), first, again))
    kernels = [state.params["stage_1"]["kernel"] for state in (first, other)]
    reads = [state.wiring["stage_1"]["reads"] for state in (first, other)]
    assert (kernels[0] != kernels[1]).any() and (reads[0] != reads[1]).any()
    keys = [jax.random.key_data(purpose_key(0, purpose)).tolist() for purpose in Purpose]
    assert len({tuple(key) for key in keys}) == len(Purpose)


def test_random_wirings_may_have_a_seed_of_their_own():
    """Without one they are drawn by the run's seed. Here in one compiled program."""
    model = cnn(("random", "random"), ("shared", "unshared"), maps=(2, 2), kernel_size=3, hidden=())
    program = make_program(model, image_size=12)
    # The seed, the wiring seed, and the seed by which wirings are then drawn.
    runs = [(0, -1, 0), (0, 0, 0), (0, 5, 5), (1, 5, 5), (1, -1, 1), (0, 1, 1), (3, 2**31 - 1, 2**31 - 1)]
    numbers = population(*({"seed": seed, "wiring_seed": wiring_seed} for seed, wiring_seed, _ in runs))
    state = jax.tree.map(
        np.asarray, population_engine(simulated(1), side_by_side=True).init_state(program, numbers)
    )
    kernels = [state.params[name]["kernel"] for name in ("stage_1", "stage_3")]
    reads = [state.wiring[name]["reads"] for name in ("stage_1", "stage_3")]
    for (a, run), (b, other) in itertools.combinations(enumerate(runs), 2):
        for kernel, read in zip(kernels, reads, strict=True):
            assert (kernel[a] == kernel[b]).all() == (run[0] == other[0])
            assert (read[a] == read[b]).all() == (run[2] == other[2])
    rngs = {"params": purpose_key(0, Purpose.INITIALISATION), "wiring": purpose_key(0, Purpose.WIRING)}
    alone = jax.jit(model.init)(rngs, np.zeros((1, 12, 12, 1), np.float32))
    np.testing.assert_array_equal(reads[0][0], alone["wiring"]["stage_1"]["reads"])


def test_random_wiring_is_state_that_training_leaves_alone():
    model = cnn(("random",), ("unshared",), maps=(2,), kernel_size=3, hidden=())
    program, images = make_program(model), make_images()
    before = start(program)
    reads = np.array(before.wiring["stage_1"]["reads"])
    after, _ = train(program, before, images, 0)
    np.testing.assert_array_equal(after.wiring["stage_1"]["reads"], reads)


def test_runs_that_differ_in_numbers_share_one_compilation():
    images, program = make_images(), make_program(MLP((3,), "relu"))
    engine = make_engine("jit")
    before = engine.train_epoch._cache_size(), engine.init_state._cache_size()
    for epoch, numbers in enumerate(({}, {name: 1 + value / 2 for name, value in DEFAULTS.items()})):
        train(program, start(program, **numbers), images, epoch)
    assert (engine.train_epoch._cache_size(), engine.init_state._cache_size()) == (
        before[0] + 1,
        before[1] + 1,
    )


@pytest.mark.parametrize(
    ("optimizer", "sharing"), [("sgd", ("shared", "unshared")), ("adam", ("unshared", "shared"))]
)
def test_pmap_agrees_with_jit(optimizer, sharing):
    """Data-parallel over 4 devices, to rounding: parameters, means and scores after two epochs."""
    assert jax.local_device_count() == 4, "tests/conftest.py asks for 4 simulated devices"
    spec = OptimizerSpec(optimizer, "cosine", total_steps=6, warmup_steps=1)
    model = cnn(("local", "random"), sharing, maps=(2, 3), kernel_size=3, hidden=())
    program = make_program(model, spec, image_size=12)
    images = make_images(370, size=12)
    outcomes = []
    for parallel in ("jit", "pmap"):
        engine = make_engine(parallel)
        state = start(program, engine, learning_rate=0.01, weight_decay=0.01)
        data = engine.put(images)
        for epoch in range(2):
            state, means = train(program, state, data, epoch, engine)
        score, answers = evaluate(program, state, data, 50, 320, engine)
        outputs = only(engine.predict(program.model, state, data, 50, 320))
        outcomes.append((only(state.params), means, score, answers, outputs))
    assert outcomes[0][2].correct == outcomes[1][2].correct
    np.testing.assert_array_equal(outcomes[0][3].classes, outcomes[1][3].classes)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6), *outcomes)
