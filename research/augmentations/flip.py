"""Random horizontal flips."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.augmentations._augmentation import Augmentation


@dataclass(frozen=True)
class Flip(Augmentation):
    """Mirror left and right, every second time."""

    def sources(
        self,
        key: Key[Array, ""],
        rows: Int[Array, "batch height"],
        columns: Int[Array, "batch width"],
        shape: tuple[int, int],
    ) -> tuple[Int[Array, "batch height"], Int[Array, "batch width"]]:
        flip = jax.random.bernoulli(key, shape=(len(rows),))
        return rows, jnp.where(flip[:, None], shape[1] - 1 - columns, columns)
