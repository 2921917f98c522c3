"""Adam (Kingma and Ba 2015, arXiv 1412.6980)."""

from dataclasses import dataclass

import optax

from research.optimizers._adam import Moments


@dataclass(frozen=True)
class Adam(Moments):
    """The mean of past gradients over the root of their mean square, as Optax and PyTorch have it.

    Its customary rate is 1e-3, a hundredth of SGD's: `--base.schedule.values` sets it. Keras' defaults are
    these ones with an epsilon of 1e-7. Its decay is added to the mean gradient, as PyTorch's Adam does;
    `adamw` has it decoupled.
    """

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
