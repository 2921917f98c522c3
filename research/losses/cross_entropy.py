"""Cross-entropy, in nats."""

import math
from dataclasses import dataclass

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from research.errors import require
from research.losses._loss import Loss


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy of the softmax, in nats.

    Attributes:
        smoothing: share of the label that is spread evenly over all classes (Szegedy et al. 2016, section 7).
            What is reported of test images is the plain cross-entropy.
    """

    smoothing: float = 0.0

    unit = "nats"

    def __post_init__(self):
        require(0 <= self.smoothing < 1, "loss.smoothing", self.smoothing, "must be at least 0 and below 1")

    def per_example(
        self, logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        hard = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        if self.smoothing == 0:
            return hard
        return hard + self.smoothing * (
            jnp.take_along_axis(logits, labels[:, None], 1)[:, 0] - logits.mean(-1)
        )

    def evaluated(self) -> "CrossEntropy":
        return CrossEntropy()

    def of_guess(self, classes: int) -> float:
        """ln(classes)."""
        return math.log(classes)
