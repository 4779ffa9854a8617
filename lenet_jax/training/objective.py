"""What a network is trained for: the loss of its outputs, and the class that they predict."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from lenet_jax import backend
from lenet_jax.training.hyperparameters import Hyperparameters

DISTANCES = ("rbf", "rbf_competitive")  # losses of outputs that are distances: the smallest one predicts
LOSSES = ("cross_entropy", "squared_error", *DISTANCES)


@dataclasses.dataclass(frozen=True)
class Objective:
    """A loss of the outputs, one per class.

    Attributes:
      loss: one of LOSSES. "cross_entropy" of the softmax of logits, in nats. "squared_error": the squared
        difference from the targets, averaged over the outputs. For distances of RBF units: "rbf", the
        distance of the right class (LeCun et al. 1998, eq. 8), or "rbf_competitive", which adds
        log(e^-j + sum_i e^-y_i), so that wrong classes are pushed away (eq. 9).
    """

    loss: str = "cross_entropy"

    def losses(
        self, outputs_NK: jax.Array, labels_N: jax.Array, hyperparameters: Hyperparameters
    ) -> jax.Array:
        """(N,) float32: the loss of each image.

        Reads target_low and target_high for "squared_error", rbf_j for "rbf_competitive".
        """
        is_right_NK = jax.nn.one_hot(labels_N, outputs_NK.shape[-1])
        if self.loss == "cross_entropy":
            if backend.is_cpu():
                return optax.softmax_cross_entropy_with_integer_labels(outputs_NK, labels_N)
            # On a GPU, the gradient of picking the label's output takes longer than all the rest of a step.
            return optax.softmax_cross_entropy(outputs_NK, is_right_NK)
        if self.loss == "squared_error":
            low, high = hyperparameters.target_low, hyperparameters.target_high
            return jnp.square(outputs_NK - (low + (high - low) * is_right_NK)).mean(-1)
        right_N = (outputs_NK * is_right_NK).sum(-1)
        if self.loss == "rbf":
            return right_N
        all_N = jax.nn.logsumexp(-outputs_NK, axis=-1)
        return right_N + jnp.logaddexp(-hyperparameters.rbf_j, all_N)

    def predictions(self, outputs_NK: jax.Array) -> jax.Array:
        """(N,) int32: the predicted class of each image."""
        return outputs_NK.argmin(-1) if self.loss in DISTANCES else outputs_NK.argmax(-1)

    def scores(self, outputs_NK: Any) -> Any:
        """(N, K): outputs whose largest is the predicted class's; distances are negated."""
        return -outputs_NK if self.loss in DISTANCES else outputs_NK


CROSS_ENTROPY = Objective()
