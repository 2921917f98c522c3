"""What Adam and its variants share: moments of the gradient, and the preconditioner made of them."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from research.family import argument
from research.optimizers._optimizer import (
    Optimizer,
    require_not_negative,
    require_positive,
    require_share,
)


@dataclass(frozen=True)
class Moments(Optimizer):
    """The mean of past gradients over the root of their mean square.

    Attributes:
        b1: share of the past in the mean gradient.
        b2: share of the past in the mean square.
        epsilon: added to the root of the mean square.
        weight_decay: times the parameter; where it is added is each variant's own.
    """

    b1: float = argument(0.9)
    b2: float = argument(0.999)
    epsilon: float = argument(1e-8)
    weight_decay: float = argument(0.0)

    preconditioned = "diagonal"

    def __post_init__(self):
        require_share("b1", self.b1)
        require_share("b2", self.b2)
        require_positive("epsilon", self.epsilon)
        require_not_negative("weight_decay", self.weight_decay)

    def preconditioner(self, opt_state: Any, params: PyTree) -> PyTree:
        """(1 - b1^t) (sqrt(v / (1 - b2^t)) + epsilon) after t updates: what the mean gradient is divided by.

        The first factor is the mean's own correction for its start from 0 (Cohen et al. 2022, section 2).
        """
        count, squares = optax.tree.get(opt_state, "count"), optax.tree.get(opt_state, "nu")

        def divisor(square: Float[Array, "..."]) -> Float[Array, "..."]:
            return (1 - self.b1**count) * (jnp.sqrt(square / (1 - self.b2**count)) + self.epsilon)

        return jax.tree.map(divisor, squares)
