"""SGD with momentum, Adam and stochastic diagonal Levenberg-Marquardt, numbers kept out of the program."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

LEVENBERG_MARQUARDT = "levenberg_marquardt"
OPTIMIZERS = ("sgd", "adam", LEVENBERG_MARQUARDT)
SCHEDULES = ("constant", "cosine", "linear", "epochs")


@dataclasses.dataclass(frozen=True)
class OptimizerSpec:
    """What fixes the compiled program: the rule and the schedule's shape, in steps.

    Learning rate, momentum and weight decay are not here: they are numbers in the optimizer's
    state, so that runs which differ in them share one program.

    Attributes:
      name: one of OPTIMIZERS.
      schedule: one of SCHEDULES.
      epoch_factors: of the learning rate, for "epochs": one an epoch, the last for those that follow.
      steps_per_epoch: for "epochs".
      curvature: Levenberg-Marquardt's, one of `lenet_jax.curvature.CURVATURES`.
      curvature_images: how many are drawn before each epoch to estimate it.
      damping: mu, added to the curvature.
    """

    name: str
    schedule: str
    total_steps: int
    warmup_steps: int
    epoch_factors: tuple[float, ...] = (1.0,)
    steps_per_epoch: int = 1
    curvature: str = "backpropagated"
    curvature_images: int = 500
    damping: float = 0.02

    @property
    def needs_curvature(self) -> bool:
        return self.name == LEVENBERG_MARQUARDT

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

    def _factor_of_epoch(self, step):
        factors = jnp.array(self.epoch_factors)
        return factors[jnp.minimum(step // self.steps_per_epoch, len(factors) - 1)]

    def build(self, learning_rate=0.0, momentum=0.0, weight_decay=0.0) -> optax.GradientTransformation:
        """The optax transformation; its `init` stores the three numbers in the state.

        `update` reads them from the state, so a caller that only updates may leave them out.
        SGD adds weight decay to the gradient (L2), Adam to the step (AdamW, decoupled). The update of
        Levenberg-Marquardt (LeCun et al. 1998, eq. 21) takes `inverse_curvature`, 1 / (mu + h) of each
        parameter, as a further argument.
        """

        @optax.inject_hyperparams
        def chain(learning_rate, momentum, weight_decay):
            decay = optax.add_decayed_weights(weight_decay, mask=_kernels)
            rule = {
                "sgd": lambda: (decay, optax.trace(momentum)),
                "adam": lambda: (optax.scale_by_adam(b1=momentum), decay),
                LEVENBERG_MARQUARDT: lambda: (decay, _scale_by_inverse_curvature()),
            }[self.name]()
            return optax.chain(
                *rule,
                optax.scale_by_schedule(self.relative_learning_rate()),
                optax.scale_by_learning_rate(learning_rate),
            )

        return chain(learning_rate, momentum, weight_decay)


def _scale_by_inverse_curvature() -> optax.GradientTransformationExtraArgs:
    def update(updates, state, params=None, *, inverse_curvature, **_):
        return jax.tree.map(jnp.multiply, updates, inverse_curvature), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def _kernels(params):
    """True where weight decay applies: on kernels, not on biases."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)
