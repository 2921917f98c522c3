"""Stripes."""

import numpy as np

from research.data._arrays import Arrays
from research.data.sources import Source


class Stripes(Source):
    """Four classes: stripes of four widths, in noise."""

    form = "toy"

    def read(self, config):
        del config
        rng, labels = np.random.default_rng(0), np.arange(384) % 4
        stripes = 255 * (np.arange(8) // (labels[:, None] + 1) % 2)
        images = (stripes[:, None, :, None] * rng.random((384, 8, 8, 3))).astype(np.uint8)
        return Arrays("stripes", "v1", images[:320], labels[:320], images[320:], labels[320:])
