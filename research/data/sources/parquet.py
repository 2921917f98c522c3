"""Parquet shards as dataset hubs serve them: a column of encoded images, and one of labels."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from research.data._arrays import Arrays
from research.data._config import DataConfig
from research.data._encoded import decoded
from research.data.sources import PathSource, inside, path_of
from research.errors import InvalidInput, require

SPLITS = {"train": ("train", "training"), "test": ("test", "testing"), "val": ("val", "valid", "validation")}
LABELS = ("label", "labels", "fine_label", "class", "target")


class ParquetShards(PathSource):
    """A Parquet file, or a folder with shards named after their split: `train-00000-of-00002.parquet`."""

    form = "Parquet shards (a file or a folder)"

    def holds(self, path: Path) -> bool:
        return path.suffix.lower() == ".parquet" if path.is_file() else bool(_shards(path))

    def read(self, config: DataConfig) -> Arrays:
        path, where = path_of(config.name), config.name
        if path.is_file():
            return decoded(path.stem, config, {"train": _rows(where, [path])}, ())
        splits: dict[str, list[Path]] = {}
        for shard in _shards(path):
            splits.setdefault(_split(shard.relative_to(path)), []).append(shard)
        if set(splits) == {""}:
            splits = {"train": splits[""]}
        names = [shard.name for shard in _shards(path)]
        require(
            "train" in splits, "data.name", where, f"has no shard called train; it has {', '.join(names[:5])}"
        )
        test = next((split for split in ("test", "val") if split in splits), None)
        notes = ()
        if {"test", "val"} <= splits.keys():
            notes = (f"{where}: the validation images are left out",)
        elif test == "val":
            notes = (f"{where}: the validation images are the test images",)
        wanted = ["train"] if test is None else ["train", test]
        for split in wanted:
            _require_all(where, splits[split])
        found = {"test" if split == test else "train": _rows(where, splits[split]) for split in wanted}
        return decoded(path.name, config, found, notes)


def _shards(path: Path) -> Sequence[Path]:
    """The shards in a folder, in its folders, or in theirs: CONFIGURATION/SPLIT/0.parquet is deepest."""
    there = list(path.iterdir())
    below = [entry for folder in there for entry in inside(folder)]
    lowest = [entry for folder in below for entry in inside(folder)]
    files = (*there, *below, *lowest)
    return sorted(file for file in files if file.suffix.lower() == ".parquet" and file.name[0] not in "._")


def _split(shard: Path) -> str:
    """The split that the name of a shard or of a folder above it says; empty: none does."""
    for part in reversed(shard.parts):
        words = re.findall(r"[a-z]+", part.lower().removesuffix(".parquet"))
        for split, names in SPLITS.items():
            if set(words) & set(names):
                return split
    return ""


def _require_all(where: str, shards: Sequence[Path]) -> None:
    """Refuse a split of which a shard did not arrive, or that is there in several configurations."""
    folders = sorted({str(shard.parent) for shard in shards})
    several = f"must be one configuration; it has {' and '.join(Path(name).name for name in folders[:2])}"
    require(len(folders) == 1, "data.name", where, several)
    numbered = [re.search(r"-(\d+)-of-(\d+)", shard.name) for shard in shards]
    found = {(int(match[1]), int(match[2])) for match in numbered if match}
    wanted = max((total for _, total in found), default=0)
    missing = sorted(set(range(wanted)) - {number for number, _ in found})
    one = re.sub(r"-\d+-of-", f"-{missing[0] if missing else 0:05d}-of-", shards[0].name)
    require(
        not missing,
        "data.name",
        where,
        f"{one} is missing: {wanted - len(missing)} of {wanted} shards are there",
    )


def _rows(where: str, shards: Sequence[Path]) -> tuple[list[tuple[str, bytes]], np.ndarray]:
    """The encoded images, each with what it is called in messages, and the labels."""
    images: list[tuple[str, bytes]] = []
    labels: list[object] = []
    for shard in shards:
        try:
            schema = pq.read_schema(shard)
            picture, label = _columns(where, schema)
            table = pq.read_table(shard, columns=[picture, label])
        except (OSError, pa.ArrowException) as error:
            reason = str(error).split("\n")[0]
            raise InvalidInput("data.name", str(shard), f"cannot be read as Parquet ({reason})") from error
        values: list[Any] = table.column(picture).to_pylist()
        for row, value in enumerate(values):
            encoded: Any = value.get("bytes") if isinstance(value, dict) else value
            name = f"{shard.name}, row {row}"
            require(
                encoded is not None,
                "data.name",
                where,
                f"{name} has no image: must hold their bytes, not their paths",
            )
            images.append((name, encoded))
        labels += table.column(label).to_pylist()
    missing = sum(value is None for value in labels)
    require(missing == 0, "data.name", where, f"{missing} labels are missing")
    return images, np.array(labels)


def _columns(where: str, schema: pa.Schema) -> tuple[str, str]:
    """The names of the image column and of the label column."""
    pictures = [field.name for field in schema if _is_image(field.type)]
    labels = [
        field.name
        for field in schema
        if pa.types.is_integer(field.type)
        or pa.types.is_string(field.type)
        or pa.types.is_dictionary(field.type)
    ]
    named = [name for name in LABELS if name in labels]
    whole = ", ".join(f"{field.name} ({field.type})" for field in schema)
    allowed = f"must have one column of image bytes and one called label; it has {whole}"
    preferred = [name for name in ("image", "img") if name in pictures] or pictures
    require(len(preferred) >= 1 and bool(named or len(labels) == 1), "data.name", where, allowed)
    return preferred[0], (named or labels)[0]


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" for field in kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
