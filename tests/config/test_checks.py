"""Fields on the command line that reach no arm of a sweep."""

import pytest

from lenet_jax.config.arms import Arm
from lenet_jax.config.checks import require_effect
from lenet_jax.config.fields import default_config, override
from lenet_jax.errors import UserError

CNN, MLP = Arm("net", {"model.connectivity": "full"}), Arm("mlp", {"model.name": "mlp", "model.hidden": (8,)})
CONFIG = default_config()


def test_a_field_that_an_arm_reads_has_an_effect():
    require_effect(["model.hidden", "model.sharing", "train.epochs"], [CNN, MLP], CONFIG)
    require_effect(["train.epochs"], [MLP], CONFIG)


def test_a_field_that_every_arm_sets_has_none():
    with pytest.raises(UserError, match="--config.model.hidden has no effect: each of the arms sets"):
        require_effect(["train.epochs", "model.hidden"], [MLP], CONFIG)


def test_fields_that_do_not_exist_are_left_to_the_check_of_fields():
    require_effect(["foo"], [MLP], CONFIG)


def test_arms_that_are_no_mlps_are_not_called_so():
    with pytest.raises(UserError, match="sets model.connectivity itself. Change"):
        require_effect(["model.connectivity"], [CNN], CONFIG)


def test_a_field_of_convolutional_stages_has_none_on_an_mlp():
    with pytest.raises(UserError, match="--config.model.connectivity has no effect: .* is an MLP"):
        require_effect(["model.connectivity"], [CNN, MLP], CONFIG)
    only_mlps = override(CONFIG, {"model.name": "mlp"})
    with pytest.raises(UserError, match="--config.model.maps has no effect: .* is an MLP"):
        require_effect(["model.maps"], [Arm("mlp", {})], only_mlps)
