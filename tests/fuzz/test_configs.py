"""Whatever a config holds, it trains or is refused in a sentence.

Every field gets wrong types, numbers out of bounds, and text that no terminal can show, from Python and from
the command line. LENET_JAX_FUZZ=20 tries 20 times as many examples.
"""

import math

import numpy as np
import pytest
from hypothesis import Phase, given, reject, settings
from hypothesis import strategies as st

import lenet_jax
from lenet_jax.config.allowed import Bounds, OneOf, OneOrPerStage
from lenet_jax.config.fields import ALL_FIELDS, FIELDS
from lenet_jax.data.own_checks import printable
from lenet_jax.errors import UserError
from lenet_jax.models.map_tables import TABLES
from tests.fuzz.examples import examples
from tests.helpers.commands import PROJECT, run_command

# A network that is compiled fast. Its images are drawn, so that a run takes a few steps.
SMALL = {
    "dataset": "digits",
    "data.validation_fraction": 0.0,
    "data.draw": (8, 4, 4),
    "data.image_size": 12,
    "data.box": 10,
    "model.maps": (2, 3),
    "model.kernel_size": (3,),
    "model.hidden": (4,),
    "train.epochs": 1,
    "train.batch_size": 4,
    "train.curvature_images": 4,
}
# Values for fields whose bounds allow what would take long, or need others with them.
CHOSEN = {
    "dataset": st.just("digits"),
    "data.draw": st.sampled_from([(8, 4, 4), (4, 2, 2), (6, 3, 3)]),
    "data.validation_fraction": st.just(0.0),
    "data.train_images": st.just(0),  # as the images are drawn
    "data.image_size": st.integers(8, 14),
    "data.box": st.integers(1, 10),
    "data.move": st.integers(0, 3),
    "data.positions": st.sampled_from([1, 2]),
    "data.manual_dir": st.just(""),
    "data.data_dir": st.just(""),
    "model.maps": st.lists(st.integers(1, 3), min_size=0, max_size=2).map(tuple),
    "model.map_table": st.sampled_from(["all", "0 0", "all,0 01 1", *TABLES]),
    "model.kernel_size": st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple),
    "model.stride": st.lists(st.integers(1, 2), min_size=1, max_size=2).map(tuple),
    "model.pad_before": st.lists(st.integers(0, 2), min_size=1, max_size=2).map(tuple),
    "model.pad_after": st.lists(st.integers(0, 2), min_size=1, max_size=2).map(tuple),
    "model.block": st.lists(st.integers(0, 3), min_size=1, max_size=2).map(tuple),
    "model.rank": st.lists(st.integers(0, 3), min_size=1, max_size=2).map(tuple),
    "model.radius": st.lists(st.integers(0, 3), min_size=1, max_size=2).map(tuple),
    "model.hidden": st.lists(st.integers(1, 5), max_size=2).map(tuple),
    "model.bitmaps": st.just("1998"),
    "model.parameter_budget": st.sampled_from([0, 2_000]),
    "train.epochs": st.integers(1, 2),
    "train.batch_size": st.integers(1, 4),
    "train.curvature_images": st.integers(1, 8),
    "train.epoch_factors": st.lists(st.floats(0.1, 2), min_size=1, max_size=3).map(tuple),
    "tensorboard": st.just(False),
}
RBF = {"model.output": "rbf", "model.hidden": (84,), "train.loss": "rbf"}  # 84 pixels of a bitmap
ONE_PATTERN = {"train.batch_size": 1, "train.order": "constant", "train.optimizer": "levenberg_marquardt"}


def allowed_values(field):
    """A strategy for the values that a field allows."""
    allowed = FIELDS[field].allowed
    if field in CHOSEN:
        return CHOSEN[field]
    if isinstance(allowed, OneOrPerStage):
        return st.lists(st.sampled_from(sorted(allowed.names)), min_size=1, max_size=2).map(",".join)
    if isinstance(allowed, OneOf):
        return st.sampled_from(sorted(allowed.names))
    if isinstance(FIELDS[field].default, bool):
        return st.booleans()
    assert isinstance(allowed, Bounds), f"{field}: add values that are computed fast to CHOSEN"
    low, high = max(allowed.low, -2), min(allowed.high, 2)
    if isinstance(FIELDS[field].default, int):
        return st.integers(math.ceil(low), math.floor(high))
    return st.floats(low, high, exclude_min=allowed.low_open, exclude_max=allowed.high_open)


@st.composite
def valid_configs(draw):
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=8, unique=True))
    fields = {name: draw(allowed_values(name)) for name in names}
    fields |= draw(st.sampled_from([{}, {}, RBF, RBF | {"train.loss": "rbf_competitive"}, ONE_PATTERN]))
    return SMALL | fields


def train_if_resolved(fields):
    config = lenet_jax.override(lenet_jax.default_config(), fields)
    try:
        run = lenet_jax.train(config)
    except UserError as refusal:
        assert_sentence(str(refusal))
        reject()
    assert run.result["status"] in ("done", "diverged")
    if run.result["status"] == "done":
        assert 0 <= run.result["test_accuracy"] <= 1 and run.result["parameters"] > 0


@given(valid_configs())
@settings(examples(2), phases=[Phase.generate])  # without shrinking, which would take minutes
@pytest.mark.slow
def test_a_few_configs_train(fields):
    train_if_resolved(fields)


