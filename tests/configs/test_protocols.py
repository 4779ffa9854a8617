"""What the history's protocols add: order, draws, distortion, dropout, a selected epoch, traced numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from configs.history.common import DRAWN
from lenet_jax.config.fields import default_config, override
from lenet_jax.config.resolve import resolve
from lenet_jax.models.networks import MLP, Dropout
from lenet_jax.runs.run import hyperparameters_of
from lenet_jax.runs.single import train_in_folder
from lenet_jax.runs.store import read_epochs, read_sweep
from lenet_jax.training.curvature import gauss_newton_diagonal
from lenet_jax.training.distortion import Distortion
from lenet_jax.training.engine import make_engine
from lenet_jax.training.epoch import outputs
from lenet_jax.training.keys import Purpose, purpose_key
from lenet_jax.training.objective import Objective
from lenet_jax.training.optimizer import OptimizerSpec
from lenet_jax.training.program import Draw, Program
from tests.helpers.hyperparameters import one_run
from tests.training.test_epoch import make_images, only, start, train

SQUARED = Objective("squared_error")
CONSTANT = OptimizerSpec("sgd", "constant", total_steps=100, warmup_steps=0)
LM = OptimizerSpec(
    "levenberg_marquardt", "epochs", 100, 0, epoch_factors=(1.0, 0.5), steps_per_epoch=20,
    curvature_images=7,
)  # fmt: skip


def one_by_one(optimizer=CONSTANT, **fields):
    fields = {"objective": SQUARED, "order": "constant"} | fields
    return Program(MLP((5,), "scaled_tanh", output="activated"), optimizer, 20, 1, 8, **fields)


def test_constant_order_shows_the_patterns_as_they_lie_and_levenberg_marquardt_scales_each_weight():
    """Two passes against a plain loop: each has its own curvature and learning rate."""
    program, images = one_by_one(LM), make_images(20)
    state = start(program, learning_rate=0.01, momentum=0.0, damping=0.05)
    params = only(state.params)

    @jax.jit
    def curvature(params, *some):
        return gauss_newton_diagonal("backpropagated", program.model, SQUARED, one_run(), params, {}, *some)

    @jax.jit
    def step(params, h, rate, image, label):
        def loss(params):
            outputs = program.model.apply({"params": params}, image)
            target = jnp.where(jnp.arange(10) == label, 1.0, -1.0)
            return ((outputs[0] - target) ** 2).mean()

        return jax.tree.map(lambda p, g, h: p - rate / (0.05 + h) * g, params, jax.grad(loss)(params), h)

    for epoch in (1, 2):
        key = purpose_key(0, Purpose.CURVATURE, epoch)
        chosen = np.asarray(jax.random.permutation(key, 20))[:7]
        some = images.images[chosen], images.labels[chosen]
        h = curvature(params, *some)
        rate = 0.01 * (1.0, 0.5)[epoch - 1]
        for index in range(20):
            params = step(params, h, rate, images.images[index : index + 1], images.labels[index])
        state, means = train(program, state, images, epoch)
    assert np.isfinite(means.loss)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5),
        only(state.params),
        params,
    )


def test_runs_draw_their_images_by_their_seed():
    draw = Draw(train=12, validation=6, test=5, train_pool=30, test_pool=9)
    program = one_by_one(draw=draw)
    drawn = [np.asarray(start(program, seed=seed).drawn[0]) for seed in (0, 0, 1)]
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()
    for places in drawn:
        assert len(places) == 23 == len(set(places))
        assert (places[:18] < 30).all() and (places[18:] >= 30).all() and (places[18:] < 39).all()


def test_only_drawn_images_are_trained_on_and_scored():
    """With a rate of 0, an epoch's loss is the mean over the drawn training images."""
    draw = Draw(train=12, validation=6, test=5, train_pool=30, test_pool=9)
    program = Program(MLP((5,), "tanh"), CONSTANT, 12, 1, 8, draw=draw)
    images = make_images(39)
    state = start(program, learning_rate=0.0)
    drawn, params = np.asarray(state.drawn[0]), only(state.params)
    logits = program.model.apply({"params": params}, images.images[drawn])
    losses = np.asarray(program.objective.losses(logits, images.labels[drawn], one_run()))
    score, _ = only(make_engine("jit").evaluate(program, state, images, 18, 5))
    assert score.loss_sum == pytest.approx(losses[18:].sum(), rel=1e-5)
    _, means = train(program, state, images, 1)
    assert means.loss == pytest.approx(losses[:12].mean(), rel=1e-5)


