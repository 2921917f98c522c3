"""A folder of images, one for each class: `train/cat/1.jpg`, `test/dog/2.png`, or `cat/1.jpg` alone."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from research.data._arrays import Arrays
from research.data._config import DataConfig
from research.data._encoded import decoded
from research.data.sources import PathSource, inside, path_of, reading
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
        with reading(config.name):
            found, notes = _found(config.name, path_of(config.name))
        return decoded(path_of(config.name).name, config, found, notes)


Split = tuple[list[tuple[str, Path]], np.ndarray]  # each image with what it is called; its class's name


def _found(where: str, root: Path) -> tuple[dict[str, Split], tuple[str, ...]]:
    """The images of each split, and notes."""
    splits = {folder.name.lower(): folder for folder in _folders(root)}
    train, test, validation = (
        next((splits[name] for name in names if name in splits), None) for names in (TRAIN, TEST, VALIDATION)
    )
    notes = ()
    if train is not None and test is not None and validation is not None:
        notes = (f"{where}: the validation images are left out",)
    elif train is not None and test is None and validation is not None:
        test, notes = validation, (f"{where}: the validation images are the test images",)
    if train is None:
        train, test, notes = root, None, ()
    found = {"train": _listed(where, train)}
    if test is not None:
        found["test"] = _listed(where, test)
    return found, notes


def _folders(path: Path) -> Sequence[Path]:
    """The folders in it that a person made."""
    return sorted(entry for entry in path.iterdir() if _is_visible(entry.name) and entry.is_dir())


def _holds_images(path: Path) -> bool:
    """Whether a folder, or one in it, holds images: it is a class, or a split, or what is refused by name."""
    return any(_is_image(file) or any(map(_is_image, inside(file))) for file in inside(path))


def _is_visible(name: str) -> bool:
    return name[0] not in "._"


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.name[0] != "."


def _listed(where: str, split: Path) -> Split:
    """The images of a split, each with what it is called in messages, and the names of their classes."""
    files, classes = [], []
    places = _places(_folders(split))
    for folder, place in places.items():
        images = sorted(file for file in place.iterdir() if _is_image(file))
        files += images
        classes += [folder.name] * len(images)
    if not files:  # then nothing below is walked: it may be a whole disk
        entries = (entry for folder in _folders(split) for below in inside(folder) for entry in inside(below))
        deeper = next(filter(_is_image, entries), None)
    else:
        deeper = next(filter(None, map(_deeper, places.values())), None)
    require(
        deeper is None,
        "data.name",
        where,
        f"{deeper} lies deeper than a class: each class must be one folder of images, "
        "CLASS/1.png or train/CLASS/1.png in the folder that is given",
    )
    require(bool(files), "data.name", where, f"{split.name} must hold a folder of images for each class")
    return [(str(file), file) for file in files], np.array(classes)


def _places(classes: Sequence[Path]) -> dict[Path, Path]:
    """Where each class's images are: in its folder; or all in folders of one name, as Tiny ImageNet's."""
    inner: dict[Path, Path | None] = {}
    for folder in classes:
        here = [entry for entry in folder.iterdir() if _is_visible(entry.name)]
        folders = [entry for entry in here if entry.is_dir()]
        inner[folder] = folders[0] if len(folders) == 1 and not any(map(_is_image, here)) else None
    alike = len({place.name if place else None for place in inner.values()}) == 1
    return {folder: place if place and alike else folder for folder, place in inner.items()}


def _deeper(folder: Path) -> Path | None:
    """An image in a folder within this one, however deep."""
    _, below, _ = next(os.walk(folder, onerror=_refuse))
    for name in sorted(filter(_is_visible, below)):
        for at, folders, names in os.walk(folder / name, onerror=_refuse):
            folders[:] = sorted(filter(_is_visible, folders))
            images = sorted(name for name in names if _is_image(Path(name)))
            if images:
                return Path(at, images[0])
    return None


def _refuse(error: OSError) -> None:
    raise error
