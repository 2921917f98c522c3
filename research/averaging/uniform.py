"""Uniform average of the weights over the end of training."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from research.averaging._averaging import OverEpochs, mixed


@dataclass(frozen=True)
class Uniform(OverEpochs):
    """Every step of the last `epochs` counts alike (Izmailov et al. 2018, arXiv 1803.05407, at every step).

    Before these begin, the average is the last weights.
    """

    def updated(
        self,
        average: PyTree,
        params: PyTree,
        step: Int[Array, ""],
        per_epoch: Int[Array, ""] | int,
        total: Int[Array, ""] | int,
    ) -> PyTree:
        before = total - jnp.round(self.epochs * per_epoch)
        return mixed(average, params, 1.0 / jnp.maximum(step - before, 1.0))
