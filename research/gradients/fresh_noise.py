"""The mean over an update's passes, with the noise of a single pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from research.family import argument
from research.gradients._gradient import Gradient, Pass, noise_weight, require_epochs


@dataclass(frozen=True)
class FreshNoise(Gradient):
    """Noise of the size of a single pass's, at the weights as they are: the gradients are weighted unequally.

    It depends on the weights as a small batch's does, though every pass counts: what differs from training
    on single passes is the number of examples seen.

    Attributes:
        start: the first epoch with noise, counted from 0.
    """

    needs_passes: ClassVar[bool] = True

    start: int = argument(0)

    def __post_init__(self):
        require_epochs("start", self.start, 0)

    def of_pass(self, own: PyTree, at_snapshot: Callable[[], PyTree], place: Pass) -> PyTree:
        del at_snapshot
        weight = jnp.where(place.epoch >= self.start, place.passes * noise_weight(place), 0)
        return jax.tree.map(lambda leaf: leaf + weight * leaf, own)
