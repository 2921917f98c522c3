"""scikit-learn's 1,797 handwritten digits, 8 x 8: real images that need no download."""

import numpy as np

from research.data._arrays import Arrays
from research.data._config import DataConfig
from research.data.sources import Source
from research.errors import InvalidInput

TEST = 360  # a fifth of the 1,797


class Digits(Source):
    """All digits, split once and for all into 1,437 to train on and 360 to test on."""

    form = "digits"

    def read(self, config: DataConfig) -> Arrays:
        try:
            from sklearn.datasets import load_digits
        except ImportError as error:
            raise InvalidInput(
                "data.name", "digits", "needs scikit-learn: pip install scikit-learn"
            ) from error
        bunch = load_digits()
        images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]  # type: ignore[attr-defined]
        labels = bunch.target.astype(np.int32)  # type: ignore[attr-defined]
        order = np.random.default_rng(0).permutation(len(labels))
        test, train = order[:TEST], order[TEST:]
        return Arrays("scikit-learn digits", "v1", images[train], labels[train], images[test], labels[test])
