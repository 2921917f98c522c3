"""Who is doing what: a file for each piece of work under way, so that no two processes do the same for long.

    RESULTS/leases/ID.N

The process that creates the file, exclusively, has the work ID; a thread of it writes a new heartbeat into
the file every few seconds. A lease whose process is known to be dead, or whose heartbeat has not changed for
long, is stale: whoever creates ID.N+1 takes the work over. Creating a file exclusively is atomic on network
file systems too, so of several takers one succeeds; no file is ever replaced, no lock is used, and no clocks
are compared: an observer times the heartbeat with its own.

A lease only saves work. Were two processes to do the same after all, their records would be equal, and one of
them would be there, whole.
"""

import contextlib
import json
import os
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from research.records import process_ids
from research.records.disk import LEFTOVER_AGE, report_disk_full, report_unwritable

BEAT = 5.0  # seconds between heartbeats
STALE = 60.0  # seconds without one after which a lease may be taken over
POLL = 1.0  # seconds between looks at work that other processes have leased
_LENGTH = 512  # bytes of a lease: each heartbeat overwrites the whole of the one before


@dataclass
class _Held:
    path: Path
    descriptor: int
    token: str
    note: dict[str, Any]
    lost: bool = False


@dataclass
class _Seen:
    content: bytes
    since: float


@dataclass(frozen=True)
class Lease:
    """A lease as others see it.

    Attributes:
        name: the work.
        dead: its process has ended for certain.
        age: seconds since its last heartbeat, as far as the clocks agree.
        note: what its process last said of it.
    """

    name: str
    dead: bool
    age: float
    note: dict[str, Any]


class Leases:
    """The leases under one folder, and those of them that are this object's.

    Use it as a context: when it is left, what is still leased is given up.
    """

    def __init__(self, folder: Path, beat: float = BEAT, stale: float = STALE):
        self.folder = folder
        self.beat = beat
        self._stale = stale
        self._held: dict[str, _Held] = {}
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Leases":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._stop.clear()
        self._thread = None
        for name in list(self._held):
            self.release(name)

    def names(self) -> set[str]:
        """The work that is leased, by whomever."""
        return {path.stem for path in _lease_files(self.folder)}

    def acquire(self, name: str, done: bool = False) -> bool:
        """Lease a piece of work, or take it over; False: another process has it.

        Whoever gets it must look again whether it is not done already.

        Args:
            done: it is known to be done, and leased only to clear up after it: a lease as old as what else
                is cleared away unasked is stale too. Only here are clocks compared, and nothing hangs on it.

        Raises:
            InvalidInput: the disk is full, or nothing can be written there.
        """
        if name in self._held:
            return True
        with report_unwritable(self.folder.parent):
            self.folder.mkdir(parents=True, exist_ok=True)
        number = 0
        if existing := _numbers(self.folder, name):
            if not self._may_take(existing[-1], name, done):
                return False
            number = int(existing[-1].suffix[1:]) + 1
        path = self.folder / f"{name}.{number}"
        with report_unwritable(self.folder.parent):
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
            except FileExistsError:
                return False
        held = _Held(path, descriptor, uuid.uuid4().hex, {})
        try:
            with report_disk_full(self.folder.parent):
                _beat(held)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._held[name] = held
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_beating, daemon=True, name="heartbeat")
                self._thread.start()
        return True

    def note(self, name: str, **facts: Any) -> None:
        """Say something of one's work; it is told with the next heartbeat."""
        if name in self._held:
            self._held[name].note = facts

    def lost(self, name: str) -> bool:
        """Whether another process took the work over, this one having been silent for too long."""
        return name not in self._held or self._held[name].lost

    def release(self, name: str) -> None:
        """Give a piece of work up, or be done with it."""
        with self._lock:
            held = self._held.pop(name, None)
        if held is None:
            return
        os.close(held.descriptor)
        if _read(held.path).get("token") == held.token:
            for path in _numbers(self.folder, name):
                if int(path.suffix[1:]) <= int(held.path.suffix[1:]):
                    with contextlib.suppress(OSError):  # a dead process's of another user, whose it stays
                        path.unlink(missing_ok=True)

    def _may_take(self, path: Path, name: str, done: bool) -> bool:
        try:
            content, age = _heartbeat(path), time.time() - path.stat().st_mtime
        except OSError:  # it was just given up: next time, then
            return False
        seen = self._seen.get(name)
        if seen is None or seen.content != content:
            seen = self._seen[name] = _Seen(content, time.monotonic())
        return (
            process_ids.is_dead(str(_parse(content).get("tag", "")))
            or time.monotonic() - seen.since >= self._stale
            or (done and age > LEFTOVER_AGE)
        )

    def _keep_beating(self) -> None:
        while not self._stop.wait(self.beat):
            with self._lock:
                for name, held in self._held.items():
                    with contextlib.suppress(OSError):
                        _beat(held)
                    latest = _numbers(self.folder, name)
                    if not latest or _read(latest[-1]).get("token") != held.token:
                        held.lost = True


def under(folder: Path) -> list[Lease]:
    """The leases that there are, of each piece of work the last."""
    latest: dict[str, Path] = {}
    for path in sorted(_lease_files(folder), key=lambda path: int(path.suffix[1:])):
        latest[path.stem] = path
    found = []
    for name, path in latest.items():
        with contextlib.suppress(OSError):
            about, age = _read(path), time.time() - path.stat().st_mtime
            dead = process_ids.is_dead(str(about.get("tag", "")))
            found.append(Lease(name, dead, age, about.get("note", {})))
    return found


def _lease_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix[1:].isdigit()]
    except OSError:
        return []


def _numbers(folder: Path, name: str) -> list[Path]:
    """The leases of one piece of work, the last in force."""
    files = [path for path in _lease_files(folder) if path.stem == name]
    return sorted(files, key=lambda path: int(path.suffix[1:]))


def _beat(held: _Held) -> None:
    # Through the descriptor: once another process took over, this file is no longer anyone's lease.
    about = {"tag": process_ids.tag(), "token": held.token, "beat": uuid.uuid4().hex, "note": held.note}
    os.pwrite(held.descriptor, json.dumps(about).encode().ljust(_LENGTH)[:_LENGTH], 0)
    os.fsync(held.descriptor)


def _heartbeat(path: Path) -> bytes:
    """What changes with every heartbeat: the content, or where another user's cannot be read, its time."""
    try:
        return path.read_bytes()
    except PermissionError:
        return str(path.stat().st_mtime_ns).encode()


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parse(path.read_bytes())
    except OSError:
        return {}


def _parse(content: bytes) -> dict[str, Any]:
    try:
        about = json.loads(content)
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}
