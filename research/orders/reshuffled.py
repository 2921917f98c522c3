"""A new random order in every epoch."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.orders._order import Count, Order, shuffled


@dataclass(frozen=True)
class Reshuffled(Order):
    """Each epoch visits every image of the subset once, in an order of its own."""

    def rows(
        self,
        key: Key[Array, ""],
        epoch: Count | int,
        subset_size: Count | int,
        labels: Int[Array, " train"],
    ) -> Int[Array, " train"]:
        return shuffled(jax.random.fold_in(key, epoch), jnp.arange(len(labels)) < subset_size)
