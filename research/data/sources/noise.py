"""White noise with labels that have nothing to do with it: all that a model can do is to remember.

Pixels are independent and Gaussian, of 8 bits; labels are drawn independently of them. A linear model's
memory of such images is known in closed form (`docs/measures.md`).
"""

import numpy as np

from research.data._arrays import Arrays
from research.data._config import DataConfig
from research.data.sources import Source

VERSION = "noise-v1"  # raise it with any change to the images: it is part of every run's identity
MEAN, DEVIATION = 128, 30  # of the 8-bit pixels: four deviations are within their range
CLASSES, CHANNELS = 2, 1


class NoiseImages(Source):
    """Noise, as much as is asked for."""

    form = "noise"
    made_to_size = True

    def read(self, config: DataConfig) -> Arrays:
        side = config.image_size or 8
        splits = []
        for split, size in enumerate((config.train_size or 4096, config.test_size or 1024)):
            rng = np.random.default_rng([0, split])
            labels = rng.integers(CLASSES, size=size).astype(np.int32)
            pixels = MEAN + DEVIATION * rng.standard_normal((size, side, side, CHANNELS))
            splits += [np.clip(np.round(pixels), 0, 255).astype(np.uint8), labels]
        return Arrays("white noise", VERSION, *splits)
