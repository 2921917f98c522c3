"""A folder of images, one for each class: `train/cat/1.jpg`, `test/dog/2.png`, or `cat/1.jpg` alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from research.data._arrays import Arrays
from research.data._config import DataConfig
from research.data._encoded import decoded
from research.data.sources import PathSource, path_of
from research.errors import require

ENDINGS = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".jfif")
)
TRAIN, TEST, VALIDATION = ("train", "training"), ("test", "testing"), ("val", "valid", "validation")


class ImageFolder(PathSource):
    """Images by class; the names of the class folders, in order, are the class numbers."""

    form = "a folder of images by class"

    def holds(self, path: Path) -> bool:
        return path.is_dir() and any(_holds_images(folder) for folder in _folders(path))

    def read(self, config: DataConfig) -> Arrays:
        root = path_of(config.name)
        splits = {folder.name.lower(): folder for folder in _folders(root)}
        train, test, validation = (
            next((splits[name] for name in names if name in splits), None)
            for names in (TRAIN, TEST, VALIDATION)
        )
        notes = ()
        if train is not None and test is not None and validation is not None:
            notes = (f"{config.name}: the validation images are left out",)
        elif train is not None and test is None and validation is not None:
            test, notes = validation, (f"{config.name}: the validation images are the test images",)
        if train is None:
            train, test, notes = root, None, ()
        found = {"train": _listed(config.name, train)}
        if test is not None:
            found["test"] = _listed(config.name, test)
        return decoded(root.name, config, found, notes)


def _folders(path: Path) -> Sequence[Path]:
    """The folders in it that a person made."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and entry.name[0] not in "._")


def _holds_images(path: Path) -> bool:
    return any(
        _is_image(file) or (file.is_dir() and any(map(_is_image, file.iterdir()))) for file in path.iterdir()
    )


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.name[0] != "."


def _listed(where: str, split: Path) -> tuple[list[tuple[str, Path]], np.ndarray]:
    """The images of a split, each with what it is called in messages, and the names of their classes."""
    files, classes = [], []
    for folder in _folders(split):
        images = sorted(file for file in folder.rglob("*") if _is_image(file))
        files += images
        classes += [folder.name] * len(images)
    require(bool(files), "data.name", where, f"{split.name} must hold a folder of images for each class")
    return [(str(file), file) for file in files], np.array(classes)
