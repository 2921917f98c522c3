"""Mistakes that are the user's to mend."""

from pathlib import Path


class InvalidInput(ValueError):  # noqa: N818 (it says whose error it is)
    """A value that cannot be used: the message is one line for the user, not for a debugger.

    Commands print it as it is and leave with exit status 2.
    """

    def __init__(self, field: str, value: object, allowed: str):
        super().__init__(f"{field} is {value!r}: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed

    def __reduce__(self):
        # Exceptions are pickled by their message alone, and this one has to come back from other processes.
        return InvalidInput, (self.field, self.value, self.allowed)


def require(condition: bool, field: str, value: object, allowed: str) -> None:
    """Raise `InvalidInput` unless `condition` holds.

    `allowed` completes the sentence "FIELD is VALUE: ..." with what would be accepted.
    """
    if not condition:
        raise InvalidInput(field, value, allowed)


def require_folder(field: str, folder: Path) -> None:
    """Make a folder, or raise `InvalidInput` where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(field, folder, error) from error


def unwritable(field: str, folder: Path, error: OSError) -> InvalidInput:
    """What is raised where a folder cannot be made or written to."""
    reason = error.strerror or "cannot be used"
    return InvalidInput(field, str(folder), f"must be a folder that can be written to ({reason})")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device's or the host's memory is exhausted, XLA's words included."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
