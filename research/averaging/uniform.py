"""Uniform average of the weights over the end of training."""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from research.averaging._averaging import Averaging, mixed
from research.errors import require
from research.family import argument


@dataclass(frozen=True)
class Uniform(Averaging):
    """Every step of the last epochs counts alike (Izmailov et al. 2018, arXiv 1803.05407, at every step).

    Before these begin, the average is the last weights.

    Attributes:
        epochs: how many of the last epochs are averaged over.
    """

    epochs: float = argument(1.0)

    def __post_init__(self):
        require(0 < self.epochs < math.inf, "averaging.epochs", self.epochs, "must be finite and above 0")

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
