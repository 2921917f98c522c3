"""Images of another size, each pixel the mean of the area that it covers.

Pillow's and SciPy's filters for this let a pixel on the border of an area count whole or not at all.
"""

import numpy as np
from jaxtyping import Float, UInt8

CHUNK = 1024  # images at a time: their sums are eight times as large


def resize(
    images: UInt8[np.ndarray, "rows height width channel"], size: int
) -> UInt8[np.ndarray, "rows size size channel"]:
    """Images as squares of side `size`: smaller ones by averaging areas, larger ones by repeating pixels.

    Sums are of whole numbers, hence exact and the same on every processor; halves are rounded to even.
    """
    count, height, width, channels = images.shape
    if height == width == size:
        return images
    down, across = _overlaps(height, size), _overlaps(width, size)
    resized = np.empty((count, size, size, channels), np.uint8)
    for start in range(0, count, CHUNK):
        part = images[start : start + CHUNK].transpose(0, 1, 3, 2).astype(np.float64)
        rows = down @ part.reshape(-1, height, channels * width)
        sums = (rows.reshape(-1, width) @ across.T).reshape(-1, size, channels, size)
        resized[start : start + CHUNK] = np.round(sums / (height * width)).transpose(0, 1, 3, 2)
    return resized


def _overlaps(old: int, new: int) -> Float[np.ndarray, "new old"]:
    """How much of each old pixel each new one covers, `old` for the whole of a new one: whole numbers."""
    end = np.minimum(old * np.arange(1, new + 1)[:, None], new * np.arange(1, old + 1))
    start = np.maximum(old * np.arange(new)[:, None], new * np.arange(old))
    return np.maximum(end - start, 0).astype(np.float64)
