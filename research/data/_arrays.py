"""What every source of images hands over, and how arrays that people have are brought to that form."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from research.data._subsets import nested_order
from research.errors import InvalidInput, require

TEST_PART = 5  # of a set that has no test images, one in this number is held out
MOST_CLASSES = 10_000  # more are no classes, but measurements or row numbers
MOST_CHANNELS = 4  # grey, grey with opacity, colour, colour with opacity


@dataclass(frozen=True)
class Arrays:
    """A data set as its source has it, before subsets and resizing.

    Attributes:
        title: what a figure's caption calls the data.
        fingerprint: differs whenever the arrays differ.
        notes: what was done to them that the user may not expect, a line each.
    """

    title: str
    fingerprint: str
    train_images: UInt8[np.ndarray, "train height width channel"]
    train_labels: Int[np.ndarray, " train"]
    test_images: UInt8[np.ndarray, "test height width channel"]
    test_labels: Int[np.ndarray, " test"]
    notes: tuple[str, ...] = ()


def from_arrays(
    title: str,
    where: str,
    train: tuple[Any, Any],
    test: tuple[Any, Any] | None,
    *,
    fingerprint: str | None = None,
    notes: Sequence[str] = (),
) -> Arrays:
    """Bring images and labels in the forms that people keep them in to the one used here.

    Images may be (N, H, W) or (N, H, W, C), or channels first where that is beyond doubt; 8-bit, or other
    numbers in 0 .. 255 or 0 .. 1. Labels may be (N,), (N, 1) or one-hot; numbers or names.

    Args:
        title: what a figure's caption calls the data.
        where: the file or folder, for messages.
        train: images and labels.
        test: images and labels; None: a fifth of each class is held out, always the same.
        fingerprint: of the data; None: a hash of the arrays.
        notes: what was done to them before.

    Raises:
        InvalidInput: they are not such images or labels, or do not fit each other.
    """
    splits = {"train": train} if test is None else {"train": train, "test": test}
    found = _Found(where, list(notes))
    images = found.images({split: np.asarray(pair[0]) for split, pair in splits.items()})
    labels = found.labels({split: pair[1] for split, pair in splits.items()})
    for split in splits:
        require(
            len(labels[split]) == len(images[split]),
            f"{where}: {split}_labels",
            f"{len(labels[split])} labels",
            f"must be one for each of the {len(images[split])} images",
        )
    if test is None:
        order = nested_order(labels["train"], 0)
        held_out, kept = np.split(order, [max(1, len(order) // TEST_PART)])
        images = {"train": images["train"][np.sort(kept)], "test": images["train"][np.sort(held_out)]}
        labels = {"train": labels["train"][np.sort(kept)], "test": labels["train"][np.sort(held_out)]}
        found.notes.append(f"{where} has no test images: {len(held_out)} of its {len(order)} are held out")
    parts = (images["train"], labels["train"], images["test"], labels["test"])
    return Arrays(title, fingerprint or digest(*parts), *parts, notes=tuple(found.notes))


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays, their shapes and types."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape} {array.dtype}".encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()


@dataclass
class _Found:
    """The arrays of one place, and what has been done to them."""

    where: str
    notes: list[str] = field(default_factory=list)

    def images(self, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        images = {split: self._in_order(split, array) for split, array in found.items()}
        shapes = {split: array.shape[1:] for split, array in images.items()}
        require(
            len(set(shapes.values())) == 1,
            f"{self.where}: test_images",
            shapes.get("test"),
            f"must have the shape of train_images after the first axis, {shapes['train']}",
        )
        ranges = {split: self._range(split, array) for split, array in images.items()}
        of_one = [split for split, (_, high) in ranges.items() if 0 < high <= 1]
        beyond = [split for split, (_, high) in ranges.items() if high > 1]
        if of_one and beyond:
            small, large = (
                f"{images[split].dtype} from {ranges[split][0]:g} to {ranges[split][1]:g}"
                for split in (of_one[0], beyond[0])
            )
            raise InvalidInput(
                f"{self.where}: {of_one[0]}_images",
                small,
                f"must be on the scale of {beyond[0]}_images, {large}: all in 0 .. 255, or all in 0 .. 1",
            )
        if of_one:
            self.notes.append(f"{self.where}: images in 0 .. 1 are taken times 255")
            images = {split: array * 255.0 for split, array in images.items()}
        return {split: _as_bytes(array) for split, array in images.items()}

    def _range(self, split: str, images: np.ndarray) -> tuple[float, float]:
        """The least and the greatest value of a split, which are of pixels."""
        name = f"{self.where}: {split}_images"
        low, high = float(images.min()), float(images.max())  # NaN if one of them is
        strange = "NaN" if np.isnan(low) else "infinity" if np.isinf([low, high]).any() else None
        require(strange is None, name, f"{images.dtype} with {strange}", "must be finite")
        said = f"{images.dtype} from {low:g} to {high:g}"
        require(
            low >= 0,
            name,
            said,
            "must be in 0 .. 255, or in 0 .. 1; undo what normalised them, their mean is taken out here",
        )
        require(
            high <= 255,
            name,
            said,
            "must be in 0 .. 255, or in 0 .. 1; divide them by what makes white 255 (257 for 16 bits)",
        )
        require(
            high <= 1 or high >= 2 or images.dtype.kind != "f",  # as 0 .. 255 they would all be black
            name,
            said,
            "must be in 0 .. 255, or in 0 .. 1; clip what lies just above 1",
        )
        return low, high

    def _in_order(self, split: str, images: np.ndarray) -> np.ndarray:
        """The images as (N, height, width, channels)."""
        name = f"{self.where}: {split}_images"
        if images.dtype == object:
            try:
                images = np.stack([np.asarray(image) for image in images.ravel().tolist()])
            except ValueError as error:
                raise InvalidInput(name, "object", "must be images of one size") from error
        said = f"{images.dtype} {images.shape}"
        require(
            images.ndim in (3, 4) and images.size > 0 and images.dtype.kind in "buif",
            name,
            said,
            "must be numbers in 0 .. 255 or in 0 .. 1, of shape (N, height, width) or "
            "(N, height, width, channels), none of them 0",
        )
        if images.ndim == 3:
            return images[..., None]
        a, b, c = images.shape[1:]
        first, last = a <= MOST_CHANNELS, c <= MOST_CHANNELS
        if first and not last:
            if not self.notes or "channels first" not in self.notes[-1]:
                self.notes.append(f"{self.where}: images {images.shape} are taken as channels first")
            return np.moveaxis(images, 1, -1)
        require(
            (last and not first) or a == b or (not first and b != c),
            name,
            said,
            "may have its channels first or last: must be (N, height, width, channels)",
        )
        return images

    def labels(self, found: Mapping[str, Any]) -> dict[str, np.ndarray]:
        labels = {split: self._one_each(split, array) for split, array in found.items()}
        classes = np.unique(labels["train"])
        name = f"{self.where}: train_labels"
        require(len(classes) >= 2, name, classes.tolist(), "must name at least two classes")
        require(
            len(classes) <= MOST_CLASSES, name, f"{len(classes)} classes", f"must be at most {MOST_CLASSES:,}"
        )
        for split, array in labels.items():
            same = array.dtype.kind == classes.dtype.kind
            strange = np.setdiff1d(array, classes).tolist() if same else array[:1].tolist()
            require(
                not strange,
                f"{self.where}: {split}_labels",
                strange[0] if strange else None,
                "must be among the classes of train_labels",
            )
        if classes.dtype.kind in "iu" and classes[-1] != len(classes) - 1:
            self.notes.append(
                f"{self.where}: the {len(classes)} labels {classes[0]} .. {classes[-1]} are taken as classes "
                f"0 .. {len(classes) - 1}"
            )
        return {split: np.searchsorted(classes, array).astype(np.int32) for split, array in labels.items()}

    def _one_each(self, split: str, given: Any) -> np.ndarray:
        """The labels as (N,), whole numbers from 0 up or text."""
        name = f"{self.where}: {split}_labels"
        labels: Any = np.asarray(given)
        if labels.dtype == object:
            labels = np.array([item.decode() if isinstance(item, bytes) else item for item in labels.ravel()])
        said = f"{labels.dtype} {labels.shape}"
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        elif labels.ndim == 2 and labels.dtype.kind in "buif":
            hot = ((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all()
            require(bool(hot), name, said, "must be one for each image; rows of several are not one-hot")
            labels = labels.argmax(1)
        require(
            labels.ndim == 1 and labels.dtype.kind in "buifUS", name, said, "must be integers of shape (N,)"
        )
        if labels.dtype.kind == "S":
            labels = np.char.decode(labels, "utf-8", "replace")
        if labels.dtype.kind == "U" and np.char.isdecimal(labels).all():
            labels = labels.astype(np.int64)  # so that "10" comes after "9"
        if labels.dtype.kind == "f":
            require(bool((labels == np.round(labels)).all()), name, said, "must be whole numbers, or names")
            labels = labels.astype(np.int64)
        if labels.dtype.kind in "bui":
            labels = labels.astype(np.int64)
            low = int(labels.min(initial=0))
            require(low >= 0, name, low, "must be class numbers from 0 up")
        return labels


def _as_bytes(images: np.ndarray) -> UInt8[np.ndarray, "rows height width channel"]:
    if images.dtype != np.uint8:
        images = np.round(images).astype(np.uint8) if images.dtype.kind == "f" else images.astype(np.uint8)
    return np.ascontiguousarray(images)
