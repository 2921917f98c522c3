"""Where images come from: a file for each source.

Every module here that has a subclass of `Source` is a source: adding a file adds one, nothing else is edited.
A folder on PYTHONPATH with `research/data/sources/NAME.py` in it adds one from outside the repository.
"""

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import ClassVar

from research.data._arrays import Arrays
from research.data._config import DataConfig
from research.errors import InvalidInput

__path__ = pkgutil.extend_path(__path__, __name__)


class Source(ABC):
    """A kind of data set, which is known by its name.

    Attributes:
        form: how its names are written, for messages: "tfds:NAME".
        made_to_size: whether `read` makes exactly as many images as the config asks for.
    """

    form: ClassVar[str]
    made_to_size: ClassVar[bool] = False

    def takes(self, name: str) -> bool:
        """Whether a data set of this name is to be read by this source."""
        return name == self.form

    def canonical(self, name: str) -> str:
        """The name that a record keeps, which does not depend on the place."""
        return name

    @abstractmethod
    def read(self, config: DataConfig) -> Arrays:
        """Read the whole set; a source of images of several sizes resizes them to `config.image_size`.

        Raises:
            InvalidInput: it cannot be read. The line says how to get on.
        """


class PathSource(Source):
    """A kind of file or folder, which is known by its ending or by what is in it."""

    def takes(self, name: str) -> bool:
        path = path_of(name)
        with reading(name):
            if path.is_dir():
                next(
                    path.iterdir(), None
                )  # so that a folder that cannot be read is named, not what is sought
            return path.exists() and self.holds(path)

    def canonical(self, name: str) -> str:
        return path_of(name).name

    @abstractmethod
    def holds(self, path: Path) -> bool:
        """Whether this file or folder, which exists, is of this kind.

        Looks no deeper than into the folders in its folders, whatever lies below them.

        Raises:
            OSError: the file or folder itself cannot be read.
        """


def path_of(name: str) -> Path:
    """The path that a name stands for: absolute, `~` being the home folder."""
    return Path(name).expanduser().absolute()


def inside(path: Path) -> Sequence[Path]:
    """What lies in a folder, in order; nothing in what is no folder, cannot be read, or is gone by now."""
    try:
        return sorted(path.iterdir())
    except OSError:
        return []


@contextmanager
def reading(name: str) -> Iterator[None]:
    """While the files and folders of a data set of this name are listed.

    Raises:
        InvalidInput: one of them cannot be read.
    """
    try:
        yield
    except OSError as error:
        unreadable = f"{error.filename or path_of(name)} cannot be read ({error.strerror or error})"
        raise InvalidInput("data.name", name, unreadable) from error


def source_of(name: str) -> Source:
    """The source that reads the data set of this name.

    Raises:
        InvalidInput: there is none.
    """
    for source in discover():
        if source.takes(name):
            return source
    path = path_of(name)
    named = [source.form for source in discover() if not isinstance(source, PathSource)]
    paths = ", ".join(source.form for source in discover() if isinstance(source, PathSource))
    if path.is_dir():
        there = inside(path)
        names = ", ".join(entry.name for entry in there[:5])
        some = names + (" ..." if len(there) > 5 else "") if there else "nothing"
        within = next(filter(_is_held, there), None)
        allowed = f"must be {paths}" if within is None else f"give {Path(name) / within.name} itself"
        raise InvalidInput("data.name", name, f"holds {some}: {allowed}")
    if path.exists():
        raise InvalidInput("data.name", name, f"must be {paths}")
    looks_like_a_path = "/" in name or path.suffix or name.startswith("~")
    missing = "there is no such file or folder; " if looks_like_a_path else ""
    raise InvalidInput("data.name", name, f"{missing}must be one of {', '.join(named)}, or a path: {paths}")


def _is_held(path: Path) -> bool:
    """Whether a source would read what lies in a folder that none does."""
    if path.name[0] in "._":
        return False
    with suppress(OSError):
        return any(isinstance(source, PathSource) and source.holds(path) for source in discover())
    return False


@cache
def discover() -> tuple[Source, ...]:
    """Every source, those that go by a name before those that look at a path."""
    found = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if (
                issubclass(kind, Source)
                and kind.__module__ == module.__name__
                and not inspect.isabstract(kind)
            ):
                found.append(kind())
    return tuple(sorted(found, key=lambda source: isinstance(source, PathSource)))
