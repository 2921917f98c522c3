"""First half of the classes alone, then all of them: pre-training and fine-tuning in one run."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.family import argument
from research.orders._order import Count, Order, require_until, shuffled


@dataclass(frozen=True)
class HalfClasses(Order):
    """Up to an epoch only images of the first half of the classes are visited, then all of the subset.

    An epoch has as many images as the subset, before and after: of equally large classes each image is
    visited twice in an epoch of half of them. Of an odd number of classes the half is the larger one.

    Attributes:
        until: epochs in which half of the classes is visited.
    """

    until: int = argument(1)

    def __post_init__(self):
        require_until(self.until)

    def rows(
        self,
        key: Key[Array, ""],
        epoch: Count | int,
        subset_size: Count | int,
        labels: Int[Array, " train"],
    ) -> Int[Array, " train"]:
        stream, position = jax.random.fold_in(key, epoch), jnp.arange(len(labels))
        subset = position < subset_size
        half = subset & (labels <= labels.max() // 2)
        # A subset of a few images may have none of these classes: then it is visited as it is.
        inside = jnp.where((epoch < self.until) & half.any(), half, subset)
        rows, count = shuffled(stream, inside), inside.sum()
        # Turns over the rows inside, each permuted by sorting its draws; the last turn is cut off.
        draws = jax.random.bits(jax.random.fold_in(stream, 1), (len(labels),))
        place = jax.lax.sort((position // count, draws, position % count), num_keys=2)[2]
        return jnp.where(position < subset_size, rows[place], position).astype(jnp.int32)
