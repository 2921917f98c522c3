"""Encoded images (PNG, JPEG ...) and images of several sizes, as one array."""

import hashlib
import io
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from research.data._resize import resize
from research.errors import InvalidInput, require
from research.machine import usable_cores

STRETCHED = "{}: images that are not square are resized to squares, their proportions are lost"
GREY = ("1", "L", "LA")  # Pillow's modes of pictures without colour


@dataclass(frozen=True)
class Stack:
    """Images of one split.

    Attributes:
        images: (N, height, width, 1 or 3) uint8.
        fingerprint: SHA-256 of the images as they were before they were resized.
        notes: what was done to them, a line each.
    """

    images: np.ndarray
    fingerprint: str
    notes: tuple[str, ...]


def stack(images: Iterable[np.ndarray], size: int | None, where: str) -> Stack:
    """Images (height, width, channels), of one size or resized to `size`, as one array.

    Raises:
        InvalidInput: they are of several sizes, and `size` is None; or there are none.
    """
    total, kept, shapes = hashlib.sha256(), [], set()
    for image in images:
        total.update(f"{image.shape} {image.dtype}".encode())
        total.update(np.ascontiguousarray(image).data)
        shapes.add(image.shape[:2])
        require(
            size is not None or len(shapes) == 1,
            "data.image_size",
            size,
            f"{where} has images of several sizes: must be a number of pixels (--base.data.image-size 32)",
        )
        kept.append(image if size is None or image.dtype != np.uint8 else resize(image[None], size)[0])
    require(bool(kept), "data.name", where, "has no images of that split")
    channels = {image.shape[2] for image in kept}
    if len(channels) > 1:  # grey ones among coloured
        most = max(channels)
        kept = [np.repeat(image, most, axis=2) if image.shape[2] == 1 else image for image in kept]
    stretched = size is not None and any(height != width for height, width in shapes)
    return Stack(np.stack(kept), total.hexdigest(), (STRETCHED.format(where),) if stretched else ())


def decode(where: str, encoded: bytes | Path) -> np.ndarray:
    """The pixels (height, width, 1 or 3) of an encoded image, upright.

    Raises:
        InvalidInput: it is damaged, of a format that Pillow does not know, or of more than 8 bits.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded) as opened:
                picture = ImageOps.exif_transpose(opened)
                deep = picture.mode.startswith(("I", "F"))
                require(not deep, "data.name", where, "must be an image of 8 bits")
                return np.atleast_3d(np.asarray(picture.convert("L" if picture.mode in GREY else "RGB")))
    except InvalidInput:
        raise
    except Exception as error:  # Pillow's plug-ins raise whatever a damaged file leads them to
        reason = str(error).split(" <_io")[0]
        raise InvalidInput("data.name", where, f"cannot be read as an image ({reason})") from error


def in_threads(function: Callable[[Any], np.ndarray], items: Iterable[Any]) -> Iterable[np.ndarray]:
    """`map`, several at once; Pillow decodes without holding the interpreter's lock."""
    threads, waiting = usable_cores(), iter(items)
    with ThreadPoolExecutor(threads) as pool:
        # In pieces, so that no more encoded images are in memory than are being decoded.
        while piece := list(islice(waiting, 64 * threads)):
            yield from pool.map(function, piece)
