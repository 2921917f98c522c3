"""CIFAR-10, CIFAR-100 and MNIST through TensorFlow Datasets, without TensorFlow where that is possible.

A set that is already prepared (in `array_record` format) is read with no TensorFlow. Preparing one downloads
it and imports TensorFlow; where either is missing, that is found out first, not after minutes of retries.
"""

import importlib.util
import os
import socket
from pathlib import Path

import numpy as np

from research.data._arrays import Arrays
from research.errors import InvalidInput

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "mnist": "MNIST"}
HOSTS = {  # where TFDS fetches each from
    "cifar10": "www.cs.toronto.edu",
    "cifar100": "www.cs.toronto.edu",
    "mnist": "storage.googleapis.com",
}
CONNECT_SECONDS = 5.0


def read(name: str) -> Arrays:
    """Read the set from this project's cache, else from a prepared TFDS folder, else prepare it.

    The decoded arrays are cached under `$XDG_CACHE_HOME/forgetting-vs-curvature` (default `~/.cache`).
    The TFDS folder is `$TFDS_DATA_DIR` (default `~/tensorflow_datasets`).

    Raises:
        InvalidInput: it is not there, and TensorFlow or the network that preparing it needs is missing.
    """
    prepared = _prepared(name)
    if prepared is None:
        cached = sorted(_cache().glob(f"{name}-*.npz"))
        if not cached:
            prepared = _prepare(name)
        else:
            return _from_cache(name, cached[-1])
    path = _cache() / f"{name}-{prepared.name}.npz"
    if path.exists():
        return _from_cache(name, path)
    arrays = _decode(prepared)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    partial.rename(path)
    return _from_cache(name, path)


def _from_cache(name: str, path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as file:
        return Arrays(TITLES[name], path.stem, **{key: file[key] for key in file.files})


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "forgetting-vs-curvature"


def _folder() -> Path:
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets")


def _prepared(name: str) -> Path | None:
    """The newest prepared version's folder, whose name is the version."""
    folders = [info.parent for info in (_folder() / name).glob("*/dataset_info.json")]
    return max(folders, key=lambda folder: [int(n) for n in folder.name.split(".")], default=None)


def _prepare(name: str) -> Path:
    missing = [
        package
        for package in ("tensorflow_datasets", "tensorflow")
        if importlib.util.find_spec(package) is None
    ]
    advice = (
        f"it is not prepared in {_folder()}; prepare it on a machine that has TensorFlow and a network "
        f"(tfds build {name} --file_format=array_record) and copy the folder there, or give an .npz file"
    )
    if missing:
        raise InvalidInput("data.name", name, f"{advice} ({' and '.join(missing)} not installed here)")
    try:
        socket.create_connection((HOSTS[name], 443), CONNECT_SECONDS).close()
    except OSError as error:
        raise InvalidInput("data.name", name, f"{advice} (no network here)") from error
    import tensorflow_datasets as tfds

    builder = tfds.builder(name, data_dir=_folder(), file_format="array_record")
    builder.download_and_prepare()
    return Path(builder.data_dir)


def _decode(folder: Path) -> dict[str, np.ndarray]:
    import tensorflow_datasets as tfds

    arrays: dict[str, np.ndarray] = {}
    builder = tfds.builder_from_directory(str(folder))
    for split in ("train", "test"):
        source = builder.as_data_source(split=split)  # pyright: ignore[reportCallIssue]
        rows = list(source)
        arrays[f"{split}_images"] = np.stack([row["image"] for row in rows]).astype(np.uint8)
        arrays[f"{split}_labels"] = np.asarray([row["label"] for row in rows], np.int32)
    return arrays
