"""A withheld cohort: images that are trained on up to an epoch and never again."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.errors import require
from research.family import argument
from research.orders._order import Count, Order, shuffled


@dataclass(frozen=True)
class Cohort(Order):
    """The last images of the subset are visited up to an epoch; then as many others take their place.

    The others are the rows just beyond the subset, so that the number of images, of updates and the rate stay
    what they were. What is left of the cohort's advantage over images never seen is a forgetting curve with
    no visit in it.

    Attributes:
        size: images in the cohort.
        until: epochs in which it is visited.
    """

    size: int = argument(256)
    until: int = argument(1)

    def __post_init__(self):
        require(self.size >= 1, "order.size", self.size, "must be at least 1")
        require(self.until >= 1, "order.until", self.until, "must be at least 1")

    def rows(
        self,
        key: Key[Array, ""],
        epoch: Count | int,
        subset_size: Count | int,
        labels: Int[Array, " train"],
    ) -> Int[Array, " train"]:
        # The subset begins so many rows later once the cohort is out: its rows move to the others'.
        row = jnp.arange(len(labels))
        kept = row < subset_size - self.size
        cohort = (row >= subset_size - self.size) & (row < subset_size)
        others = (row >= subset_size) & (row < subset_size + self.size)
        return shuffled(jax.random.fold_in(key, epoch), kept | jnp.where(epoch < self.until, cohort, others))

    def check(self, subset_size: int, train_size: int) -> None:
        most = min(subset_size, train_size - subset_size - 1)
        require(
            self.size <= most,
            "order.size",
            self.size,
            f"of {train_size} images {subset_size} are the subset: as many as the cohort have to be left to "
            f"take its place, and one never seen; at most {most}",
        )

    def groups(self, subset_size: int, train_size: int) -> dict[str, tuple[int, int]]:
        """`kept`, visited all along; `cohort`; `others`, which take its place; `never_seen`."""
        return {
            "kept": (0, subset_size - self.size),
            "cohort": (subset_size - self.size, subset_size),
            "others": (subset_size, subset_size + self.size),
            "never_seen": (subset_size + self.size, train_size),
        }
