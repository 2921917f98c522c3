"""TensorFlow Datasets: any image classification set by its name, without TensorFlow where it is prepared.

A set that is already prepared, as `array_record` or TFRecord, is read with no TensorFlow. Preparing one
downloads it and imports TensorFlow; where either is missing, that is found out first, not after minutes of
retries.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX.record_writer import masked_crc32c

from research.data._arrays import Arrays, from_arrays
from research.data._config import DataConfig
from research.data._images import Stack, decode, in_threads, stack
from research.data.sources import Source
from research.errors import InvalidInput, require

TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
HOSTS = {"cifar10": "www.cs.toronto.edu", "cifar100": "www.cs.toronto.edu"}  # where TFDS fetches each from
ELSEWHERE = "storage.googleapis.com"  # all others, or what describes them
CONNECT_SECONDS = 5.0
NAME = re.compile(r"(?P<set>\w+)(?:/(?P<config>[\w.+-]+))?(?::(?P<version>\d+\.\d+\.\d+))?")
VERSION = re.compile(r"\d+\.\d+\.\d+")


class Tfds(Source):
    """`tfds:NAME`, `tfds:NAME/CONFIG`, either with `:VERSION`; the three best known by bare name, too."""

    form = f"{', '.join(TITLES)}, tfds:NAME, tfds:NAME/CONFIG"

    def takes(self, name: str) -> bool:
        return name in TITLES or name.startswith("tfds:")

    def read(self, config: DataConfig) -> Arrays:
        """Read the set from this project's cache, else from a prepared TFDS folder, else prepare it.

        The decoded arrays are cached under `$XDG_CACHE_HOME/forgetting-vs-curvature` (default `~/.cache`).
        The TFDS folder is `$TFDS_DATA_DIR` (default `~/tensorflow_datasets`).

        Raises:
            InvalidInput: it is not there, and TensorFlow or the network that preparing it needs is missing;
                or it is incomplete.
        """
        wanted = _Wanted.of(config.name)
        prepared = wanted.prepared()
        if prepared is None:
            cached = sorted(_cache().glob(f"{wanted.stem}-{wanted.version or ''}*.npz"))
            if cached:
                return _from_cache(wanted, cached[-1])
            prepared = wanted.prepare()
        path = _cache() / f"{wanted.stem}-{prepared.name}-{_state_of(prepared)}.npz"
        with contextlib.suppress(InvalidInput):  # a damaged cache is made again
            return _from_cache(wanted, path)
        arrays, notes, fingerprint = _decode(wanted, prepared, config.image_size)
        if fingerprint is None:
            _to_cache(path, arrays, notes)
        return _arrays(wanted, arrays, notes, fingerprint)


@dataclass(frozen=True)
class _Wanted:
    """A set's name, taken apart."""

    name: str
    set: str
    config: str | None
    version: str | None

    @classmethod
    def of(cls, name: str) -> "_Wanted":
        match = NAME.fullmatch(name.removeprefix("tfds:"))
        if match is None:
            raise InvalidInput(
                "data.name", name, "must be tfds:NAME, tfds:NAME/CONFIG or either with :VERSION"
            )
        return cls(name, match["set"], match["config"], match["version"])

    @property
    def title(self) -> str:
        return TITLES.get(self.set, self.set if self.config is None else f"{self.set}/{self.config}")

    @property
    def stem(self) -> str:
        """What the names of its files in the cache begin with."""
        return self.set if self.config is None else f"{self.set}+{self.config}"

    def prepared(self) -> Path | None:
        """The newest prepared version's folder, whose name is the version; None: there is none."""
        root = _folder()
        # $TFDS_DATA_DIR may be the folder of the set, or of its version, where it should be that above.
        tops = [root / self.set, *(folder for folder in (root, root.parent) if folder.name == self.set)]
        for top in tops:
            if self.config is None and not _versions(top) and (configs := _configurations(top)):
                names = " or ".join(f"tfds:{self.set}/{folder.name}" for folder in configs)
                require(len(configs) == 1, "data.name", self.name, f"must name one configuration: {names}")
                top = configs[0]
            found = _versions(top if self.config is None else top / self.config)
            fitting = [folder for folder in found if self.version in (None, folder.name)]
            if fitting:
                return max(fitting, key=lambda folder: [int(number) for number in folder.name.split(".")])
        return None

    def prepare(self) -> Path:
        missing = [
            package
            for package in ("tensorflow_datasets", "tensorflow")
            if importlib.util.find_spec(package) is None
        ]
        full = self.set if self.config is None else f"{self.set}/{self.config}"
        advice = (
            f"it is not prepared in {_folder()}; prepare it on a machine that has TensorFlow and a network "
            f"(tfds build {full} --file_format=array_record) and copy the folder there, or give an .npz file"
        )
        if missing:
            raise InvalidInput(
                "data.name", self.name, f"{advice} ({' and '.join(missing)} not installed here)"
            )
        try:
            socket.create_connection((HOSTS.get(self.set, ELSEWHERE), 443), CONNECT_SECONDS).close()
        except OSError as error:
            raise InvalidInput("data.name", self.name, f"{advice} (no network here)") from error
        import tensorflow_datasets as tfds

        full = full if self.version is None else f"{full}:{self.version}"
        try:
            builder = tfds.builder(full, data_dir=_folder(), file_format="array_record")
            builder.download_and_prepare()
        except tfds.core.DatasetNotFoundError as error:
            raise InvalidInput("data.name", self.name, "TensorFlow Datasets has no such set") from error
        return Path(builder.data_dir)


