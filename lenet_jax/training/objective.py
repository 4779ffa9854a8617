"""What a network is trained for: the loss of its outputs, and which output is the answer."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

DISTANCES = ("rbf", "rbf_competitive")  # losses of outputs that are distances: the smallest is the answer
LOSSES = ("cross_entropy", "squared_error", *DISTANCES)


@dataclasses.dataclass(frozen=True)
class Objective:
    """A loss of ten outputs.

    Attributes:
      loss: "cross_entropy" of the softmax of logits, in nats; "squared_error", the mean over the
        outputs of their squared distance from the targets; of the distances of RBF units, "rbf", that of
        the right class (LeCun et al. 1998, eq. 8), or "rbf_competitive", which adds
        log(e^-j + sum_i e^-y_i), so that the wrong ones are pushed away (eq. 9).
      target_low, target_high: squared_error's targets for the wrong classes and the right one.
      rbf_j: j of eq. 9; the larger, the further wrong classes are pushed.
    """

    loss: str = "cross_entropy"
    target_low: float = -1.0
    target_high: float = 1.0
    rbf_j: float = 1.0

    def losses(self, outputs_NK: jax.Array, labels_N: jax.Array) -> jax.Array:
        """(N,) float32: the loss of each image."""
        if self.loss == "cross_entropy":
            return optax.softmax_cross_entropy_with_integer_labels(outputs_NK, labels_N)
        is_right_NK = jax.nn.one_hot(labels_N, outputs_NK.shape[-1])
        if self.loss == "squared_error":
            targets_NK = self.target_low + (self.target_high - self.target_low) * is_right_NK
            return jnp.square(outputs_NK - targets_NK).mean(-1)
        right_N = (outputs_NK * is_right_NK).sum(-1)
        if self.loss == "rbf":
            return right_N
        others_N = jax.nn.logsumexp(-outputs_NK, axis=-1)
        return right_N + jnp.logaddexp(-self.rbf_j, others_N)

    def answers(self, outputs_NK: jax.Array) -> jax.Array:
        """(N,) int32: the class that each image is taken for."""
        return outputs_NK.argmin(-1) if self.loss in DISTANCES else outputs_NK.argmax(-1)


CROSS_ENTROPY = Objective()
