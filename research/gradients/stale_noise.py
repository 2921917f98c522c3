"""The mean over an update's passes, with the noise that a single pass has at earlier weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
from jax import lax
from jaxtyping import Array, PyTree

from research.family import argument
from research.gradients._gradient import Gradient, Pass, noise_weight, require_epochs


@dataclass(frozen=True)
class StaleNoise(Gradient):
    """As `fresh_noise`, with the same weights, but the noise is of gradients at a snapshot of the weights.

    So the noise has a small batch's size and directions, and does not answer to where the weights are now.

    Attributes:
        start: the first epoch with noise, counted from 0, at whose start the snapshot is taken.
        every: epochs after which it is taken anew, again and again.
    """

    keeps_snapshot: ClassVar[bool] = True
    needs_passes: ClassVar[bool] = True

    start: int = argument(0)
    every: int = argument(1)

    def __post_init__(self):
        require_epochs("start", self.start, 0)
        require_epochs("every", self.every, 1)

    def of_pass(self, own: PyTree, at_snapshot: Callable[[], PyTree], place: Pass) -> PyTree:
        weight = place.passes * noise_weight(place)

        def noisy() -> PyTree:
            return jax.tree.map(lambda leaf, stale: leaf + weight * stale, own, at_snapshot())

        return lax.cond(place.epoch >= self.start, noisy, lambda: own)

    def snapshot_due(self, place: Pass) -> Array:
        since = place.epoch - self.start
        return (place.of_epoch == 0) & (since >= 0) & (since % self.every == 0)
