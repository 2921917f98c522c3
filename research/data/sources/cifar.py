"""CIFAR-10 and CIFAR-100 as Krizhevsky publishes them (https://www.cs.toronto.edu/~kriz/cifar.html).

The Python and the binary version, unpacked or as the `.tar.gz` that is downloaded. Pickles are read without
executing them.
"""

import pickle
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from research.data._arrays import Arrays, from_arrays
from research.data._config import DataConfig
from research.data._pickles import load_arrays
from research.data.sources import PathSource, path_of
from research.errors import InvalidInput, require

PIXELS = 3 * 32 * 32
BATCHES = tuple(f"data_batch_{k}" for k in range(1, 6))


@dataclass(frozen=True)
class _Version:
    """One of the published versions.

    Attributes:
        folder: that it unpacks to.
        archive: that is downloaded.
        title: of the data.
        train: files of the training images.
        test: file of the test images.
        label: of a pickle, the key of the labels; of a binary record, how many bytes are before the pixels,
            the last of them being the label.
    """

    folder: str
    archive: str
    title: str
    train: tuple[str, ...]
    test: str
    label: bytes | int


VERSIONS = (
    _Version("cifar-10-batches-py", "cifar-10-python.tar.gz", "CIFAR-10", BATCHES, "test_batch", b"labels"),
    _Version(
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        "CIFAR-10",
        tuple(f"{name}.bin" for name in BATCHES),
        "test_batch.bin",
        1,
    ),
    _Version("cifar-100-python", "cifar-100-python.tar.gz", "CIFAR-100", ("train",), "test", b"fine_labels"),
    _Version("cifar-100-binary", "cifar-100-binary.tar.gz", "CIFAR-100", ("train.bin",), "test.bin", 2),
)


class Cifar(PathSource):
    """A folder or archive of one of the published versions, whatever it is called now."""

    form = "CIFAR-10 or CIFAR-100 as published (a folder or .tar.gz)"

    def holds(self, path: Path) -> bool:
        if path.is_file():
            return path.name.lower().endswith((".tar.gz", ".tgz", ".tar"))
        return any((path / name).is_file() for version in VERSIONS for name in (*version.train, version.test))

    def read(self, config: DataConfig) -> Arrays:
        path = path_of(config.name)
        try:
            files = _archived(path) if path.is_file() else _unpacked(path)
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise InvalidInput(
                "data.name", config.name, f"cannot be read ({error or 'it is cut off'})"
            ) from error
        version = max(VERSIONS, key=lambda version: len(files.keys() & {*version.train, version.test}))
        missing = [name for name in (*version.train, version.test) if name not in files]
        expected = f"must be {version.title} as published"
        require(
            not missing, "data.name", config.name, f"has no {' and no '.join(missing[:2])}: {expected}, whole"
        )
        read = {
            name: _batch(f"{config.name}: {name}", files[name], version)
            for name in (*version.train, version.test)
        }
        images, labels = (np.concatenate([read[name][k] for name in version.train]) for k in (0, 1))
        return from_arrays(version.title, config.name, (images, labels), read[version.test])


def _unpacked(path: Path) -> Mapping[str, bytes]:
    names = {name for version in VERSIONS for name in (*version.train, version.test)}
    return {name: (path / name).read_bytes() for name in names if (path / name).is_file()}


def _archived(path: Path) -> Mapping[str, bytes]:
    names = {name for version in VERSIONS for name in (*version.train, version.test)}
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and (name := Path(member.name).name) in names:
                content = archive.extractfile(member)
                assert content is not None  # it is a file
                found[name] = content.read()
    return found


def _batch(where: str, content: bytes, version: _Version) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 32, 32, 3) and labels (N,) of one file."""
    if isinstance(version.label, int):
        record = version.label + PIXELS
        whole = len(content) > 0 and len(content) % record == 0
        require(whole, where, f"{len(content)} bytes", f"must be whole records of {record} bytes")
        rows = np.frombuffer(content, np.uint8).reshape(-1, record)
        data, labels = rows[:, version.label :], rows[:, version.label - 1]
    else:
        try:
            batch = load_arrays(content)
            data, labels = np.asarray(batch[b"data"]), np.asarray(batch[version.label])
        except (pickle.UnpicklingError, KeyError, TypeError) as error:
            raise InvalidInput(
                where, f"{len(content)} bytes", f"must be a batch of {version.title} as published ({error})"
            ) from error
        good = data.dtype == np.uint8 and data.ndim == 2 and data.shape[1] == PIXELS
        require(good, where, f"{data.dtype} {data.shape}", f"must be uint8 of shape (N, {PIXELS})")
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels
