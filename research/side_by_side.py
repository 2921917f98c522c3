"""Independent pieces of work in threads: XLA computes without Python's lock, so each keeps a core busy."""

from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ThreadPool
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class SideBySide:
    """So many threads, while this context lasts.

    What fails, fails when the work under way beside it has ended; what was not begun is left. Ctrl-C waits
    for nothing.
    """

    def __init__(self, threads: int):
        self._pool = ThreadPool(threads)
        self._failed = False

    def __enter__(self) -> "SideBySide":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            self._failed = True
            self._pool.close()
            self._pool.join()
        self._pool.terminate()

    def each(self, do: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result]]:
        """Every item with its result, in order."""

        def unless_failed(item: Item) -> Any:
            return None if self._failed else do(item)

        return zip(items, self._pool.imap(unless_failed, items), strict=True)
