"""Squared error on one-hot labels."""

from dataclasses import dataclass

import jax
from jaxtyping import Array, Float, Int

from research.errors import require
from research.family import argument
from research.losses._loss import Loss


@dataclass(frozen=True)
class SquaredError(Loss):
    """The mean over classes, with no factor 1/2, of squared differences of logits and one-hot labels.

    With f the logits, c the label and C classes: (weight (f_c - target)^2 + sum over others f_i^2) / C
    (Hui and Belkin 2021, arXiv 2006.07322, section 3, who take weight 15 and target 30 for 1,000 classes).
    There is no softmax.

    Attributes:
        weight: of the label's own logit, their k.
        target: of the label's own logit, their M.
    """

    weight: float = argument(1.0)
    target: float = argument(1.0)

    unit = "squared error"

    def __post_init__(self):
        for name in ("weight", "target"):
            value = getattr(self, name)
            require(0 < value < float("inf"), f"loss.{name}", value, "must be finite and above 0")

    def per_example(
        self, logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        own = jax.nn.one_hot(labels, logits.shape[-1])
        return ((logits - self.target * own) ** 2 * (1 + (self.weight - 1) * own)).mean(-1)

    def of_guess(self, classes: int) -> float:
        """weight target^2 (C - 1) / (C (weight + C - 1)), of the guess weight target / (weight + C - 1)."""
        others = classes - 1
        return self.weight * self.target**2 * others / (classes * (self.weight + others))
