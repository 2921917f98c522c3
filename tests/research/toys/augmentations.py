"""Upside down, always."""

from dataclasses import dataclass

from research.augmentations import Augmentation


@dataclass(frozen=True)
class Overturned(Augmentation):
    """The first row is the last."""

    def sources(self, key, rows, columns, shape):
        del key
        return shape[0] - 1 - rows, columns
