"""One logistic regression for each class."""

import math
from dataclasses import dataclass

import jax
from jaxtyping import Array, Float, Int

from research.losses import Loss


@dataclass(frozen=True)
class Logistic(Loss):
    """The mean over classes; ln 2 where all logits are 0."""

    def per_example(
        self, logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        sign = 2 * jax.nn.one_hot(labels, logits.shape[-1]) - 1
        return jax.nn.softplus(-sign * logits).mean(-1)

    def of_guess(self, classes: int) -> float:
        share = 1 / classes
        return -share * math.log(share) - (1 - share) * math.log(1 - share)
