"""Finished work on disk: one folder per record, tidy Parquet with its config beside it in JSON.

    RESULTS/records/ID/record.json     what was run, how it ended, on what machine, by which command
    RESULTS/records/ID/metrics.parquet one row per (step, epoch, split, metric, value)
    RESULTS/records/ID/checkpoints/    states of the run after some of its epochs, where they were asked for
    RESULTS/experiments/LABEL/NAME.json  which records an experiment consists of

A record is written beside its place and moved there in one atomic rename: it is there whole, or not at all.
ID is the hash of the config, so the same work is never done twice. This module knows nothing of JAX.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from research.errors import InvalidInput

SCHEMA = 1  # raise it with any change to what a record's files mean
COLUMNS = ("step", "epoch", "split", "metric", "value")


def added(default: Any) -> Any:
    """A field that a config gains after records of it exist.

    While it has its default it is left out of the identity, so that the records made before it was there
    remain those of the same work. Its default must mean what was done before there was a choice.
    """
    return field(default=default, metadata={"added": True})


def canonical(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values, with its type's name, in a form that equal configs share."""
    assert is_dataclass(config)
    assert not isinstance(config, type)
    assert "kind" not in {item.name for item in fields(config)}, "a config's `kind` is its type"
    return {"kind": type(config).__name__, **_plain(config)}


