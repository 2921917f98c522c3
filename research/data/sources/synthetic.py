"""Synthetic images: the embedded data set, of any size, made from a seed.

Each class has a few prototypes, smooth random fields. An image is one of its class's prototypes, cyclically
shifted and perhaps mirrored, plus a smooth nuisance field and white noise of its own. Shift and mirror are
the symmetries that crops and flips imitate; nuisance and noise are what a network can only memorise.
"""

import numpy as np
from jaxtyping import Float

from research.data._arrays import Arrays
from research.data._config import DataConfig, Synthetic
from research.data.sources import Source
from research.errors import require

VERSION = "v1"  # raise it with any change to the images: it is part of every run's identity
CHUNK = 1024  # images drawn from one generator: a larger set begins with the smaller one
GREY, CONTRAST = 128, 40  # mean and, per unit of field, spread of the 8-bit pixels
CHANNELS = 3
MOST = 10_000_000  # images of a split: more would be a slip of the finger
FREQUENCY = 2.5  # cycles per image at which the fields' spectrum has fallen to exp(-1/2)


class SyntheticImages(Source):
    """The embedded data set."""

    form = "synthetic"
    made_to_size = True

    def read(self, config: DataConfig) -> Arrays:
        for name, size in (("train_size", config.train_size), ("test_size", config.test_size)):
            require(size is None or size <= MOST, f"data.{name}", size, f"synthetic images go up to {MOST:,}")
        return make(
            config.synthetic,
            train_size=config.train_size or 4096,
            test_size=config.test_size or 1024,
            image_size=config.image_size or 32,
        )


def make(config: Synthetic, *, train_size: int, test_size: int, image_size: int) -> Arrays:
    """Draw both splits. A larger split begins with the images of a smaller one."""
    rng = np.random.default_rng([config.seed, 0])
    prototypes = _smooth_fields(rng, config.classes * config.prototypes, image_size)
    prototypes = prototypes.reshape(config.classes, config.prototypes, *prototypes.shape[1:])
    splits = [_split(config, prototypes, split, size) for split, size in ((1, train_size), (2, test_size))]
    (train_images, train_labels), (test_images, test_labels) = splits
    return Arrays("synthetic", VERSION, train_images, train_labels, test_images, test_labels)


def _split(config: Synthetic, prototypes: np.ndarray, split: int, size: int):
    images, labels = [], []
    for chunk, start in enumerate(range(0, size, CHUNK)):
        # Always a whole chunk, cut afterwards, so that no image depends on the size of the set.
        rng = np.random.default_rng([config.seed, split, chunk])
        label = rng.integers(config.classes, size=CHUNK)
        pattern = prototypes[label, rng.integers(config.prototypes, size=CHUNK)]
        image = _shifted(rng, pattern)
        image = image + config.nuisance * _smooth_fields(rng, CHUNK, prototypes.shape[2])
        image = image + config.noise * rng.standard_normal(image.shape)
        keep = min(CHUNK, size - start)
        images.append(np.clip(np.round(GREY + CONTRAST * image[:keep]), 0, 255).astype(np.uint8))
        labels.append(label[:keep].astype(np.int32))
    return np.concatenate(images), np.concatenate(labels)


def _shifted(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    count, side = images.shape[:2]
    pixel = np.arange(side)
    rows = (pixel + rng.integers(side, size=(count, 1))) % side
    columns = (pixel + rng.integers(side, size=(count, 1))) % side
    columns = np.where(rng.integers(2, size=(count, 1)) == 1, columns[:, ::-1], columns)
    return images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _smooth_fields(
    rng: np.random.Generator, count: int, side: int
) -> Float[np.ndarray, "count side side channel"]:
    """Periodic Gaussian random fields of unit variance with a Gaussian spectrum."""
    frequency = np.fft.fftfreq(side, 1 / side)
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    window = np.exp(-squared / (4 * FREQUENCY**2))
    window /= np.sqrt(np.mean(window**2))
    white = rng.standard_normal((count, CHANNELS, side, side))
    fields = np.fft.ifft2(np.fft.fft2(white) * window).real
    return np.ascontiguousarray(fields.transpose(0, 2, 3, 1))
