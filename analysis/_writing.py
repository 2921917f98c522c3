"""Files that users ask for: a place that cannot be written to is their mistake, told in a line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from research.errors import InvalidInput, require, unwritable


def write_text(field: str, path: Path, text: str) -> None:
    """Write a page where an option says.

    Args:
        field: the option.

    Raises:
        InvalidInput: it cannot be written there.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            field, str(path), f"must be a file that can be written ({error.strerror})"
        ) from error


def require_writable(field: str, folder: Path, way_on: str) -> None:
    """Raise `InvalidInput` where a folder is not to be written to, or cannot be made; nothing is.

    Args:
        field: the option that named it.
        way_on: what the user can do instead.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    require(writable, field, str(folder), f"must be a folder that can be written to; {way_on}")


@contextmanager
def report_unwritable(field: str, folder: Path, way_on: str) -> Iterator[None]:
    """A file in a folder that cannot be written, made or replaced becomes `InvalidInput`."""
    try:
        yield
    except OSError as error:
        told = unwritable(field, folder, error)
        raise InvalidInput(field, str(folder), f"{told.allowed}; {way_on}") from error