def test_digits_at_several_positions_are_drawn_with_all_of_them():
    draw = Draw(train=10, validation=6, test=8, train_pool=40, test_pool=9, positions=4)
    drawn = np.asarray(start(one_by_one(draw=draw)).drawn[0])
    assert len(drawn) == 24 and drawn.max() < 40
    digits = np.unique(drawn // 4)
    assert len(digits) == 6 and set(drawn) == {4 * digit + at for digit in digits for at in range(4)}
    assert (np.sort(drawn) != drawn).any()
    assert (drawn != np.asarray(start(one_by_one(draw=draw), seed=1).drawn[0])).any()


def test_most_validation_and_test_images_at_several_positions_are_digits_that_training_has_too():
    """Of the three other positions of a digit, one at least is among the training images, half of all."""
    draw = Draw(*DRAWN["data.draw"], train_pool=7_291 * 4, test_pool=2_007, positions=4)
    expected = 1 - 319 * 318 * 317 / (639 * 638 * 637)
    for first, last in ((320, 480), (480, 640)):
        shares = []
        for seed in range(20):
            digits = np.asarray(start(one_by_one(draw=draw), seed=seed).drawn[0]) // 4
            shares.append(np.isin(digits[first:last], digits[:320]).mean())
        assert np.mean(shares) == pytest.approx(expected, abs=0.02)
    assert expected == pytest.approx(0.876, abs=0.001)


def test_every_step_of_every_epoch_draws_its_own_distortion_and_dropout():
    """With a rate of 0, an epoch's loss against its steps one by one, each with its own key."""
    images = make_images(3)
    same = images._replace(images=np.repeat(images.images[:1], 3, 0), labels=np.repeat(images.labels[:1], 3))
    distortion = Distortion(background=0.0)
    model = MLP((50,), "tanh", dropout=True)
    program = Program(model, CONSTANT, 3, 1, 8, distortion=distortion)
    numbers = {
        "learning_rate": 0.0,
        "dropout": 0.5,
        "distortion_probability": 1.0,
        "distortion_shift": 2.0,
        "distortion_scale": 0.2,
        "distortion_squeeze": 0.2,
        "distortion_shear": 0.3,
    }
    hyperparameters = one_run(**numbers)
    state = start(program, **numbers)
    params = only(state.params)

    @jax.jit
    def loss(distortion_key, dropout_key):
        shown = distortion.apply(distortion_key, jnp.array(same.images[:1]), hyperparameters)
        logits = outputs(model, {"params": params}, shown, hyperparameters.dropout, dropout_key)
        return program.objective.losses(logits, same.labels[:1], hyperparameters)[0]

    seen = []
    for epoch in (1, 2):
        state, means = train(program, state, same, epoch)
        losses = []
        for step in range(3):
            distortion_key, dropout_key = (
                purpose_key(0, purpose, epoch, step, 0) for purpose in (Purpose.DISTORTION, Purpose.DROPOUT)
            )
            losses.append(float(loss(distortion_key, dropout_key)))
        assert float(means.loss) == pytest.approx(np.mean(losses), rel=1e-5)
        seen += losses
    assert len(set(seen)) == 6


def test_dropped_units_leave_the_mean_of_the_layer_that_reads_them():
    """The output layer is linear in the units that it reads, so its mean over draws is what it is without."""
    images = make_images(8).images
    means = {}
    for dropped in ("units", "inputs"):
        model = MLP((40,), "relu", dropout=True, dropout_of=dropped)
        params = only(start(Program(model, CONSTANT, 8, 4, 8)).params)
        plain = jax.jit(outputs, static_argnums=0)(model, {"params": params}, images)

        @jax.jit
        @jax.vmap
        def draw(key, model=model, params=params):
            return outputs(model, {"params": params}, images, 0.5, key)

        drawn = draw(jax.random.split(jax.random.key(0), 4000))
        assert (drawn[0] != drawn[1]).any()
        means[dropped] = float(jnp.abs(drawn.mean(0) - plain).max() / drawn.std(0).max() * 4000**0.5)
    assert means["units"] < 5 < means["inputs"]  # in standard errors


def test_dropout_drops_inputs_in_training_only():
    model = MLP((50,), "relu", dropout=True)
    program = Program(model, CONSTANT, 16, 4, 8)
    images = make_images(16)
    params = only(start(program).params)
    arguments = model, {"params": params}, images.images, 0.5
    plain, again = (jax.jit(outputs, static_argnums=0)(*arguments) for _ in range(2))
    dropped = jax.jit(outputs, static_argnums=0)(*arguments, jax.random.key(0))
    assert (plain == again).all() and (plain != dropped).all()


@pytest.mark.parametrize("rate", [0.25, 0.3])
def test_dropout_with_a_traced_rate_is_that_of_flax(rate):
    class Net(nn.Module):
        dropout: nn.Module

        def __call__(self, x, *others):
            return self.dropout(x, *others)

    x, rngs = jnp.arange(1.0, 401.0).reshape(20, 20), {"dropout": jax.random.key(3)}
    expected = Net(nn.Dropout(rate, deterministic=False)).apply({}, x, rngs=rngs)
    found = jax.jit(lambda rate: Net(Dropout()).apply({}, x, rate, 20, rngs=rngs))(rate)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert 0 < (found == 0).sum() < 200


# The numbers that no program contains, each with a value other than those of PROGRAMS.
NUMBERS = {
    "seed": 5,
    "train.learning_rate": 0.02,
    "train.momentum": 0.5,
    "train.weight_decay": 0.01,
    "train.damping": 0.3,
    "train.rbf_j": 2.0,
    "train.target_low": -0.5,
    "train.target_high": 0.5,
    "model.dropout": 0.1,
    "distortion.probability": 0.7,
    "distortion.shift": 0.5,
    "distortion.scale": 0.1,
    "distortion.squeeze": 0.1,
    "distortion.shear": 0.1,
}
SWITCHES = {"model.dropout": 0.5, "distortion.probability": 1.0}  # 0: the term is not part of the program
ALL_TERMS = SWITCHES | {
    "model.activation": "scaled_tanh", "train.optimizer": "levenberg_marquardt", "train.batch_size": 1,
}  # fmt: skip
PROGRAMS = {
    "without these terms": {},
    "squared error": ALL_TERMS | {"train.loss": "squared_error", "model.output": "activated"},
    "RBF units": ALL_TERMS | {"train.loss": "rbf_competitive", "model.output": "rbf", "model.hidden": (84,)},
}


@pytest.mark.parametrize("fields", PROGRAMS.values(), ids=PROGRAMS)
def test_configs_that_differ_in_numbers_have_equal_programs_and_share_one_compilation(fields):
    base = override(small(train__batch_size=5), fields)
    numbers = {field: NUMBERS[field] for field in NUMBERS if field in fields or field not in SWITCHES}
    configs = [base, *(override(base, {field: value}) for field, value in numbers.items())]
    resolved = [resolve(config) for config in configs]
    programs = [its.make_program(images_of(20)) for its in resolved]
    assert set(programs) == {programs[0]} and len({hash(program) for program in programs}) == 1
    engine, images = make_engine("jit"), make_images(20)
    evaluation = engine.evaluate.__self__
    functions = (
        engine.init_state,
        engine.train_epoch,
        evaluation.take_chunk,
        evaluation.outputs,
        evaluation.score_chunk,
    )
    compiled = []
    for program, its in zip(programs, resolved, strict=True):
        state = engine.init_state(program, hyperparameters_of([its], 1))
        state, _ = engine.train_epoch(program, state, images, 1)
        engine.evaluate(program, state, images, 0, 20)
        compiled.append([function._cache_size() for function in functions])
    assert compiled == [compiled[0]] * len(configs)


@pytest.mark.parametrize("field", SWITCHES)
def test_whether_a_term_is_present_is_part_of_the_program(field):
    without, present = (resolve(small(**{field: value})) for value in (0.0, 0.1))
    assert without.make_program(images_of(100)) != present.make_program(images_of(100))
    assert without.compiled_fields != present.compiled_fields


def small(**fields):
    return override(
        default_config(),
        {
            "dataset": "digits",
            "data.image_size": 8,
            "data.box": 8,
            "model.name": "mlp",
            "model.hidden": (5,),
            "train.epochs": 3,
        }
        | {name.replace("__", "."): value for name, value in fields.items()},
    )


def images_of(train):
    return {"train": train, "validation": 0, "test": 10}


def record_of(config, directory):
    train_in_folder(config, ["command"], directory)
    _, [record] = read_sweep(directory)
    return record["result"], record


def test_without_validation_images_all_are_trained_on(tmp_path):
    result, record = record_of(small(data__validation_fraction=0.0), tmp_path / "run")
    assert record["images"] == {"train": 1_437, "validation": 0, "test": 360}
    assert result["status"] == "done" and result["val_accuracy"] is None and result["test_accuracy"] > 0.1


def test_the_epoch_that_validation_selects_counts_and_others_are_reported_alongside(tmp_path):
    config = small(
        data__validation_fraction=0.0,
        data__draw=(100, 40, 50),
        train__select_epoch="best_validation",
        train__epochs=8,
        train__batch_size=5,
        train__learning_rate=0.5,  # rough, so that epochs differ
        train__schedule="constant",
    )
    result, record = record_of(config, tmp_path / "run")
    assert record["images"] == {"train": 100, "validation": 40, "test": 50}
    for name in ("test_accuracy", "test_selected_accuracy", "last_accuracy"):
        assert (50 * result[name]) == pytest.approx(round(50 * result[name]))
    assert result["test_accuracy"] <= result["test_selected_accuracy"]
    epochs = read_epochs(tmp_path / "run")
    assert len(epochs) == 8 == result["epochs"]
    validation = [epoch["val_accuracy"] for epoch in epochs]
    # If the last epoch were the best one, the test would show nothing.
    assert result["val_accuracy"] == max(validation) > validation[-1]
    # The schedule is constant, so a run that ends after the selected epoch has the same accuracies.
    until = override(
        config, {"train.epochs": validation.index(max(validation)) + 1, "train.select_epoch": "last"}
    )
    ended, _ = record_of(until, tmp_path / "until")
    names = ("train_accuracy", "val_accuracy", "test_accuracy", "test_loss")
    assert {name: ended[name] for name in names} == {name: result[name] for name in names}


def test_a_run_whose_last_step_overflows_diverged_though_nothing_is_validated(tmp_path):
    """There is one step, and the training loss was computed before it."""
    config = small(data__validation_fraction=0.0, train__epochs=1, train__learning_rate=1e38)
    config.train.batch_size = 1_437
    result, _ = record_of(config, tmp_path / "run")
    assert result["status"] == "diverged" and result["test_accuracy"] is None


def test_training_images_are_distorted_and_scored_ones_are_not(tmp_path):
    """With a tiny learning rate, only the images can change the loss of an epoch."""
    plain, moved = (
        small(
            train__learning_rate=1e-12,
            distortion__probability=probability,
            distortion__scale=1.0,
            train__epochs=1,
        )
        for probability in (0.0, 1.0)
    )
    losses = {}
    for name, config in (("plain", plain), ("moved", moved)):
        result, _ = record_of(config, tmp_path / name)
        [epoch] = read_epochs(tmp_path / name)
        losses[name] = (epoch["train_loss"], result["test_loss"])
    assert losses["plain"][1] == pytest.approx(losses["moved"][1], rel=1e-6)
    assert abs(losses["plain"][0] - losses["moved"][0]) > 1e-5
