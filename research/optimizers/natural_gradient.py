"""Natural gradient descent, matrix-free: each batch's Gauss-Newton matrix, conjugate gradients, damping."""

from dataclasses import dataclass
from typing import Any

import jax
import optax
from jax.scipy.sparse.linalg import cg
from jaxtyping import PyTree

from research.errors import require
from research.family import argument
from research.optimizers._optimizer import (
    Optimizer,
    require_not_negative,
    require_positive,
    require_share,
)

TOLERANCE = 1e-6  # of the gradient's length, at which conjugate gradients stop: float32 knows no better


@dataclass(frozen=True)
class NaturalGradient(Optimizer):
    """The direction d solves (G + damping) d = g: g the gradient, G the batch's Gauss-Newton matrix.

    For cross-entropy G is the Fisher matrix of the network's own softmax (Martens 2020, arXiv 1412.1193,
    section 9). G is that of the step's own batch, which a batch of few examples overfits: damping holds
    that in check. Where passes are accumulated, G is the last pass's. Momentum is Polyak's, on directions.
    A step costs as many Gauss-Newton products, of about two passes each, as conjugate gradients take.

    Attributes:
        damping: added to the diagonal of G, in the units of the loss's curvature.
        iterations: of conjugate gradients at most, which start from 0.
        momentum: of the directions; 0: none.
        weight_decay: added to the mean gradient, times the parameter, before the solution.
    """

    damping: float = argument(1.0)
    iterations: int = argument(10)
    momentum: float = argument(0.0)
    weight_decay: float = argument(0.0)

    preconditioned = "other"

    def __post_init__(self):
        require_positive("damping", self.damping)
        require(self.iterations >= 1, "optimizer.iterations", self.iterations, "must be at least 1")
        require_share("momentum", self.momentum)
        require_not_negative("weight_decay", self.weight_decay)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        def solve(updates: PyTree, state: Any, params: PyTree | None = None, **extra: Any):
            def damped(vector: PyTree) -> PyTree:
                product = extra["context"].gauss_newton(vector)
                return jax.tree.map(lambda curved, v: curved + self.damping * v, product, vector)

            return cg(damped, updates, tol=TOLERANCE, maxiter=self.iterations)[0], state

        solved = optax.GradientTransformationExtraArgs(optax.init_empty_state, solve)
        return optax.with_extra_args_support(
            optax.chain(optax.add_decayed_weights(self.weight_decay), solved, optax.trace(self.momentum))
        )

    def threshold(self, rate: float) -> float:
        """2 (1 + b) / rate with momentum b, of P^-1 H, P = G + damping, with the solution exact.

        P^-1 H is similar to the symmetric P^-1/2 H P^-1/2, on whose eigenvectors the update is Polyak's (see
        `SGD.threshold`). On the batch whose G is in P, and where H is G, as for a linear model, the
        eigenvalues s / (s + damping) are below 1, so that every rate below 2 (1 + b) is stable. Another
        batch's H is not bounded by this one's P.
        """
        return 2 * (1 + self.momentum) / rate