def _plain(value: Any, skip_added: bool = False) -> Any:
    if is_dataclass(value):
        return {
            item.name: _plain(getattr(value, item.name), skip_added)
            for item in fields(value)
            if not (skip_added and "added" in item.metadata and getattr(value, item.name) == item.default)
        }
    if isinstance(value, Mapping):
        return {key: _plain(item, skip_added) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, skip_added) for item in value]
    # 1.0 and 1 are the same learning-rate factor, and must be the same run.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def identity(config: Any) -> str:
    """The record's name: 16 hex digits of the SHA-256 of the canonical config and the schema."""
    content = {"kind": type(config).__name__, **_plain(config, skip_added=True)}
    text = json.dumps([SCHEMA, content], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Row:
    """One measured value.

    Attributes:
        step: steps taken when it was measured, or the step that it belongs to.
        epoch: the same in epochs.
        split: what it was measured on: seen, train, test ...
        metric: loss (nats), accuracy (fraction) ...
    """

    step: int
    epoch: float
    split: str
    metric: str
    value: float


class Store:
    """The records under one results folder."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        self._records = self.folder / "records"

    def prepare(self) -> None:
        """Make the folder, so that an unusable one is found out before anything is computed.

        Raises:
            InvalidInput: it cannot be made or written to.
        """
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            probe = self._records / f".tmp-{uuid.uuid4().hex}"
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            reason = error.strerror or "cannot be used"
            raise InvalidInput(
                "results", str(self.folder), f"must be a folder that can be written to ({reason})"
            ) from error

    def has(self, config: Any, epochs: Iterable[int] = ()) -> bool:
        """Whether this work is done, and the states after these epochs kept, as far as the run got."""
        if not (self._path(config) / "record.json").exists():
            return False
        lacking = [epoch for epoch in epochs if not self.checkpoint_path(config, epoch).exists()]
        return not lacking or min(lacking) > self.read(config)[0]["outcome"]["epochs"]

    def checkpoint_path(self, config: Any, epoch: int) -> Path:
        """Where the state after so many epochs is, if it was kept."""
        return self._path(config) / "checkpoints" / f"{epoch:04d}"

    def write(
        self,
        config: Any,
        rows: Iterable[Row],
        outcome: Mapping[str, Any],
        provenance: Mapping[str, Any],
        checkpoints: Mapping[int, Callable[[Path], None]] | None = None,
    ) -> None:
        """Add a finished record.

        Args:
            outcome: how it ended: "status" and, of a run, "epochs", "seconds" and "diverged_step".
            provenance: where it comes from; see `research.provenance`.
            checkpoints: for each epoch whose state is kept, what writes it to the path it is given.
        """
        target = self._path(config)
        partial = self._records / f".tmp-{target.name}-{uuid.uuid4().hex}"
        partial.mkdir(parents=True)
        try:
            frame(rows).to_parquet(partial / "metrics.parquet", index=False)
            about = {
                "schema": SCHEMA,
                "config": canonical(config),
                "outcome": dict(outcome),
                "provenance": dict(provenance),
            }
            (partial / "record.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
            (partial / "checkpoints").mkdir()
            for epoch, save in (checkpoints or {}).items():
                save(partial / "checkpoints" / f"{epoch:04d}")
            for path in (partial / "metrics.parquet", partial / "record.json"):
                _flush(path)
            self._publish(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _publish(self, partial: Path, target: Path) -> None:
        try:
            partial.rename(target)
        except OSError:
            if not (target / "record.json").exists():
                raise
            # It was there already: equal configs give equal records, so only checkpoints can be new.
            for new in (partial / "checkpoints").iterdir():
                if not (target / "checkpoints" / new.name).exists():
                    new.rename(target / "checkpoints" / new.name)

    def read(self, config_or_id: Any) -> tuple[dict[str, Any], pd.DataFrame]:
        """A record's JSON and its rows.

        Raises:
            InvalidInput: it is missing, damaged, or of another schema.
        """
        name = config_or_id if isinstance(config_or_id, str) else identity(config_or_id)
        folder = self._records / name
        try:
            about = json.loads((folder / "record.json").read_text())
            rows = pd.read_parquet(folder / "metrics.parquet")
        except FileNotFoundError as error:
            raise InvalidInput("record", name, f"is not in {self.folder}") from error
        except (OSError, ValueError) as error:
            raise InvalidInput(
                "record", name, f"cannot be read; move {folder} away and run it again"
            ) from error
        if not isinstance(about, dict) or about.get("schema") != SCHEMA or tuple(rows) != COLUMNS:
            raise InvalidInput("record", name, f"is not of schema {SCHEMA}; use another results folder")
        return about, rows

    def table(self, configs_or_ids: Iterable[Any]) -> pd.DataFrame:
        """Many records as one tidy table: their rows, with the config and the outcome as columns."""
        tables = []
        for item in configs_or_ids:
            name = item if isinstance(item, str) else identity(item)
            about, rows = self.read(name)
            columns = {"record": name}
            for key, value in flatten(about["config"]).items():
                # A measurement may have a field `epoch` of its own: its rows' column must not be lost to it.
                columns[f"config.{key}" if key in COLUMNS else key] = value
            columns |= {
                "status": about["outcome"]["status"],
                "diverged_step": about["outcome"].get("diverged_step"),
            }
            tables.append(rows.assign(**columns))
        return pd.concat(tables, ignore_index=True)

    def write_experiment(self, label: str, name: str, about: Mapping[str, Any]) -> None:
        """State which records an experiment consists of, replacing what was stated before."""
        path = self._experiment(label, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".tmp-{uuid.uuid4().hex}")
        partial.write_text(json.dumps(dict(about), indent=1, sort_keys=True) + "\n")
        _flush(partial)
        partial.replace(path)

    def read_experiment(self, label: str, name: str) -> dict[str, Any]:
        """What `write_experiment` stated.

        Raises:
            InvalidInput: nothing was.
        """
        path = self._experiment(label, name)
        try:
            return json.loads(path.read_text())
        except FileNotFoundError as error:
            raise InvalidInput(
                "label", label, f"{self.folder} has no finished {name} of that label"
            ) from error

    def experiments(self) -> list[tuple[str, str]]:
        """(label, name) of every experiment that has been finished."""
        found = (self.folder / "experiments").glob("*/*.json")
        return sorted((path.parent.name, path.stem) for path in found)

    def _experiment(self, label: str, name: str) -> Path:
        return self.folder / "experiments" / label / f"{name}.json"

    def _path(self, config: Any) -> Path:
        return self._records / identity(config)


def frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table with the columns and types of every record."""
    table = pd.DataFrame([tuple(asdict(row).values()) for row in rows], columns=list(COLUMNS))
    return table.astype({"step": "int64", "epoch": "float64", "value": "float64"})


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values as columns: {"model": {"width": 8}} gives {"model.width": 8}; lists become text."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return flat


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