def _folder() -> Path:
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def _versions(folder: Path) -> Sequence[Path]:
    """The prepared versions in a folder; a copy beside them, "3.0.1-backup", is none."""
    return [
        info.parent
        for info in folder.glob("*/dataset_info.json")
        if VERSION.fullmatch(info.parent.name) is not None
    ]


def _configurations(folder: Path) -> Sequence[Path]:
    return sorted(entry for entry in folder.glob("*") if entry.is_dir() and _versions(entry))


def _decode(
    wanted: _Wanted, folder: Path, size: int | None
) -> tuple[dict[str, np.ndarray], list[str], str | None]:
    """The arrays of a prepared set, notes, and, where images of several sizes were resized, a fingerprint."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(str(folder))
        info: Any = builder.info
        image, label = _features(wanted, info)
        fixed = None not in (info.features[image].shape or (None,))
        splits, notes = _splits(wanted, info)
        arrays: dict[str, np.ndarray] = {}
        total = hashlib.sha256()
        for split, name in splits.items():
            found, labels = _split(wanted, builder, name, (image, label), None if fixed else size)
            arrays[f"{split}_images"], arrays[f"{split}_labels"] = found.images, np.asarray(labels)
            notes += found.notes
            total.update(f"{found.fingerprint} {arrays[f'{split}_labels'].tolist()}".encode())
    except InvalidInput:
        raise
    except Exception as error:  # what TFDS and its readers raise of damaged files is of every kind
        reason = re.sub(r"\s+", " ", str(error))[:200]
        raise InvalidInput("data.name", wanted.name, f"{folder} cannot be read ({reason})") from error
    return arrays, list(dict.fromkeys(notes)), None if fixed else total.hexdigest()


def _split(
    wanted: _Wanted, builder: Any, name: str, features: tuple[str, str], size: int | None
) -> tuple[Stack, list[Any]]:
    """The images and labels of a split."""
    image, label = features
    labels = []

    def encoded() -> Iterator[tuple[str, bytes]]:
        for number, row in enumerate(_rows(wanted, builder, name, image)):
            labels.append(row[label])
            yield f"{wanted.name}: {name}, row {number}", row[image]

    return stack(in_threads(lambda item: decode(*item), encoded()), size, wanted.name), labels


def _features(wanted: _Wanted, info: Any) -> tuple[str, str]:
    """The names of the image and of the label in each row."""
    if info.supervised_keys is not None and len(info.supervised_keys) == 2:
        return info.supervised_keys
    names = list(info.features)
    kinds = {name: type(feature).__name__ for name, feature in info.features.items()}
    images = [name for name in names if kinds[name] == "Image"]
    labels = [name for name in names if name == "label"] or [n for n in names if kinds[n] == "ClassLabel"]
    allowed = f"must have one image and one label in each row; it has {', '.join(names)}"
    require(len(images) == 1 and len(labels) == 1, "data.name", wanted.name, allowed)
    return images[0], labels[0]


def _splits(wanted: _Wanted, info: Any) -> tuple[dict[str, str], list[str]]:
    """Which of the set's splits are trained and tested on."""
    there = list(info.splits)
    require("train" in there, "data.name", wanted.name, f"must have a split train; it has {', '.join(there)}")
    test = next((name for name in ("test", "validation") if name in there), None)
    notes = [f"{wanted.name}: the validation images are the test images"] if test == "validation" else []
    return {"train": "train"} | ({} if test is None else {"test": test}), notes


