"""SGD with momentum, Adam and stochastic diagonal Levenberg-Marquardt, with learning rate schedules."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from lenet_jax.native import calls
from lenet_jax.training.hyperparameters import Hyperparameters

Weights = tuple[optax.Params, optax.OptState]
Step = Callable[[optax.Params, optax.OptState, optax.Params], Weights]

LEVENBERG_MARQUARDT = "levenberg_marquardt"
OPTIMIZERS = ("sgd", "adam", LEVENBERG_MARQUARDT)
# Which curvature divides the gradients: estimated anew before each epoch, as in LeCun et al. 1998; estimated
# before the first epoch and then kept; or the largest of the estimates up to now.
CURVATURE_ESTIMATES = ("each_epoch", "first_epoch", "maximum")
SCHEDULES = ("constant", "cosine", "linear", "epochs")


@dataclasses.dataclass(frozen=True)
class OptimizerSpec:
    """What is compiled: the update rule and the shape of the schedule. Its numbers are hyperparameters.

    Attributes:
      name: one of OPTIMIZERS.
      schedule: one of SCHEDULES.
      total_steps: steps of the whole training; the schedule ends there.
      warmup_steps: steps in which the learning rate rises linearly to its peak.
      epoch_factors: for "epochs": factors of the learning rate, one per epoch; the last one also serves all
        later epochs.
      steps_per_epoch: for "epochs".
      curvature: for Levenberg-Marquardt: one of `lenet_jax.training.curvature.CURVATURES`.
      curvature_images: for Levenberg-Marquardt: how many images, drawn before each epoch, estimate it.
      curvature_estimate: for Levenberg-Marquardt: one of CURVATURE_ESTIMATES, which estimates count.
      curvature_distorted: for Levenberg-Marquardt: whether these images are distorted as those trained on.
      native: whether the native kernel takes SGD's steps; see `lenet_jax.native.form`.
      penalises_l1: whether the L1 norm of kernels is penalised, and small weights are set to 0.
    """

    name: str
    schedule: str
    total_steps: int
    warmup_steps: int
    epoch_factors: tuple[float, ...] = (1.0,)
    steps_per_epoch: int = 1
    curvature: str = "backpropagated"
    curvature_images: int = 500
    curvature_estimate: str = "each_epoch"
    curvature_distorted: bool = False
    native: bool = False
    penalises_l1: bool = False

    @property
    def needs_curvature(self) -> bool:
        return self.name == LEVENBERG_MARQUARDT

    @property
    def remembers_curvature(self) -> bool:
        """Whether earlier estimates of the curvature count."""
        return self.needs_curvature and self.curvature_estimate != "each_epoch"

    @property
    def slots(self) -> int:
        """How many numbers it keeps for each parameter.

        SGD momentum; Adam two moments; Levenberg-Marquardt the curvature h and 1 / (mu + h), and a
        third if it remembers earlier estimates.
        """
        return 1 if self.name == "sgd" else 2 + self.remembers_curvature

    def relative_learning_rate(self) -> optax.Schedule:
        """step -> factor of the learning rate."""
        decay_steps = self.total_steps - self.warmup_steps
        decay = {
            "constant": lambda: optax.constant_schedule(1.0),
            "cosine": lambda: optax.cosine_decay_schedule(1.0, decay_steps),
            "linear": lambda: optax.linear_schedule(1.0, 0.0, decay_steps),
            "epochs": lambda: self._factor_of_epoch,
        }[self.schedule]()
        if not self.warmup_steps:
            return decay
        # The first step has 1/warmup_steps of the peak, not 0: a step with no effect teaches nothing.
        rise = optax.linear_schedule(1 / self.warmup_steps, 1.0, self.warmup_steps - 1)
        return optax.join_schedules([rise, decay], [self.warmup_steps])

    def _factor_of_epoch(self, step: jax.typing.ArrayLike) -> jax.Array:
        factors = jnp.array(self.epoch_factors)
        return factors[jnp.minimum(jnp.asarray(step) // self.steps_per_epoch, len(factors) - 1)]

    def build(
        self, hyperparameters: Hyperparameters, curvature: optax.Params | None = None
    ) -> optax.GradientTransformation:
        """The optax transformation of one run, whose hyperparameters may be traced.

        SGD adds weight decay to the gradient (L2), Adam to the step (AdamW, decoupled). Levenberg-Marquardt
        divides the gradient by mu + h (LeCun et al. 1998, eq. 21).

        Args:
          curvature: h of each parameter, which `update` of Levenberg-Marquardt needs and `init` does not.
        """
        decay = optax.add_decayed_weights(hyperparameters.weight_decay, mask=_kernels)
        rule = {
            "sgd": lambda: (decay, optax.trace(hyperparameters.momentum)),
            "adam": lambda: (optax.scale_by_adam(b1=hyperparameters.momentum), decay),
            LEVENBERG_MARQUARDT: lambda: (decay, _divide_by_curvature(hyperparameters.damping, curvature)),
        }[self.name]()
        return optax.chain(
            *rule,
            optax.scale_by_schedule(self.relative_learning_rate()),
            optax.scale_by_learning_rate(hyperparameters.learning_rate),
        )

    def make_step(self, hyperparameters: Hyperparameters, curvature: optax.Params | None = None) -> Step:
        """(gradients, state, parameters) -> new parameters and state, by the transformation of `build`.

        With an L1 penalty, its subgradient is added to the gradients, and after the step weights of kernels
        are set to 0 that are below `l1_threshold` times `l1_penalty` (beta-lasso: Neyshabur 2020, "Towards
        Learning Convolutions from Scratch", algorithm 1).
        """
        step = self._make_unpenalised_step(hyperparameters, curvature)
        if not self.penalises_l1:
            return step
        penalty = hyperparameters.l1_penalty
        least = hyperparameters.l1_threshold * penalty

        def penalised_step(grads: optax.Params, state: optax.OptState, params: optax.Params) -> Weights:
            is_kernel = _kernels(params)
            grads = jax.tree.map(
                lambda grad, weights, penalised: grad + penalty * jnp.sign(weights) if penalised else grad,
                grads,
                params,
                is_kernel,
            )
            params, state = step(grads, state, params)
            params = jax.tree.map(
                lambda weights, penalised: (
                    jnp.where(jnp.abs(weights) < least, 0, weights) if penalised else weights
                ),
                params,
                is_kernel,
            )
            return params, state

        return penalised_step

    def _make_unpenalised_step(
        self, hyperparameters: Hyperparameters, curvature: optax.Params | None = None
    ) -> Step:
        if self.native and self.name == "sgd":
            return functools.partial(self._native_step, hyperparameters)
        optimizer = self.build(hyperparameters, curvature)

        def step(grads: optax.Params, state: optax.OptState, params: optax.Params) -> Weights:
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        return step

    def effective_rates(
        self, hyperparameters: Hyperparameters, curvature: optax.Params, state: optax.OptState
    ) -> jax.Array:
        """(parameters,): by how much Levenberg-Marquardt multiplies each parameter's next gradient.

        The gradient is that of the loss without `loss_scale`, so that rates of runs with different scales can
        be compared. With a scale of s and h the curvature of the loss without it, a rate is
        s eta / (mu + s h).

        Args:
          curvature: of the loss with its scale, as for `build`.
        """
        factor = self.relative_learning_rate()(optax.tree.get(state, "count"))
        of_all = jnp.concatenate([h.ravel() for h in jax.tree.leaves(curvature)])
        rate = hyperparameters.loss_scale * hyperparameters.learning_rate * factor
        return rate / (hyperparameters.damping + of_all)

    def _native_step(
        self,
        hyperparameters: Hyperparameters,
        grads: optax.Params,
        state: optax.OptState,
        params: optax.Params,
    ) -> Weights:
        count = optax.tree.get(state, "count")
        decay = jnp.asarray(hyperparameters.weight_decay)
        params, trace = calls.momentum_step(
            params,
            optax.tree.get(state, "trace"),
            grads,
            momentum=hyperparameters.momentum,
            learning_rate=hyperparameters.learning_rate * self.relative_learning_rate()(count),
            decays=jax.tree.map(
                lambda is_decayed: decay if is_decayed else jnp.zeros_like(decay), _kernels(params)
            ),
        )
        return params, optax.tree.set(state, count=optax.safe_increment(count), trace=trace)


def _divide_by_curvature(damping: jax.Array, curvature: optax.Params | None) -> optax.GradientTransformation:
    inverse = jax.tree.map(lambda h: 1 / (damping + h), curvature)  # once per epoch, not once per step
    return optax.stateless(lambda updates, params: jax.tree.map(jnp.multiply, updates, inverse))


def _kernels(params: optax.Params) -> optax.Params:
    """True where weight decay applies: on kernels, not on biases."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)
