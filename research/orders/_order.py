"""What an order of visits is."""

from abc import abstractmethod
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from research.errors import require
from research.family import Family
from research.scalars import Count


@dataclass(frozen=True)
class Order(Family):
    """Which rows of the training set an epoch visits, and when: a pure function of (seed, epoch, labels)."""

    @abstractmethod
    def rows(
        self,
        key: Key[Array, ""],
        epoch: Count | int,
        subset_size: Count | int,
        labels: Int[Array, " train"],
    ) -> Int[Array, " train"]:
        """The rows of one epoch.

        Args:
            key: of the run's orders; the same for all epochs.
            epoch: counted from 0; may be traced.
            subset_size: the run trains on this many rows, the first; may be traced: one program serves every
                subset.
            labels: of all rows of the training set.

        Returns:
            As many rows as the training set has: the first `subset_size` are visited, in this order; the
            others are not.
        """

    def check(self, subset_size: int, train_size: int) -> None:
        """Raise `InvalidInput` if a subset of this size cannot be visited so."""

    def groups(self, subset_size: int, train_size: int) -> dict[str, tuple[int, int]]:
        """Rows that are visited alike, by name: each from a first row up to, not including, an end.

        `never_seen` are the rows that no step trains on; it is missing where there are none.
        """
        found = {"subset": (0, subset_size)}
        return found | ({"never_seen": (subset_size, train_size)} if subset_size < train_size else {})


def require_until(until: int, least: int = 0) -> None:
    """Raise `InvalidInput` if an order that changes after `until` epochs would do so before `least`."""
    require(until >= least, "order.until", until, f"must be at least {least}")


def shuffled(key: Key[Array, ""], inside: Bool[Array, " train"]) -> Int[Array, " train"]:
    """A permutation of all rows: those inside first, in random order, then the others."""
    train_size = len(inside)
    draws = jax.random.bits(key, (train_size,))
    # Sorting by two keys: what is outside comes last, the rest in the order of its draws.
    return jax.lax.sort(
        ((~inside).astype(jnp.int32), draws, jnp.arange(train_size, dtype=jnp.int32)), num_keys=2
    )[2]
