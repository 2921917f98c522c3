"""The user's own images, in a NumPy `.npz` file."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np

from research.data._arrays import Arrays
from research.errors import InvalidInput, require


def read(path: Path) -> Arrays:
    """Read and check `train_images`, `train_labels`, `test_images` and `test_labels`.

    Raises:
        InvalidInput: a missing or damaged file, a missing array, a wrong shape or type, or labels that do
            not match the images. The line names the file and the array.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise InvalidInput("data.name", str(path), "there is no such file") from error
    except (
        OSError,
        ValueError,
        TypeError,
        EOFError,
        KeyError,
        zipfile.BadZipFile,
    ) as error:  # an .npy is a TypeError
        raise InvalidInput("data.name", str(path), "cannot be read as an .npz file") from error
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        require(name in found, "data.name", str(path), f"must hold an array {name}")
    train = _checked(path, found, "train")
    test = _checked(path, found, "test")
    require(
        train[0].shape[1:] == test[0].shape[1:],
        f"{path}: test_images",
        test[0].shape,
        f"must have the shape of train_images after the first axis, {train[0].shape[1:]}",
    )
    labels = np.unique(train[1])
    require(len(labels) >= 2, f"{path}: train_labels", labels.tolist(), "must name at least two classes")
    require(
        bool(labels[-1] == len(labels) - 1),
        f"{path}: train_labels",
        f"{len(labels)} classes up to {labels[-1]}",
        "must be 0, 1, 2 ... with every class present",
    )
    require(
        bool(test[1].max() <= labels[-1]),
        f"{path}: test_labels",
        int(test[1].max()),
        f"must be at most {labels[-1]}, the last class of train_labels",
    )
    digest = hashlib.sha256()
    for array in (*train, *test):
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return Arrays(path.stem, digest.hexdigest(), *train, *test)


def _checked(path: Path, found: dict[str, np.ndarray], split: str):
    images, labels = found[f"{split}_images"], found[f"{split}_labels"]
    require(
        images.ndim == 4 and images.dtype == np.uint8 and images.size > 0,
        f"{path}: {split}_images",
        f"{images.dtype} {images.shape}",
        "must be uint8 of shape (N, height, width, channels), none of them 0",
    )
    require(
        labels.shape == images.shape[:1] and np.issubdtype(labels.dtype, np.integer),
        f"{path}: {split}_labels",
        f"{labels.dtype} {labels.shape}",
        f"must be integers of shape ({len(images)},)",
    )
    require(
        bool(labels.min() >= 0 and labels.max() < 10_000),
        f"{path}: {split}_labels",
        f"{labels.min()} .. {labels.max()}",
        "must be class numbers from 0 up",
    )
    return images, labels.astype(np.int32)
