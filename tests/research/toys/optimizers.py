"""Sign descent."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from research.family import argument
from research.optimizers import Optimizer


@dataclass(frozen=True)
class SignDescent(Optimizer):
    """Every parameter moves by the learning rate times a size."""

    size: float = argument(1.0)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        def update(updates, state, params=None, **extra):
            del params, extra
            return jax.tree.map(lambda leaf: self.size * jnp.sign(leaf), updates), state

        return optax.GradientTransformationExtraArgs(lambda params: (), update)