def _rows(wanted: _Wanted, builder: Any, split: str, image: str) -> Iterator[dict[str, Any]]:
    """The rows of a split, the image still encoded: TFDS would decode one at a time."""
    import tensorflow_datasets as tfds

    skip = {image: tfds.decode.SkipDecoding()}
    info = builder.info
    files = [Path(path) for path in info.splits[split].filepaths]
    missing = [path.name for path in files if not path.is_file()]
    require(
        not missing,
        "data.name",
        wanted.name,
        f"{missing[0] if missing else ''} is missing in {info.data_dir}: {len(files) - len(missing)} of "
        f"the {len(files)} files of {split} are there; copy it again",
    )
    form = info.file_format.value
    require(
        form in ("array_record", "tfrecord"),
        "data.name",
        wanted.name,
        f"is prepared as {form}: must be array_record or tfrecord (tfds build --file_format=array_record)",
    )
    if form == "array_record":
        yield from builder.as_data_source(split=split, decoders=skip)
        return
    count = 0
    for path in files:
        for record in _records(path):
            count += 1
            yield info.features.deserialize_example_np(record, decoders=skip)
    expected = info.splits[split].num_examples
    require(
        count == expected,
        "data.name",
        wanted.name,
        f"{split} holds {count} images, but dataset_info.json says {expected}: copy it again",
    )


def _records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file: length (uint64), its checksum, the record, its checksum."""
    cut = InvalidInput("data.name", str(path), "is cut off or is no TFRecord file; copy it again")
    size = path.stat().st_size
    with path.open("rb") as file:
        while head := file.read(12):
            if len(head) < 12:
                raise cut
            (length,) = struct.unpack("<Q", head[:8])
            if length > size - file.tell() - 4:
                raise cut
            record = file.read(length)
            _require_checksum(path, head[:8], head[8:])
            _require_checksum(path, record, file.read(4))
            yield record


def _require_checksum(path: Path, content: bytes, expected: bytes) -> None:
    good = len(expected) == 4 and masked_crc32c(content) == struct.unpack("<I", expected)[0]
    require(good, "data.name", str(path), "is damaged or is no TFRecord file; copy it again")


def _arrays(
    wanted: _Wanted, arrays: dict[str, np.ndarray], notes: Sequence[str] = (), fingerprint: str | None = None
) -> Arrays:
    train, test = (
        (arrays[f"{split}_images"], arrays[f"{split}_labels"]) if f"{split}_images" in arrays else None
        for split in ("train", "test")
    )
    assert train is not None  # a set without it was refused
    return from_arrays(wanted.title, wanted.name, train, test, fingerprint=fingerprint, notes=notes)


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "forgetting-vs-curvature"


def _state_of(folder: Path) -> str:
    """Names, sizes and times of a prepared set's files: one that is prepared anew is decoded anew."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    state = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:8]


def _from_cache(wanted: _Wanted, path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            return _arrays(wanted, {key: file[key] for key in file.files if key != "notes"}, _notes(file))
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidInput(
            "data.name", wanted.name, f"{path} is damaged, and the set is not prepared: remove it"
        ) from error


def _notes(file: Any) -> list[str]:
    return file["notes"].tolist() if "notes" in file.files else []


def _to_cache(path: Path, arrays: dict[str, np.ndarray], notes: Sequence[str]) -> None:
    """Keep decoded arrays for the next time, where there is room."""
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, notes=np.array(notes, dtype=str), **arrays)
        partial.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
