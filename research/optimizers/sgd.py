"""Stochastic gradient descent with momentum, as in the article."""

from dataclasses import dataclass

import optax

from research.family import argument
from research.optimizers._optimizer import Optimizer, require_not_negative, require_share


@dataclass(frozen=True)
class SGD(Optimizer):
    """Decay joins the mean gradient, then momentum, then the learning rate.

    Attributes:
        momentum: of the velocity.
        nesterov: Nesterov's form of momentum, as in the article; else Polyak's ("heavy ball").
        weight_decay: added to the mean gradient, times the parameter.
    """

    momentum: float = argument(0.9)
    nesterov: bool = True
    weight_decay: float = argument(5e-4)

    def __post_init__(self):
        require_share("momentum", self.momentum)
        require_not_negative("weight_decay", self.weight_decay)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(
            optax.chain(
                optax.add_decayed_weights(self.weight_decay),
                optax.trace(self.momentum, self.nesterov),
            )
        )

    def threshold(self, rate: float) -> float:
        """2 (1 + b) / rate with Polyak's momentum b; 2 (1 + b) / ((1 + 2b) rate) with Nesterov's.

        On an eigenvector of eigenvalue s, with a = rate * s and u the velocity times the rate, PyTorch's (and
        Optax's) updates are linear maps of (x, u):

            Polyak     u' = b u + a x,  x' = x - u'            trace 1 + b - a,         determinant b
            Nesterov   u' = b u + a x,  x' = x - a x - b u'    trace (1 + b)(1 - a),    determinant b (1 - a)

        A 2x2 map is stable where |determinant| < 1 and |trace| < 1 + determinant (Jury). As a grows, the
        second fails first, with a negative trace:

            Polyak     a - 1 - b < 1 + b                  a < 2 (1 + b)
            Nesterov   (1 + b)(a - 1) < 1 - b (a - 1)     a < 2 (1 + b) / (1 + 2 b)

        Both are 2 without momentum. At b = 0.9 Polyak's may be 3.8 / rate sharp, Nesterov's only 1.36 / rate
        (Cohen et al. 2021, arXiv 2103.00065, has both). H is that of the loss with its decay, which adds
        weight_decay to every eigenvalue.
        """
        b = self.momentum
        return 2 * (1 + b) / rate / ((1 + 2 * b) if self.nesterov else 1)

    def batch_thresholds(self, rate: float) -> tuple[float, float]:
        """2 (1 - b) / rate and 2 (1 + b) / rate (arXiv 2604.14108)."""
        return 2 * (1 - self.momentum) / rate, 2 * (1 + self.momentum) / rate
