"""Adam (Kingma and Ba 2015, arXiv 1412.6980)."""

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

Scalar = Float[Array, ""] | float


@dataclass(frozen=True)
class Adam(Optimizer):
    """The mean of past gradients over the root of their mean square, as Optax and PyTorch have it.

    Its customary rate is 1e-3, a hundredth of SGD's: `--base.schedule.values` sets it. Keras' defaults are
    these ones with an epsilon of 1e-7.

    Attributes:
        b1: share of the past in the mean gradient.
        b2: share of the past in the mean square.
        epsilon: added to the root of the mean square.
        weight_decay: added to the mean gradient, times the parameter, as PyTorch's Adam does; `adamw` has
            it decoupled.
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

    def transform(self) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(
            optax.chain(
                optax.add_decayed_weights(self.weight_decay),
                optax.scale_by_adam(self.b1, self.b2, self.epsilon),
            )
        )

    def threshold(self, rate: float) -> float:
        """2 (1 + b1) / ((1 - b1) rate), of the Hessian preconditioned by P = diag(sqrt(v) + epsilon).

        On an eigenvector of P^-1/2 H P^-1/2 with eigenvalue s, with P held fixed, a = rate * s and u the mean
        gradient over P times the rate, an update is a linear map of (x, u):

            u' = b1 u + (1 - b1) a x,  x' = x - u'      trace 1 + b1 - (1 - b1) a,   determinant b1

        It is stable where |trace| < 1 + determinant (Jury): (1 - b1) a < 2 (1 + b1). That is 38 / rate at
        b1 = 0.9 (Cohen et al. 2022, arXiv 2207.14484), Polyak's threshold at the rate (1 - b1) rate.
        """
        return 2 * (1 + self.b1) / ((1 - self.b1) * rate)

    def preconditioner(self, opt_state: Any, params: PyTree) -> PyTree:
        """(1 - b1^t) (sqrt(v / (1 - b2^t)) + epsilon) after t updates: what the mean gradient is divided by.

        The first factor is the mean's own correction for its start from 0 (Cohen et al. 2022, section 2).
        """
        return adams_preconditioner(opt_state, self.b1, self.b2, self.epsilon)


def adams_preconditioner(opt_state: Any, b1: Scalar, b2: Scalar, epsilon: Scalar) -> PyTree:
    """`Adam.preconditioner`, from a state with a `count` and the mean squares `nu`."""
    count, squares = optax.tree.get(opt_state, "count"), optax.tree.get(opt_state, "nu")
    return jax.tree.map(
        lambda square: (1 - b1**count) * (jnp.sqrt(square / (1 - b2**count)) + epsilon), squares
    )
