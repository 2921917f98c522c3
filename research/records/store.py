"""Finished work on disk: one folder per record, tidy Parquet with its config beside it in JSON.

    RESULTS/records/ID/record.json     what was run, how it ended, on what machine, by which command
    RESULTS/records/ID/metrics.parquet one row per (step, epoch, split, metric, value)
    RESULTS/records/ID/checkpoints/    states of the run after some of its epochs, where they were asked for
    RESULTS/experiments/LABEL/NAME.json  which records an experiment consists of
    RESULTS/plans/LABEL/NAME.json      which runs a sweep was asked for, and when
    RESULTS/damaged/ID.N/              what could not be used any more, set aside and never deleted

A record is written beside its place and moved there in one atomic rename: it is there whole, or not at all.
Checksums of all its files are in it, so that one which was damaged afterwards is found out. ID is the hash of
the config, so the same work is never done twice. This module knows nothing of JAX.
"""

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from research.errors import InvalidInput, unwritable
from research.records.disk import (
    CHECKSUMS,
    broken,
    clear_leftovers,
    flush,
    move_aside,
    partial_name,
    report_disk_full,
    seal,
    sha256,
    write,
)
from research.records.identity import SCHEMA, canonical, identity

if TYPE_CHECKING:  # its import takes longer than all else that `experiments.status` does
    import pandas as pd

COLUMNS = ("step", "epoch", "split", "metric", "value")


