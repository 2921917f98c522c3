"""Files that are whole, or known not to be: atomic names, checksums, the damaged set aside, full disks."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from research.errors import InvalidInput, unwritable
from research.records import process_ids

CHECKSUMS = "checksums.json"  # beside a checkpoint's files: the SHA-256 of each
LEFTOVER_AGE = 86_400.0  # seconds after which what another machine left half-written is cleared away


def seal(folder: Path) -> None:
    """Write the SHA-256 of every file of a folder into it, and see all of them to the disk."""
    sums = {}
    for path in _files(folder):
        sums[path.relative_to(folder).as_posix()] = sha256(path.read_bytes())
        flush(path)
    write(folder / CHECKSUMS, json.dumps(sums, indent=1).encode())


def broken(folder: Path) -> str | None:
    """What a sealed folder's files lack of what was sealed; None: nothing.

    Raises:
        PermissionError: they are another user's, who lets nobody read them.
    """
    try:
        sums = json.loads((folder / CHECKSUMS).read_text())
        now = {path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in _files(folder)}
    except PermissionError:
        raise
    except (OSError, ValueError):
        return f"{CHECKSUMS} cannot be read"
    wrong = sorted(name for name in {**sums, **now} if sums.get(name) != now.get(name))
    return f"{', '.join(wrong[:3])} not what was written" if wrong else None


def move_aside(path: Path, results: Path, owner: str | None = None) -> Path | None:
    """Move a folder that cannot be used to RESULTS/damaged; None where it is gone already.

    Args:
        owner: whose it is, where its own name does not say so.

    Raises:
        InvalidInput: nothing can be written there.
    """
    name = path.name if owner is None else f"{owner}-{path.name}"
    with report_unwritable(results):
        (results / "damaged").mkdir(parents=True, exist_ok=True)
        number = 1
        while (target := results / "damaged" / f"{name}.{number}").exists():
            number += 1
        try:
            path.rename(target)
        except FileNotFoundError:  # someone else was quicker
            return None
    return target


def clear_leftovers(folder: Path) -> None:
    """Remove what was left there half-written by a process that has ended, or long ago on another machine."""
    try:
        leftovers = list(folder.glob(".tmp-*"))
    except FileNotFoundError:  # the folder went away meanwhile
        return
    for path in leftovers:
        tag = path.name.split("-")[-2:-1]
        with contextlib.suppress(OSError):
            if (tag and process_ids.is_dead(tag[0])) or time.time() - path.stat().st_mtime > LEFTOVER_AGE:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


@contextlib.contextmanager
def report_unwritable(results: Path) -> Iterator[None]:
    """A folder that is another user's, read-only, or no folder becomes `InvalidInput`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise unwritable("results", results, error) from error


@contextlib.contextmanager
def report_disk_full(results: Path) -> Iterator[None]:
    """Whoever writes meanwhile, and in whatever words it says so: a full disk becomes `InvalidInput`.

    So does a folder that nothing can be written to.
    """
    try:
        with report_unwritable(results):
            yield
    except InvalidInput:
        raise
    except Exception as error:  # Orbax and TensorStore report a full disk as many kinds
        number = getattr(error, "errno", None)
        if number not in (errno.ENOSPC, errno.EDQUOT) and os.strerror(errno.ENOSPC) not in str(error):
            raise
        raise InvalidInput(
            "results",
            str(results),
            "no space is left there; what is finished is kept; the same command goes on when there is room",
        ) from error


def partial_name(stem: str) -> str:
    """A name for what is being written, which no reader takes for a finished one."""
    return f".tmp-{stem}-{process_ids.tag()}-{uuid.uuid4().hex}"


def sha256(content: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != CHECKSUMS]


def write(path: Path, content: bytes) -> None:
    """Write a file and see it to the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush(path: Path) -> None:
    """See a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
