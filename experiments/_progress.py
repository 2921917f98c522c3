"""How far a sweep is, as a table: live beside the sweep itself, silent where nobody watches."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar

from experiments._sweep_status import COLUMNS, SweepStatus
from experiments._tables import fitting
from research.training.config import RunConfig

if TYPE_CHECKING:
    from research.sweeps.sweep import RunUpdate


class Progress:
    """A table over the work of one experiment.

    Time left follows from the images trained on: large runs count more than small ones.
    """

    def __init__(self, name: str, runs: Sequence[RunConfig], measurements: Sequence[Any]):
        self._name = name
        self._sweep_status = SweepStatus(len(set(runs)))
        self._measurements = len(set(measurements))
        self._measured = self._ended_here = 0
        self._work = self._done = 0
        self._epochs: dict[RunConfig, int] = {}
        self._began = time.monotonic()
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console, get_renderable=self._table, refresh_per_second=2, transient=True
        )
        self._watched = self._console.is_terminal

    def __enter__(self) -> Self:
        if self._watched:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._watched:
            self._live.stop()

    def start(self, todo: Sequence[RunConfig]) -> None:
        """The sweep will train these and no others."""
        self._sweep_status.finished = self._sweep_status.runs - len(todo)
        self._work = sum(map(work_of, todo))
        self._began = time.monotonic()

    def update(self, event: "RunUpdate") -> None:
        """A run went on by an epoch, or ended."""
        standing, run = self._sweep_status, event.run
        ended = event.status != "training"
        # A run that diverges leaves its remaining epochs undone: they count as passed.
        epochs = run.epochs if ended else event.epochs
        self._done += (epochs - self._epochs.get(run, 0)) * (run.subset_size or 0)
        self._epochs[run] = epochs
        if ended:
            del self._epochs[run]
            self._ended_here += 1
        standing.running = len(self._epochs)
        standing.finished += event.status in ("finished", "elsewhere")
        standing.diverged += event.status == "diverged"
        standing.failed += event.status == "out_of_memory"

    def measured(self, _: object) -> None:
        """A measurement was taken, or found done."""
        self._measured += 1

    def _table(self) -> RenderableType:
        passed = max(1e-9, time.monotonic() - self._began)
        if self._ended_here:
            self._sweep_status.rate = 60 * self._ended_here / passed
        if self._done:
            self._sweep_status.left = max(0, self._work - self._done) / self._done * passed
        bar = ProgressBar(total=max(1, self._work), completed=self._done, width=24)
        measured = [f"{self._measured}/{self._measurements}"] if self._measurements else []
        columns = (self._name, *COLUMNS, *(("measured",) if self._measurements else ()))
        return fitting(columns, [(bar, *self._sweep_status.cells(), *measured)], self._console.width)


def work_of(run: RunConfig) -> int:
    """Images that a run trains on, of all its epochs."""
    return run.epochs * (run.subset_size or 0)
