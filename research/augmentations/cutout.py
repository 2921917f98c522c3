"""Cutout: a square of each image is greyed out."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from research.augmentations._augmentation import Augmentation, Pixels
from research.errors import require

GREY = 128  # near the mean of 8-bit pixels, which is not known here


@dataclass(frozen=True)
class Cutout(Augmentation):
    """A square with its middle anywhere in the image is set to grey; what lies outside is lost.

    Source: DeVries and Taylor 2017 (arXiv 1708.04552).

    Attributes:
        size: the square's side, in pixels.
    """

    size: int = 8

    def __post_init__(self):
        require(self.size >= 1, "augmentation.size", self.size, "must be at least 1")

    def changed(self, key: Key[Array, ""], images: Pixels) -> Pixels:
        batch, height, width = images.shape[:3]
        row_key, column_key = jax.random.split(key)
        inside = []
        for of_side, side in ((row_key, height), (column_key, width)):
            first = jax.random.randint(of_side, (batch, 1), 0, side) - self.size // 2
            position = jnp.arange(side) - first
            inside.append((position >= 0) & (position < self.size))
        square = inside[0][:, :, None, None] & inside[1][:, None, :, None]
        return jnp.where(square, jnp.uint8(GREY), images)

    def check(self, image_shape: tuple[int, int, int]) -> None:
        side = min(image_shape[:2])
        require(
            self.size <= side, "augmentation.size", self.size, f"must be at most the images' side, {side}"
        )
