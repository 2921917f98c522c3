"""What an augmentation is, and how a sequence of them is applied."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, UInt8

from research.errors import require
from research.family import Family

Pixels = UInt8[Array, "batch height width channel"]


@dataclass(frozen=True)
class Augmentation(Family):
    """A random change of an image that keeps its label.

    What moves pixels says so by `sources`, so that a whole sequence of movements stays one gather; what
    changes their values does so in `changed`, after it.
    """

    def sources(
        self,
        key: Key[Array, ""],
        rows: Int[Array, "batch height"],
        columns: Int[Array, "batch width"],
        shape: tuple[int, int],
    ) -> tuple[Int[Array, "batch height"], Int[Array, "batch width"]]:
        """Where in its input each row and column of its output comes from.

        Args:
            rows, columns: of its output that are wanted.
            shape: height and width of the image, in pixels.
        """
        del key, shape
        return rows, columns

    def changed(self, key: Key[Array, ""], images: Pixels) -> Pixels:
        """The images with other values in their pixels."""
        del key
        return images

    def check(self, image_shape: tuple[int, int, int]) -> None:
        """Raise `InvalidInput` if it cannot be done to images of this height, width and channels."""


def augmented(
    sequence: Sequence[Augmentation],
    key: Key[Array, ""],
    source: UInt8[Array, "train height width channel"],
    indices: Int[Array, " batch"],
) -> Pixels:
    """The images of some rows of a data set, augmented by the sequence in its order."""
    if not sequence:
        return source[indices]
    batch, (height, width) = len(indices), source.shape[1:3]
    shape = height, width
    keys = jax.random.split(key, max(2, len(sequence)))
    rows, columns = (jnp.broadcast_to(jnp.arange(side), (batch, side)) for side in shape)
    # From the output back to the source: the last movement comes first.
    for one, of_one in reversed(list(zip(sequence, keys, strict=False))):
        rows, columns = one.sources(of_one, rows, columns, shape)
    images = source[indices[:, None, None], rows[:, :, None], columns[:, None, :]]
    for one, of_one in zip(sequence, keys, strict=False):
        images = one.changed(of_one, images)
    return images


def require_fitting(sequence: Sequence[Augmentation], image_shape: tuple[int, int, int]) -> None:
    """Raise `InvalidInput` unless all of the sequence can be done to images of this shape."""
    require(len(sequence) <= 8, "augmentation", len(sequence), "must be at most 8 in sequence")
    for one in sequence:
        one.check(image_shape)
