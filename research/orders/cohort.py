"""A withheld cohort: images that are trained on up to an epoch and never again."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.errors import require
from research.family import argument
from research.orders._order import Count, Order, require_until, shuffled


@dataclass(frozen=True)
class WithheldCohort(Order):
    """The last images of the subset are visited up to an epoch; then as many others take their place.

    The others are the rows just beyond the subset, so that the number of images, of updates and the rate stay
    what they were. What is left of the cohort's advantage over images never seen is a forgetting curve with
    no visit in it.

    Images of a cohort may be harder than those never seen, by as much as is remembered of them. Each `turn`
    the three blocks (cohort, those that take its place, never seen) change roles: over three turns each has
    had each, and how hard they are is gone from the mean.

    Attributes:
        size: images in the cohort.
        until: epochs in which it is visited.
        turn: which of the three blocks is the cohort; 0: the subset's last images.
    """

    size: int = argument(256)
    until: int = argument(1)
    turn: int = argument(0, versioned=True)

    def __post_init__(self):
        require(self.size >= 1, "order.size", self.size, "must be at least 1")
        require_until(self.until, least=1)
        require(self.turn >= 0, "order.turn", self.turn, "must not be negative")

    def rows(
        self,
        key: Key[Array, ""],
        epoch: Count | int,
        subset_size: Count | int,
        labels: Int[Array, " train"],
    ) -> Int[Array, " train"]:
        # The subset begins `size` rows later once the cohort is out: its rows move to the others'.
        row = jnp.arange(len(labels))
        kept = row < subset_size - self.size
        first = self._first(subset_size, jnp.where(epoch < self.until, 0, 1))
        block = (row >= first) & (row < first + self.size)
        return shuffled(jax.random.fold_in(key, epoch), kept | block)

    def check(self, subset_size: int, train_size: int) -> None:
        most = min(subset_size, train_size - subset_size - 1)
        require(
            self.size <= most,
            "order.size",
            self.size,
            f"of {train_size} images {subset_size} are the subset: as many as the cohort have to be left to "
            f"take its place, and one never seen; at most {most}",
        )
        fit = (train_size - subset_size) // self.size  # blocks beyond the subset
        require(
            self.turn % 3 == 0 or fit >= 2,
            "order.turn",
            self.turn,
            f"needs two blocks of {self.size} images beyond the subset; there are {train_size - subset_size}",
        )

    def _first(self, subset_size: Any, role: Count | int) -> Any:
        """The first row of a role's block: of the cohort (0), of those that follow it (1), never seen (2)."""
        return subset_size + self.size * ((self.turn + role) % 3 - 1)

    def groups(self, subset_size: int, train_size: int) -> dict[str, tuple[int, int]]:
        """`kept`, visited all along; `cohort`; `others`, which take its place; `never_seen`."""
        cohort, others, never = (self._first(subset_size, role) for role in range(3))
        return {
            "kept": (0, subset_size - self.size),
            "cohort": (cohort, cohort + self.size),
            "others": (others, others + self.size),
            "never_seen": (never, never + self.size if self.turn % 3 else train_size),
        }
