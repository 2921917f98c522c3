"""Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from dataclasses import dataclass
from typing import Any

import optax
from jaxtyping import PyTree

from research.family import argument
from research.optimizers._optimizer import (
    Optimizer,
    require_not_negative,
    require_positive,
    require_share,
)
from research.optimizers.adam import adams_preconditioner


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam, and beside it every parameter shrinks by the rate times the decay, as in Optax and PyTorch.

    Its customary rate is 1e-3, as `adam`'s.

    Attributes:
        b1: share of the past in the mean gradient.
        b2: share of the past in the mean square.
        epsilon: added to the root of the mean square.
        weight_decay: added to the direction, times the parameter; it never meets the moments. PyTorch's
            default; Optax's is 1e-4.
    """

    b1: float = argument(0.9)
    b2: float = argument(0.999)
    epsilon: float = argument(1e-8)
    weight_decay: float = argument(1e-2)

    preconditioned = "diagonal"

    def __post_init__(self):
        require_share("b1", self.b1)
        require_share("b2", self.b2)
        require_positive("epsilon", self.epsilon)
        require_not_negative("weight_decay", self.weight_decay)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(
            optax.chain(
                optax.scale_by_adam(self.b1, self.b2, self.epsilon),
                optax.add_decayed_weights(self.weight_decay),
            )
        )

    def threshold(self, rate: float) -> float:
        """(2 / rate - decay) (1 + b1) / (1 - b1), of the Hessian preconditioned as `Adam`'s.

        As for Adam, with c = rate * decay: u' = b1 u + (1 - b1) a x and x' = (1 - c) x - u' have the trace
        1 + b1 - c - (1 - b1) a and the determinant b1 (1 - c), and are stable where
        (1 - b1) a < (1 + b1) (2 - c).
        """
        return (2 / rate - self.weight_decay) * (1 + self.b1) / (1 - self.b1)

    def preconditioner(self, opt_state: Any, params: PyTree) -> PyTree:
        """That of `Adam`."""
        return adams_preconditioner(opt_state, self.b1, self.b2, self.epsilon)