@dataclass(frozen=True)
class Row:
    """One measured value.

    Attributes:
        step: steps taken when it was measured, or the step that it belongs to.
        epoch: the same in epochs.
        split: what it was measured on: seen, train, test ...
        metric: loss (in the unit of the run's loss), accuracy (fraction) ...
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

        What dead writers left half-written is cleared away.

        Raises:
            InvalidInput: it cannot be made or written to.
        """
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            probe = self._records / partial_name("probe")
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise unwritable("results", self.folder, error) from error
        self.clear_leftovers()

    def clear_leftovers(self) -> None:
        """Clear away what dead writers left half-written."""
        for folder in (self._records, *self.folder.glob("plans/*"), *self.folder.glob("experiments/*")):
            clear_leftovers(folder)

    def has(self, config: Any, epochs: Iterable[int] = ()) -> bool:
        """Whether this work is done, and the states after these epochs kept, as far as the run got.

        Its files are not looked into: see `verified`.
        """
        if not (self._path(config) / "record.json").exists():
            return False
        lacking = [epoch for epoch in epochs if not self.checkpoint_path(config, epoch).exists()]
        return not lacking or min(lacking) > self.read(config)[0]["outcome"].get("epochs", 0)

    def verified(self, config: Any) -> dict[str, Any] | None:
        """A record's JSON, all of its files being what was written; None: there is no record.

        Records older than checksums are only seen to be readable.

        Raises:
            Damaged: they are not.
            InvalidInput: it is of another schema.
        """
        name, folder = self._named(config)
        if not folder.exists():
            return None
        about = self._about(name, folder)
        if "files" not in about:
            self.read(name)
        else:
            self._metrics(name, folder, about)
        for checkpoint in sorted((folder / "checkpoints").glob("[!.]*")):
            sealed = (checkpoint / CHECKSUMS).exists() or "files" in about
            try:
                why = broken(checkpoint) if sealed else None
            except PermissionError as error:
                raise _unreadable(name, error) from error
            if why is not None:
                raise Damaged(name, f"checkpoint {checkpoint.name}: {why}")
        return about

    def about(self, name: str) -> dict[str, Any]:
        """A record's JSON; its other files are not looked into.

        Raises:
            Damaged: the JSON is not what was written.
            InvalidInput: it is missing, or of another schema.
        """
        return self._about(name, self._records / name)

    def outcome(self, name: str) -> dict[str, Any] | None:
        """How a record's work ended, nothing but its JSON being read; None: there is no such record.

        Raises:
            Damaged: the JSON is not what was written.
            InvalidInput: it is of another schema.
        """
        folder = self._records / name
        return self._about(name, folder)["outcome"] if folder.exists() else None

    def written(self, name: str) -> float:
        """When a record was written, in seconds since 1970; 0 if it is not there."""
        try:
            return (self._records / name / "record.json").stat().st_mtime
        except OSError:
            return 0.0

    def names(self) -> list[str]:
        """Of all records, damaged ones included."""
        return sorted(path.name for path in self._records.glob("[!.]*"))

    def kept(self, name: str) -> list[int]:
        """After which of a run's epochs its state was kept."""
        return sorted(int(path.name) for path in (self._records / name / "checkpoints").glob("[0-9]*"))

    def set_aside(self, config: Any) -> Path | None:
        """Move a record to RESULTS/damaged, so that its work is done again; returns where it is now."""
        return move_aside(self._path(config), self.folder)

    def checkpoint_path(self, config: Any, epoch: int) -> Path:
        """Where the state after `epoch` epochs is, if it was kept."""
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
            provenance: where it comes from; see `research.records.provenance`.
            checkpoints: for each epoch whose state is kept, what writes it to the path it is given.

        Raises:
            InvalidInput: there is no room for it. Other records are as they were.
        """
        target = self._path(config)
        partial = self._records / partial_name(target.name)
        try:
            with report_disk_full(self.folder):
                partial.mkdir(parents=True)
                metrics = _parquet(frame(rows))
                write(partial / "metrics.parquet", metrics)
                about = {
                    "schema": SCHEMA,
                    "config": canonical(config),
                    "outcome": dict(outcome),
                    "provenance": dict(provenance),
                    "files": {"metrics.parquet": sha256(metrics)},
                }
                about["checksum"] = checksum(about)
                write(partial / "record.json", (json.dumps(about, indent=1, sort_keys=True) + "\n").encode())
                (partial / "checkpoints").mkdir()
                for epoch, save in (checkpoints or {}).items():
                    save(partial / "checkpoints" / f"{epoch:04d}")
                    seal(partial / "checkpoints" / f"{epoch:04d}")
                self._drawing(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _drawing(self, partial: Path, target: Path) -> None:
        try:
            partial.rename(target)
        except OSError:
            if not (target / "record.json").exists():
                raise
            # It was there already: equal configs give equal records, so only checkpoints can be new. Copying
            # a results folder elsewhere may have dropped the empty folder that they were to lie in.
            (target / "checkpoints").mkdir(exist_ok=True)
            for new in (partial / "checkpoints").iterdir():
                if not (target / "checkpoints" / new.name).exists():
                    new.rename(target / "checkpoints" / new.name)
        flush(target.parent)

    def read(self, config_or_id: Any) -> "tuple[dict[str, Any], pd.DataFrame]":
        """A record's JSON and its rows.

        Raises:
            InvalidInput: it is missing, damaged, or of another schema.
        """
        name, folder = self._named(config_or_id)
        about = self._about(name, folder)
        content = self._metrics(name, folder, about)
        import pandas as pd

        try:
            rows = pd.read_parquet(io.BytesIO(content))
        except (OSError, ValueError) as error:
            raise Damaged(name, "metrics.parquet cannot be read") from error
        if tuple(rows) != COLUMNS:
            raise InvalidInput("record", name, f"is not of schema {SCHEMA}; use another results folder")
        return about, rows

    def _metrics(self, name: str, folder: Path, about: Mapping[str, Any]) -> bytes:
        """A record's Parquet file, compared with its checksum."""
        try:
            content = (folder / "metrics.parquet").read_bytes()
        except PermissionError as error:
            raise _unreadable(name, error) from error
        except OSError as error:
            raise Damaged(name, "metrics.parquet is missing or cannot be read") from error
        if "files" in about and about["files"].get("metrics.parquet") != sha256(content):
            raise Damaged(name, "metrics.parquet is not what was written")
        return content

    def _about(self, name: str, folder: Path) -> dict[str, Any]:
        """A record's JSON, compared with its own checksum."""
        try:
            about = json.loads((folder / "record.json").read_text())
        except FileNotFoundError as error:
            if folder.exists():
                raise Damaged(name, "record.json is missing") from error
            raise InvalidInput("record", name, f"is not in {self.folder}") from error
        except PermissionError as error:
            raise _unreadable(name, error) from error
        except (OSError, ValueError) as error:
            raise Damaged(name, "record.json cannot be read") from error
        if not isinstance(about, dict):
            raise Damaged(name, "record.json holds no record")
        if not is_as_written(about):
            raise Damaged(name, "record.json is not what was written")
        if about.get("schema") != SCHEMA:
            raise InvalidInput("record", name, f"is not of schema {SCHEMA}; use another results folder")
        if not isinstance(about.get("outcome"), dict) or not isinstance(about.get("config"), dict):
            raise Damaged(name, "record.json holds no record")
        return about

    def _named(self, config_or_id: Any) -> tuple[str, Path]:
        name = config_or_id if isinstance(config_or_id, str) else identity(config_or_id)
        return name, self._records / name

    def table(self, configs_or_ids: Iterable[Any]) -> "pd.DataFrame":
        """Many records as one tidy table: their rows, with the config and the outcome as columns."""
        import pandas as pd

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
        """State which records an experiment consists of, replacing what was stated before.

        What was stated before stays where nothing but the command and the provenance differs: the same
        command, repeated, writes nothing.

        Raises:
            InvalidInput: there is no room for it, or nothing can be written there.
        """
        with contextlib.suppress(InvalidInput):
            before = self.read_experiment(label, name)
            if _stated(before) == _stated(json.loads(json.dumps(about))):
                return
        self._state(self._experiment(label, name), about)

    def read_experiment(self, label: str, name: str) -> dict[str, Any]:
        """What `write_experiment` stated.

        Raises:
            InvalidInput: nothing was, or it is damaged.
        """
        path = self._experiment(label, name)
        try:
            about = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise InvalidInput(
                "label", label, f"{self.folder} has no finished {name} of that label"
            ) from error
        except PermissionError as error:
            raise InvalidInput("label", label, f"{path} cannot be read ({error.strerror})") from error
        except (OSError, ValueError):
            about = None
        if not isinstance(about, dict) or not is_as_written(about):
            raise InvalidInput(
                "label",
                label,
                f"{path} is damaged; the experiment's command writes it again",
            )
        return {key: value for key, value in about.items() if key != "checksum"}

    def write_plan(self, label: str, name: str, about: Mapping[str, Any]) -> None:
        """State what a sweep was asked for, for those who look at it from elsewhere."""
        self._state(self.folder / "plans" / label / f"{name}.json", about)

    def plans(self) -> dict[tuple[str, str], dict[str, Any]]:
        """By (label, name), what each sweep was asked for; what cannot be read is left out."""
        found = {}
        for path in sorted((self.folder / "plans").glob("*/[!.]*.json")):
            with contextlib.suppress(OSError, ValueError):
                found[path.parent.name, path.stem] = json.loads(path.read_text())
        return found

    def _state(self, path: Path, about: Mapping[str, Any]) -> None:
        partial = path.with_name(partial_name(path.stem))
        content = {**about, "checksum": checksum(about)}
        with report_disk_full(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                write(partial, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def experiments(self) -> list[tuple[str, str]]:
        """(label, name) of every experiment that has been finished."""
        found = (self.folder / "experiments").glob("*/[!.]*.json")
        return sorted((path.parent.name, path.stem) for path in found)

    def stated(self, label: str, fact: str) -> set[str]:
        """What the experiments of a label, finished or only planned, state: "fingerprint", say."""
        found = set()
        for folder in ("experiments", "plans"):
            for path in (self.folder / folder / label).glob("[!.]*.json"):
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # damaged, or an old one
                    found.add(json.loads(path.read_text())[fact])
        return found

    def _experiment(self, label: str, name: str) -> Path:
        return self.folder / "experiments" / label / f"{name}.json"

    def _path(self, config: Any) -> Path:
        return self._records / identity(config)


def frame(rows: Iterable[Row]) -> "pd.DataFrame":
    """Rows as a table with the columns and types of every record."""
    import pandas as pd

    table = pd.DataFrame([tuple(asdict(row).values()) for row in rows], columns=list(COLUMNS))
    return table.astype({"step": "int64", "epoch": "float64", "value": "float64"})


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values as columns: {"model": {"width": 8}} gives {"model.width": 8}; lists become text.

    A whole number that no column holds becomes a float: it was one before `identity.canonical` had it.
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, int) and abs(value) >= 2**63:
            flat[prefix + key] = float(value)
        else:
            flat[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return flat


class Damaged(InvalidInput):
    """A record whose files are not what was written."""

    def __init__(self, name: str, why: str):
        super().__init__(
            "record", name, f"is damaged: {why}; the experiment's command sets it aside and repeats it"
        )
        self.why = why


def _unreadable(name: str, error: PermissionError) -> InvalidInput:
    # Not damaged: it is another user's, and is left where it is.
    return InvalidInput("record", name, f"cannot be read ({error.strerror})")


def _stated(about: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key not in ("command", "provenance")}


def _parquet(table: "pd.DataFrame") -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def is_as_written(about: Mapping[str, Any]) -> bool:
    """Whether a JSON object's checksum is its own; one that names no files may be too old to have any."""
    sealed = "checksum" in about or "files" in about
    return not sealed or about.get("checksum") == checksum(about)


def checksum(about: Mapping[str, Any]) -> str:
    """Of a JSON object's values, whatever its white space, but for the checksum that it holds."""
    content = {key: value for key, value in about.items() if key != "checksum"}
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
