"""What every source of images hands over."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8


@dataclass(frozen=True)
class Arrays:
    """A data set as its source has it, before subsets and resizing.

    Attributes:
        title: what a figure's caption calls the data.
        fingerprint: differs whenever the arrays differ.
    """

    title: str
    fingerprint: str
    train_images: UInt8[np.ndarray, "train height width channel"]
    train_labels: Int[np.ndarray, " train"]
    test_images: UInt8[np.ndarray, "test height width channel"]
    test_labels: Int[np.ndarray, " test"]
