"""From a source's arrays to the data set that runs are trained on."""

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, UInt8

from research.data._arrays import Arrays
from research.data._config import DataConfig, Synthetic
from research.data._images import STRETCHED
from research.data._resize import resize
from research.data._subsets import nested_order
from research.data.sources import source_of
from research.errors import require


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
    return select(config, read(config))


def read(config: DataConfig) -> Arrays:
    """All images of the set, at the size that `config` asks for. `load` is this and `select`.

    Raises:
        InvalidInput: see `load`.
    """
    arrays = source_of(config.name).read(config)
    require(
        config.fingerprint in ("", arrays.fingerprint),
        "data.fingerprint",
        config.fingerprint,
        f"{config.name} holds other data, with fingerprint {arrays.fingerprint}",
    )
    if config.image_size is None:
        return arrays
    height, width = arrays.train_images.shape[1:3]
    return replace(
        arrays,
        train_images=resize(arrays.train_images, config.image_size),
        test_images=resize(arrays.test_images, config.image_size),
        notes=(*arrays.notes, STRETCHED.format(config.name)) if height != width else arrays.notes,
    )


def select(config: DataConfig, arrays: Arrays) -> Dataset:
    """The images that `config` keeps of a set, in nested order.

    Raises:
        InvalidInput: it has fewer.
    """
    train = _keep(arrays.train_labels, config.train_size, "data.train_size", config.subset_seed)
    test = _keep(arrays.test_labels, config.test_size, "data.test_size", config.subset_seed)
    train_images = arrays.train_images[train]
    pixels = train_images.reshape(-1, train_images.shape[-1])
    return Dataset(
        config=replace(
            config,
            name=source_of(config.name).canonical(config.name),
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


def fingerprint(config: DataConfig) -> str:
    """What tells a loaded set from any other, however many of its images are kept: 16 hex digits."""
    made = vars(config.synthetic) if config.name == "synthetic" else None
    return hashlib.sha256(json.dumps([config.fingerprint, made], sort_keys=True).encode()).hexdigest()[:16]


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
