"""Exponentially weighted average of the weights."""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Int, PyTree

from research.averaging._averaging import Averaging, mixed
from research.errors import require
from research.family import argument


@dataclass(frozen=True)
class Exponential(Averaging):
    """Each step weighs exp(-1 / T) times as much as the next, T steps being so many epochs.

    The first steps count alike until T of them are taken, so that the initial parameters do not linger.

    Attributes:
        epochs: T, in epochs.
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
        del total
        share = -jnp.expm1(-1.0 / (self.epochs * per_epoch))
        return mixed(average, params, jnp.maximum(share, 1.0 / step))
