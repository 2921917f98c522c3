"""Independent pieces of work in threads: XLA computes without Python's lock, so each keeps a core busy."""

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.pool import ThreadPool
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """So many threads, while this context lasts.

    What fails, fails when the work under way beside it has ended; what was not begun is left. Ctrl-C waits
    for nothing: what is under way is given up when the process ends.
    """

    def __init__(self, threads: int):
        self._pool = ThreadPool(threads)
        self._failed = False
        self._under_way: set[int] = set()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, Exception):
            self._failed = True
            self._pool.close()
            self._pool.join()
        elif kind is not None:
            atexit.register(self._leave)
        self._pool.terminate()

    def _leave(self) -> None:
        # A thread cannot be ended inside XLA: the interpreter, which tries to, would be aborted.
        if self._under_way:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(128 + signal.SIGINT)

    def each(self, do: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[Item, Result]]:
        """Every item with its result, in order."""

        def unless_failed(item: Item) -> Any:
            if self._failed:
                return None
            self._under_way.add(here := id(item))
            try:
                return do(item)
            finally:
                self._under_way.discard(here)

        return zip(items, self._pool.imap(unless_failed, items), strict=True)
