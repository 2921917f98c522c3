"""The progress bar: runs done and time left; silent where nobody watches."""

from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from research.config import RunConfig
from research.sweeps import Event


class Progress:
    """A bar over the work of one experiment, weighted by the images that each run trains on.

    What was already done counts as done when the sweep first reports: the bar starts there.
    """

    def __init__(self, name: str, runs: Sequence[RunConfig], measurements: Sequence[Any]):
        self._runs = len(set(runs))
        self._measurements = len(measurements)
        self._ended = self._diverged = self._measured = 0
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
        )
        total = sum(run.epochs * (run.subset_size or 0) for run in set(runs))
        self._task = self._bar.add_task(name, total=total, count="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, todo: Sequence[RunConfig]) -> None:
        """The sweep will train these and no others."""
        self._ended = self._runs - len(todo)
        self._bar.reset(
            self._task, total=sum(run.epochs * (run.subset_size or 0) for run in todo), count=self._count()
        )

    def update(self, event: Event) -> None:
        """A run went on by an epoch, or ended."""
        size = event.run.subset_size or 0
        ended = event.status != "training"
        self._ended += ended
        self._diverged += event.status == "diverged"
        # A run that diverges leaves its remaining epochs undone: they count as passed.
        epochs = 1 + (event.run.epochs - event.epochs if ended else 0)
        self._bar.update(self._task, advance=epochs * size, count=self._count())

    def measured(self, _: object) -> None:
        """A measurement was taken, or found done."""
        self._measured += 1
        self._bar.update(self._task, count=self._count())

    def _count(self) -> str:
        text = f"{self._ended}/{self._runs} runs"
        if self._diverged:
            text += f", {self._diverged} diverged"
        if self._measured:
            text += f", {self._measured}/{self._measurements} measured"
        return text