@pytest.mark.slow
@given(valid_configs())
@settings(examples(40), phases=[Phase.generate])
def test_configs_train(fields):
    train_if_resolved(fields)


# Configs that are wrong

TEXTS = [
    "", " ", "\n", "\0", "\ud800", "é猫", "\x1b[31m", "a\nb", "x" * 3_000, "nan", "-1", "1e400", "9" * 5_000,
    "1,2", "1,,2", ",", "(", "[1]", "None", "True", "0x10", "1_000", "{}", "%s", "{field}", "'", '"', "/",
    ".", "~nobody/", "#.\n.#", "01 12", "12 \u0663", "\u0663", "all,", "local,nonsense", "-", "--help", "=",
    "=1",
]  # fmt: skip
NUMBERS = [
    0,
    1,
    -1,
    2,
    2**31 - 1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**30,
    10**400,
    0.5,
    -0.0,
    1e-320,
    1e308,
    -1e308,
]
NUMBERS += [math.nan, math.inf, -math.inf]
OTHERS = [
    None, True, False, b"1", 1j, object(), print, {}, {"a": 1}, {1, 2}, range(3), np.float32(0.5),
    np.int64(3), np.bool_(True), np.array([1, 2]), np.array(1.0), np.str_("local"),
]  # fmt: skip
ATOMS = st.sampled_from([*TEXTS, *NUMBERS, *OTHERS])
VALUES = ATOMS | st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=4
)


def assert_sentence(message):
    assert message == printable(message), message
    assert message.endswith((".", "?")) and message[0].isprintable(), message


def resolve_or_refuse(config):
    try:
        lenet_jax.resolve(config)
    except UserError as refusal:
        assert_sentence(str(refusal))


@pytest.mark.parametrize("field", ALL_FIELDS)
@given(VALUES, st.dictionaries(st.sampled_from(sorted(ALL_FIELDS)), VALUES, max_size=2))
@examples(8)
def test_wrong_values_from_python(field, value, others):
    try:
        config = lenet_jax.override(lenet_jax.default_sweep(), {**others, field: value})
    except (KeyError, TypeError, ValueError, UserError):  # as it documents
        return
    resolve_or_refuse(config)


@pytest.mark.parametrize("field", ALL_FIELDS)
@given(VALUES, st.sampled_from(sorted(ALL_FIELDS)), VALUES)
@examples(8)
def test_wrong_values_of_any_type_from_python(field, value, other, other_value):
    """As in a config file that does not lock its types."""
    config = lenet_jax.default_sweep()
    with config.ignore_type():
        try:
            config.update_from_flattened_dict({other: other_value, field: value})
        except (KeyError, TypeError, ValueError, OverflowError):  # of ml_collections
            return
    resolve_or_refuse(config)


@given(
    st.sampled_from(
        ["", ".", "train", "train.", ".epochs", "train.epoch", "a\nb", "\ud800", "0", "train.epochs.x"]
    ),
    VALUES,
)
@examples(40)
def test_unknown_fields_from_python(field, value):
    with pytest.raises((KeyError, TypeError, ValueError, UserError)):
        lenet_jax.override(lenet_jax.default_config(), {field: value})
        raise AssertionError("a field that does not exist was accepted")


def assert_ends_well(*words):
    ended = run_command("summary", f"--config={PROJECT / 'configs' / 'ablation.py'}", *words)
    if ended.status == 0:
        return
    lines = ended.err.removesuffix("\n").split("\n")
    assert (ended.status, len(lines)) == (1, 1) and lines[0].startswith("error: "), ended
    assert_sentence(lines[0])


WORDS = st.sampled_from(
    [*TEXTS, *map(repr, NUMBERS[:8] + NUMBERS[10:]), "[[1]]", "(1, (2,))", "1.5", "+1", "٣"]
)


@pytest.mark.parametrize("field", ALL_FIELDS)
@given(WORDS, st.booleans())
@examples(2)
def test_wrong_values_from_the_command_line(field, value, separate):
    assert_ends_well(*([f"--config.{field}", value] if separate else [f"--config.{field}={value}"]))


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(sorted(ALL_FIELDS)), WORDS), min_size=1, max_size=3))
@examples(1_000)
def test_wrong_combinations_from_the_command_line(fields):
    assert_ends_well(*(f"--config.{field}={value}" for field, value in fields))


FLAGS = [
    "--config", "--config=", "--config=.", "--config=nope.py", "--config=\n.py", "--config=\ud800.py", "-",
    "--", "---", "--config.", "--config.=1", "--config..=1", "--config.train=1", "--config.train.epochs",
    "--noconfig.tensorboard", "--config.train.epoch=1", "--nope", "--nope=\n", "--workdir", "word",
    "\ud800", "--config.\ud800=1", "--config.a\nb=1", "--flagfile=nope", "--flagfile=.", "--undefok=config",
    "--v=x",
    "--config[0]=1", "--config.model['maps']=1", "--config.model.maps[0]=1", "--config.train.epochs=1=2",
]  # fmt: skip


@given(st.lists(st.sampled_from(FLAGS), max_size=3))
@examples(60)
def test_wrong_flags(words):
    assert_ends_well(*words)
