"""Random crops of an image padded by reflection."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from research.augmentations._augmentation import Augmentation
from research.errors import require


@dataclass(frozen=True)
class Crop(Augmentation):
    """Reflect-pad, then crop at random to the old size.

    Attributes:
        padding: pixels reflected at each border; the border itself is not repeated.
    """

    padding: int = 4

    def __post_init__(self):
        require(self.padding >= 0, "augmentation.padding", self.padding, "must not be negative")

    def sources(
        self,
        key: Key[Array, ""],
        rows: Int[Array, "batch height"],
        columns: Int[Array, "batch width"],
        shape: tuple[int, int],
    ) -> tuple[Int[Array, "batch height"], Int[Array, "batch width"]]:
        corner = jax.random.randint(key, (len(rows), 2), -self.padding, self.padding + 1)
        return _reflect(corner[:, :1] + rows, shape[0]), _reflect(corner[:, 1:] + columns, shape[1])

    def check(self, image_shape: tuple[int, int, int]) -> None:
        side = min(image_shape[:2])
        require(
            self.padding < side,
            "augmentation.padding",
            self.padding,
            f"must be below the images' side, {side} pixels",
        )


def _reflect(index: Int[Array, "batch side"], side: int) -> Int[Array, "batch side"]:
    """Indices beyond the border, mirrored at it."""
    index = jnp.abs(index)
    return jnp.where(index >= side, 2 * (side - 1) - index, index)
