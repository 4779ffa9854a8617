"""Every product is computed in float32 on every device, without a global setting."""

import functools

import jax
import pytest
from jax import lax

from lenet_jax.models.networks import CNN, MLP, Stage
from lenet_jax.training.curvature import gauss_newton_diagonal
from lenet_jax.training.epoch import image_shapes, init_state, train_epoch
from lenet_jax.training.objective import CROSS_ENTROPY, Objective
from lenet_jax.training.optimizer import LEVENBERG_MARQUARDT, OptimizerSpec
from lenet_jax.training.program import Program
from tests.helpers.hyperparameters import one_run
from tests.helpers.networks import GRID, cnn

CODES = tuple(tuple((-1) ** (i * j // 3) for j in range(6)) for i in range(10))
TABLE = ((0,), (1,), (0, 1))
NETWORKS = {
    # Of two layers each, so that there are also gradients with respect to a layer's input.
    **{f"{c}_{s}": cnn((c, c), (s, s), maps=(2, 3), kernel_size=3, hidden=(4,)) for c, s in GRID},
    "mlp": MLP((5, 4), "tanh", dropout=True),
    "rbf, trainable pooling, map table": CNN(
        (
            Stage(2, 3, stride=1, padding=(1, 1), unit_bias=True, pooling="trainable_sum"),
            Stage(3, 3, table=TABLE, pooling="trainable_average"),
        ),
        MLP((6,), "scaled_tanh", first=5, output="rbf", codes=CODES),
    ),
}


def products(jaxpr):
    """The equations that multiply and add up, also those in loops, branches and calls."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield equation
        for value in jax.tree.leaves(equation.params):
            if hasattr(value, "eqns"):
                yield from products(value)


def assert_float32(function, *arguments):
    """Traces `function` and checks that it has products, all of them in float32."""
    assert jax.config.jax_default_matmul_precision is None
    found = list(products(jax.make_jaxpr(function)(*arguments)))
    assert found
    for equation in found:
        assert equation.params["precision"] == (lax.Precision.HIGHEST,) * 2, equation


@pytest.mark.parametrize("name", NETWORKS)
def test_every_product_is_in_float32(name):
    """Outputs, gradients and backpropagated curvature."""
    optimizer = OptimizerSpec(LEVENBERG_MARQUARDT, "constant", 100, 0, curvature_images=3)
    objective = Objective("rbf_competitive") if name.startswith("rbf") else CROSS_ENTROPY
    program = Program(NETWORKS[name], optimizer, 8, 4, image_size=12, objective=objective)
    state = jax.eval_shape(functools.partial(init_state, program), one_run())
    images = image_shapes(program, 8)
    assert optimizer.curvature == "backpropagated"
    assert_float32(functools.partial(train_epoch, program), state, images, 0)


def test_products_of_the_exact_curvature_are_in_float32():
    """They are of the curvature itself: those of the network are the same as above."""
    model = MLP((5, 4), "tanh")
    program = Program(model, OptimizerSpec("sgd", "constant", 100, 0), 8, 4, image_size=12)
    state = jax.eval_shape(functools.partial(init_state, program), one_run())
    exact = functools.partial(gauss_newton_diagonal, "exact", model, CROSS_ENTROPY)
    arguments = state.hyperparameters, state.params, state.wiring, *image_shapes(program, 8)
    assert_float32(exact, *arguments)
