"""MNIST's IDX files, gzipped or not: MNIST, Fashion-MNIST, KMNIST, EMNIST (http://yann.lecun.com/exdb/mnist)."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from research.data._arrays import Arrays, from_arrays
from research.data._config import DataConfig
from research.data.sources import PathSource, path_of
from research.errors import InvalidInput, require

BYTES = 8  # the code of the only type that these sets have
SPLITS = {"train": ("train",), "test": ("t10k", "test")}


class IdxFolder(PathSource):
    """A folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and `t10k-` or `test-` of both."""

    form = "a folder of MNIST's IDX files"

    def holds(self, path: Path) -> bool:
        return path.is_dir() and any("-ubyte" in file.name for file in path.iterdir())

    def read(self, config: DataConfig) -> Arrays:
        path = path_of(config.name)

        def pair(split: str) -> tuple[np.ndarray, np.ndarray]:
            images, labels = (
                _read(_file(config.name, path, split, kind, dimensions), dimensions)
                for kind, dimensions in (("images", 3), ("labels", 1))
            )
            return images, labels

        return from_arrays(path.name, config.name, pair("train"), pair("test"))


def _file(where: str, folder: Path, split: str, kind: str, dimensions: int) -> Path:
    ending = f"idx{dimensions}-ubyte"
    files = sorted(file for file in folder.iterdir() if file.is_file() and ending in file.name)
    fitting = [file for file in files if any(f"{word}-{kind}" in file.name for word in SPLITS[split])]
    # Both may be there: the file that was downloaded, and the same unpacked.
    plain = {file.name.removesuffix(".gz"): file for file in reversed(fitting)}
    name = f"{SPLITS[split][0]}-{kind}-{ending}"
    require(bool(plain), "data.name", where, f"has no {name}, gzipped or not")
    require(len(plain) == 1, "data.name", where, f"must be one set; it has {' and '.join(sorted(plain)[:2])}")
    return next(iter(plain.values()))


def _read(path: Path, dimensions: int) -> np.ndarray:
    """The array in an IDX file: two zeros, type, number of axes, their lengths (big-endian), data."""
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput("data.name", str(path), f"cannot be read ({error})") from error
    start = 4 + 4 * dimensions
    good = content[:4] == bytes((0, 0, BYTES, dimensions)) and len(content) >= start
    require(good, "data.name", str(path), f"must be an IDX file of bytes with {dimensions} axes")
    shape = tuple(int(length) for length in np.frombuffer(content[4:start], ">u4"))
    require(
        len(content) - start == math.prod(shape),
        "data.name",
        str(path),
        f"is cut off: must have {math.prod(shape):,} bytes of data; it has {len(content) - start:,}",
    )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
