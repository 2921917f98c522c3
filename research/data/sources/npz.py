"""Images in a NumPy `.npz` file: this project's keys, MedMNIST's, Keras', and what is like them."""

import pickle
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from research.data._arrays import Arrays, from_arrays
from research.data._config import DataConfig
from research.data._pickles import load_arrays
from research.data.sources import PathSource, path_of
from research.errors import InvalidInput, require

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "val"
)
KINDS = dict.fromkeys(("images", "image", "imgs", "x", "data"), "images") | dict.fromkeys(
    ("labels", "label", "y", "targets", "target"), "labels"
)
WANTED = (
    "must hold train_images, train_labels, test_images and test_labels (or x_train, y_train, x_test, y_test; "
    "or images and labels, of which a fifth is held out)"
)
UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error)


class NpzFile(PathSource):
    """An `.npz` file with an array for the images and one for the labels of each split."""

    form = "an .npz file"

    def holds(self, path: Path) -> bool:
        return path.is_file() and path.suffix.lower() in (".npz", ".npy")

    def read(self, config: DataConfig) -> Arrays:
        path = path_of(config.name)
        try:
            with path.open("rb") as opened:
                require(
                    opened.read(6) != b"\x93NUMPY",
                    "data.name",
                    config.name,
                    f"holds one array, saved by np.save; it {WANTED}: save them by np.savez",
                )
                with zipfile.ZipFile(opened) as archive:
                    return _arrays(path.stem, config.name, archive)
        except InvalidInput:
            raise
        except pickle.UnpicklingError as error:
            raise InvalidInput(
                "data.name",
                config.name,
                f"holds Python objects that are not read ({error}); save plain arrays",
            ) from error
        except UNREADABLE as error:
            raise InvalidInput(
                "data.name", config.name, f"cannot be read as an .npz file ({_reason(error)})"
            ) from error


def _arrays(title: str, where: str, archive: zipfile.ZipFile) -> Arrays:
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    roles: dict[tuple[str, str], str] = {}
    for name in names:
        if (role := _role(name)) is not None:
            require(
                role not in roles,
                "data.name",
                where,
                f"both {roles.get(role)} and {name} are {' '.join(role)}",
            )
            roles[role] = name

    def pair(split: str) -> tuple[np.ndarray, np.ndarray]:
        for kind in ("images", "labels"):
            require((split, kind) in roles, "data.name", where, f"holds {_listed(names)}: {WANTED}")
        images, labels = (_member(archive, roles[split, kind]) for kind in ("images", "labels"))
        return images, labels

    splits = {split for split, _ in roles}
    train = "train" if "train" in splits else ""
    test = next((split for split in ("test", "val") if split in splits), None)
    notes = ()
    if {"test", "val"} <= splits:
        notes = (f"{where}: the validation images are left out",)
    elif test == "val":
        notes = (f"{where}: the validation images are the test images",)
    return from_arrays(title, where, pair(train), None if test is None else pair(test), notes=notes)


def _role(name: str) -> tuple[str, str] | None:
    """Split and kind of an array called train_images, x_train, TestX, labels ...; None: it is another."""
    words = [word.lower() for word in re.findall(r"[A-Z]*[a-z]+|[A-Z]+", name)]
    splits = [SPLITS[word] for word in words if word in SPLITS]
    kinds = [KINDS[word] for word in words if word in KINDS]
    known = len(splits) <= 1 and len(kinds) == 1 and len(words) == len(splits) + 1
    return (splits[0] if splits else "", kinds[0]) if known else None


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    member = name if name in archive.namelist() else f"{name}.npy"
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, kind = header(file)
        if kind.hasobject:
            return _objects(file.read()).reshape(shape, order="F" if fortran else "C")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _objects(content: bytes) -> np.ndarray:
    """An array of Python objects, such as text labels from a data frame."""
    found: Any = load_arrays(content)
    if not isinstance(found, np.ndarray):
        raise pickle.UnpicklingError(f"a {type(found).__name__}")
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
    return f"the arrays {shown}" if names else "no arrays"


def _reason(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).strip() or "it is cut off"
