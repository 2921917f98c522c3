"""Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from dataclasses import dataclass

import optax

from research.family import argument
from research.optimizers._adam import Moments


@dataclass(frozen=True)
class AdamW(Moments):
    """Adam, and beside it every parameter shrinks by the rate times the decay, as in Optax and PyTorch.

    Its customary rate is 1e-3, as `adam`'s. Its decay is added to the direction, and never meets the moments;
    the default is PyTorch's, Optax's is 1e-4.
    """

    weight_decay: float = argument(1e-2)

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
