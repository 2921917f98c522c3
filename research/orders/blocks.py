"""The subset in blocks, each in several passes before the next one comes."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.errors import require
from research.family import argument
from research.orders._order import Count, Order, shuffled

_BLOCKS = 2**31 - 1  # no epoch's number


@dataclass(frozen=True)
class Blocks(Order):
    """For some epochs the subset is visited block by block; before and after, all of it in random order.

    A round is `passes` epochs long. In it the blocks come up in random order, each in as many passes in a
    row, every pass in an order of its own. So an image is visited as often as else, but between its last
    visit in one round and its first in the next lie up to twice `passes` epochs. One block is the common
    order.

    Attributes:
        count: blocks, which must divide the subset.
        passes: over a block before the next one comes.
        start: the first epoch in blocks.
        stop: the first epoch after them; rounds that are not whole by then are cut off.
    """

    count: int = 4
    passes: int = 4
    start: int = argument(0)
    stop: int = argument(1_000_000)

    def __post_init__(self):
        require(1 <= self.count <= 4096, "order.count", self.count, "must be in 1 .. 4096")
        require(1 <= self.passes <= 4096, "order.passes", self.passes, "must be in 1 .. 4096")
        require(
            0 <= self.start <= self.stop,
            "order.start",
            self.start,
            f"must be in 0 .. {self.stop}, where blocks stop",
        )

    def rows(
        self,
        key: Key[Array, ""],
        epoch: Count | int,
        subset_size: Count | int,
        labels: Int[Array, " train"],
    ) -> Int[Array, " train"]:
        stream, position = jax.random.fold_in(key, epoch), jnp.arange(len(labels))
        everything = shuffled(stream, position < subset_size)
        size = subset_size // self.count  # of a block
        turn = (epoch - self.start) // self.passes
        blocks = jax.random.permutation(
            jax.random.fold_in(jax.random.fold_in(key, _BLOCKS), turn), self.count
        )
        # Passes over blocks are chunks of equal size; an epoch holds as many of them as there are blocks.
        chunk = position // jnp.maximum(size, 1)
        place = (epoch - self.start) % self.passes * self.count + jnp.minimum(chunk, self.count - 1)
        block = blocks[place // self.passes]
        # Sorting by chunk, then by draw, permutes each chunk within itself.
        draws = jax.random.bits(stream, (len(labels),))
        outside = (position >= subset_size).astype(jnp.int32)
        within = jax.lax.sort((outside, chunk, draws, position - chunk * size), num_keys=3)[3]
        # What blocks of equal size leave over is visited at every epoch's end.
        in_blocks = jnp.where(position < self.count * size, block * size + within, position)
        inside = (epoch >= self.start) & (epoch < self.stop)
        return jnp.where(inside, in_blocks, everything).astype(jnp.int32)

    def check(self, subset_size: int, train_size: int) -> None:
        allowed = f"must not exceed the subset, {subset_size} images"
        require(self.count <= subset_size, "order.count", self.count, allowed)
