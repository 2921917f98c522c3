"""Data sets as plain arrays on the host, in one nested, class-balanced order.

`load(DataConfig)` gives a `Dataset`. Where the images come from is decided by the name: `synthetic`,
`digits`, `cifar10`, `cifar100`, `mnist`, or the path of an `.npz` file.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from research.data import _digits, _npz, _synthetic, _tfds
from research.data._arrays import Arrays
from research.data._subsets import nested_order
from research.data._synthetic import Synthetic
from research.errors import require

__all__ = ["Arrays", "DataConfig", "Dataset", "Synthetic", "load", "nested_order"]

NAMES = ("synthetic", "digits", *_tfds.TITLES)

MOST = 10_000_000  # synthetic images of a split: more would be a slip of the finger


@dataclass(frozen=True)
class DataConfig:
    """Which images. With `fingerprint` filled in (by `load`), it says exactly which.

    Attributes:
        name: synthetic, digits, cifar10, cifar100, mnist, or the path of an .npz with train_images
            (N, H, W, C) uint8, train_labels (N,) integers, test_images and test_labels.
        train_size: keep so many training images, a class-balanced choice; None: all (synthetic: 4096).
        test_size: keep so many test images, likewise; None: all (synthetic: 1024).
        image_size: side in pixels; real images are averaged down to it. None: as they are (synthetic: 32).
        subset_seed: decides which images the nested subsets hold.
        synthetic: difficulty of the synthetic images; no other data set looks at it.
        fingerprint: SHA-256 of an .npz file's arrays or the version of a TFDS set. Empty accepts any;
            `load` fills it in, and refuses data that does not match one that is given.
    """

    name: str = "synthetic"
    train_size: int | None = None
    test_size: int | None = None
    image_size: int | None = None
    subset_seed: int = 0
    synthetic: Synthetic = field(default_factory=Synthetic)
    fingerprint: str = ""

    def __post_init__(self):
        require(
            self.name in NAMES or self.name.endswith(".npz"),
            "data.name",
            self.name,
            f"must be one of {', '.join(NAMES)}, or the path of an .npz file",
        )
        for name in ("train_size", "test_size", "image_size"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"data.{name}", value, "must be at least 1, or None")
        require(self.subset_seed >= 0, "data.subset_seed", self.subset_seed, "must not be negative")


@dataclass(frozen=True)
class Dataset:
    """Images and labels on the host; the first n training rows are the subset of size n.

    Attributes:
        config: the config that names exactly these arrays, wherever the file lies.
        title: what a figure's caption calls the data.
        classes: number of classes.
        mean: per channel over the training images, in units of 0..255.
        std: per channel over the training images, in units of 0..255.
    """

    config: DataConfig
    title: str
    classes: int
    train_images: UInt8[np.ndarray, "train height width channel"]
    train_labels: Int[np.ndarray, " train"]
    test_images: UInt8[np.ndarray, "test height width channel"]
    test_labels: Int[np.ndarray, " test"]
    mean: Float[np.ndarray, " channel"]
    std: Float[np.ndarray, " channel"]

    @property
    def train_size(self) -> int:
        return len(self.train_labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels


def load(config: DataConfig) -> Dataset:
    """Read, make or fetch the data set that `config` names.

    Raises:
        InvalidInput: an unknown or unreadable data set, one that cannot be fetched here, sizes that it
            does not have, or a fingerprint that it does not match.
    """
    arrays = _source(config)
    require(
        config.fingerprint in ("", arrays.fingerprint),
        "data.fingerprint",
        config.fingerprint,
        f"{config.name} holds other data, with fingerprint {arrays.fingerprint}",
    )
    if config.name != "synthetic" and config.image_size is not None:
        arrays = replace(
            arrays,
            train_images=_average_down(arrays.train_images, config.image_size),
            test_images=_average_down(arrays.test_images, config.image_size),
        )
    train = _keep(arrays.train_labels, config.train_size, "data.train_size", config.subset_seed)
    test = _keep(arrays.test_labels, config.test_size, "data.test_size", config.subset_seed)
    train_images = arrays.train_images[train]
    pixels = train_images.reshape(-1, train_images.shape[-1])
    return Dataset(
        config=replace(
            config,
            name=Path(config.name).name,
            fingerprint=arrays.fingerprint,
            synthetic=config.synthetic if config.name == "synthetic" else Synthetic(),
        ),
        title=arrays.title,
        classes=int(max(arrays.train_labels.max(), arrays.test_labels.max())) + 1,
        train_images=train_images,
        train_labels=arrays.train_labels[train],
        test_images=arrays.test_images[test],
        test_labels=arrays.test_labels[test],
        mean=pixels.mean(0, dtype=np.float64).astype(np.float32),
        # A constant channel (a border of zeros, say) must not divide by zero.
        std=np.maximum(pixels.std(0, dtype=np.float64), 1.0).astype(np.float32),
    )


def _source(config: DataConfig) -> Arrays:
    if config.name == "synthetic":
        for name, size in (("train_size", config.train_size), ("test_size", config.test_size)):
            require(size is None or size <= MOST, f"data.{name}", size, f"synthetic images go up to {MOST:,}")
        return _synthetic.make(
            config.synthetic,
            train_size=config.train_size or 4096,
            test_size=config.test_size or 1024,
            image_size=config.image_size or 32,
        )
    if config.name == "digits":
        return _digits.read()
    if config.name in _tfds.TITLES:
        return _tfds.read(config.name)
    return _npz.read(Path(config.name))


def _keep(
    labels: Int[np.ndarray, " rows"], size: int | None, name: str, seed: int
) -> Int[np.ndarray, " kept"]:
    require(
        size is None or size <= len(labels),
        name,
        size,
        f"the data set has {len(labels)} images",
    )
    return nested_order(labels, seed)[:size]


def _average_down(
    images: UInt8[np.ndarray, "rows height width channel"], size: int
) -> UInt8[np.ndarray, "rows size size channel"]:
    rows, height, width, channels = images.shape
    require(
        height == width and height % size == 0,
        "data.image_size",
        size,
        f"must divide the images' side; they are {height} x {width}",
    )
    if height == size:
        return images
    k = height // size
    blocks = images.reshape(rows, size, k, size, k, channels)
    return np.round(blocks.mean((2, 4), dtype=np.float32)).astype(np.uint8)
