"""From some epoch on, half of the images only."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.errors import require
from research.family import argument
from research.orders._order import Count, Order, require_until, shuffled


@dataclass(frozen=True)
class Half(Order):
    """All of the subset until an epoch, then its first half alone, twice an epoch.

    What memory of the second half outlives training on the first is what was not overwritten by it.

    Attributes:
        until: epochs in which all of the subset is visited.
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
        stream, row = jax.random.fold_in(key, epoch), jnp.arange(len(labels))
        everything = shuffled(stream, row < subset_size)
        first, second = (
            shuffled(jax.random.fold_in(stream, index), row < subset_size // 2) for index in (1, 2)
        )
        half = subset_size // 2
        twice = jnp.where(row < half, first, jnp.roll(second, half))
        again = jnp.where(row == 2 * half, first[0], twice)  # where the subset is odd, one comes thrice
        return jnp.where(epoch < self.until, everything, again)

    def check(self, subset_size: int, train_size: int) -> None:
        require(subset_size >= 2, "subset_size", subset_size, "must be at least 2, to be halved")

    def groups(self, subset_size: int, train_size: int) -> dict[str, tuple[int, int]]:
        """`revisited`: the first half; `withheld`: the second."""
        never = {k: v for k, v in super().groups(subset_size, train_size).items() if k == "never_seen"}
        half = subset_size // 2
        return {"revisited": (0, half), "withheld": (half, subset_size)} | never
