"""Images of another size, each pixel the mean of the area that it covers."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def resize(
    images: UInt8[np.ndarray, "rows height width channel"], size: int
) -> UInt8[np.ndarray, "rows size size channel"]:
    """Images as squares of side `size`: smaller ones by averaging areas, larger ones by repeating pixels."""
    rows, height, width, channels = images.shape
    if height == width == size:
        return images
    if height == width and height % size == 0:
        # Pillow's mean of a whole block rounds halves up; NumPy's, to even, is what published records have.
        k = height // size
        blocks = images.reshape(rows, size, k, size, k, channels)
        return np.round(blocks.mean((2, 4), dtype=np.float32)).astype(np.uint8)
    resized = np.empty((rows, size, size, channels), np.uint8)
    for row in range(rows):
        for channel in range(channels):  # alone: of four, Pillow would take the last for opacity
            plane = Image.fromarray(np.ascontiguousarray(images[row, :, :, channel]))
            resized[row, :, :, channel] = np.asarray(plane.resize((size, size), Image.Resampling.BOX))
    return resized
