"""Exponentially weighted average of the weights."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from research.averaging._averaging import OverEpochs, mixed


@dataclass(frozen=True)
class Exponential(OverEpochs):
    """Each step weighs exp(-1 / T) times as much as the next, T steps being the `epochs`.

    The first steps count alike until T of them are taken, so that the initial parameters do not linger.
    """

    def updated(
        self,
        average: PyTree,
        params: PyTree,
        step: Int[Array, ""],
        per_epoch: Int[Array, ""] | int,
        total: Int[Array, ""] | int,
    ) -> PyTree:
        del total
        share = -jnp.expm1(-1.0 / (self.epochs * per_epoch))
        return mixed(average, params, jnp.maximum(share, 1.0 / step))
