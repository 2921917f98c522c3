"""Synthetic images: the embedded data set, of any size, made from a seed.

Each class has a few prototypes, smooth random fields. An image is one of its class's prototypes, cyclically
shifted and perhaps mirrored, plus a smooth nuisance field and white noise of its own. Shift and mirror are
the symmetries that crops and flips imitate; nuisance and noise are what a network can only memorise.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from research.data._arrays import Arrays
from research.errors import require

VERSION = "v1"  # raise it with any change to the images: it is part of every run's identity
CHUNK = 1024  # images drawn from one generator: a larger set begins with the smaller one
GREY, CONTRAST = 128, 40  # mean and, per unit of field, spread of the 8-bit pixels
CHANNELS = 3
FREQUENCY = 2.5  # cycles per image at which the fields' spectrum has fallen to exp(-1/2)


@dataclass(frozen=True)
class Synthetic:
    """How hard the synthetic classes are to tell apart. Amplitudes are relative to the prototypes'.

    Attributes:
        classes: number of classes.
        prototypes: patterns per class.
        nuisance: amplitude of the smooth field that each image adds.
        noise: amplitude of the white noise that each image adds.
        seed: everything is drawn from it.
    """

    classes: int = 10
    prototypes: int = 2
    nuisance: float = 0.7
    noise: float = 0.3
    seed: int = 0

    def __post_init__(self):
        require(self.classes >= 2, "data.synthetic.classes", self.classes, "must be at least 2")
        require(self.prototypes >= 1, "data.synthetic.prototypes", self.prototypes, "must be at least 1")
        for name in ("nuisance", "noise"):
            value = getattr(self, name)
            require(0 <= value < 100, f"data.synthetic.{name}", value, "must be in 0 .. 100")
        require(self.seed >= 0, "data.synthetic.seed", self.seed, "must not be negative")


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
