"""Stopping in good order: what a signal asks for is done after the epoch under way."""

import signal
import sys
from types import FrameType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)  # the last: submitit's, when a job's time is up


class Stop:
    """While this context lasts, a first signal is noted and a second Ctrl-C stops at once.

    SIGUSR2 is heeded only where submitit has a handler for it; that handler is called by `leave`.
    """

    def __init__(self):
        self._asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if number != signal.SIGUSR2 or callable(before):
                self._before[number] = before
                signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def __call__(self) -> bool:
        """Whether a signal came."""
        return self._asked is not None

    def leave(self) -> None:
        """Go, as the signal asked: 130 after Ctrl-C, 143 after SIGTERM, back into the queue under Slurm."""
        if self._asked == signal.SIGUSR2:
            self._before[signal.SIGUSR2](signal.SIGUSR2, None)
        if self._asked == signal.SIGTERM:
            sys.exit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def _note(self, number: int, _: FrameType | None) -> None:
        if self._asked == signal.SIGINT == number:
            raise KeyboardInterrupt
        self._asked = number
        if number == signal.SIGINT:
            said = "stopping after the epoch or measurement under way; Ctrl-C again stops at once"
            print(said, file=sys.stderr, flush=True)
