"""Two or more sides of a comparison, timed alternately: A B A B ...

Every side lives in processes of its own, so that no runtime's threads, settings or memory disturb another's.
A process sets up once, then waits at a pipe for the name of a task; only one side works at a time. Time is
the parent's clock, from the request to the last process's answer.
"""

import contextlib
import gc
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

Tasks = Mapping[str, Callable[[], Any]]

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PAUSE = 0.02  # seconds between samples, so that one side's threads are asleep before the other starts


class WorkerError(RuntimeError):
    """A process failed; its traceback is the message."""


@dataclass(frozen=True)
class Side:
    """One way of doing the work.

    Attributes:
        name: what the table calls it.
        factory: `module:function`, called in each process; it returns tasks by name.
        arguments: of the factory.
        processes: how many do the work at once, each all of it.
        threads: of each process, which is then pinned to as many cores of its own; None: as the library has
            it, on all cores.
        environment: variables set before the factory's module is imported.
        root: of another checkout of this project, whose modules do the work; None: this one's.
    """

    name: str
    factory: str
    arguments: Mapping[str, Any]
    processes: int = 1
    threads: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of a few samples."""

    median: float
    low: float
    high: float
    samples: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of these samples."""
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
        return cls(float(median), float(low), float(high), len(values))


class Workers:
    """The processes of one side; a context manager."""

    def __init__(self, side: Side):
        context = multiprocessing.get_context("spawn")
        self.side = side
        self._pipes, self._processes = [], []
        for index in range(side.processes):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, side, index), daemon=True)
            with _environment(side):
                process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)

    def __enter__(self) -> "Workers":
        self._answers()
        return self

    def __exit__(self, *_: object) -> None:
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            with contextlib.suppress(OSError):  # it has failed and told why
                pipe.send(None)
            process.join(60)
            if process.is_alive():
                process.terminate()
            pipe.close()

    def call(self, task: str) -> list[Any]:
        """Do a task once in every process; their answers."""
        for pipe in self._pipes:
            pipe.send(task)
        return self._answers()

    def seconds(self, task: str) -> float:
        """Do a task once in every process, at once; seconds until the last is done."""
        time.sleep(PAUSE)
        start = time.perf_counter()
        self.call(task)
        return time.perf_counter() - start

    def _answers(self) -> list[Any]:
        answers = []
        for pipe in self._pipes:
            try:
                done, value = pipe.recv()
            except EOFError:
                raise WorkerError(f"{self.side.name}: the process ended without an answer") from None
            if not done:
                raise WorkerError(f"{self.side.name}:\n{value}")
            answers.append(value)
        return answers


def alternate(entries: Sequence[tuple[Workers, str]], repeats: int, warm_up: int = 1) -> list[list[float]]:
    """Seconds of each entry's task, `repeats` times each, in turn; the first `warm_up` rounds do not count.

    Args:
        entries: workers and the task they do; the same workers may come with several tasks.
    """
    seconds: list[list[float]] = [[] for _ in entries]
    for count in range(warm_up + repeats):
        for (workers, task), found in zip(entries, seconds, strict=True):
            took = workers.seconds(task)
            if count >= warm_up:
                found.append(took)
    return seconds


def rates(seconds: Sequence[float], work: float) -> list[float]:
    """Units of work per second, sample by sample."""
    return [work / value for value in seconds]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Sample by sample: neighbours in time are compared, so that a slow minute slows both."""
    return [a / b for a, b in zip(above, below, strict=True)]


def once(side: Side, task: str) -> list[Any]:
    """Set a side up, do a task once, and end it; the processes' answers."""
    with Workers(side) as workers:
        return workers.call(task)


@contextlib.contextmanager
def _environment(side: Side) -> Iterator[None]:
    """What a process that is started meanwhile finds from its beginning: NumPy reads it when it is loaded."""
    before, path = dict(os.environ), list(sys.path)
    os.environ.update(side.environment)
    if side.root is not None:
        sys.path.insert(0, str(side.root))  # multiprocessing hands it on
    if side.threads is not None:
        os.environ.update(dict.fromkeys(THREADS, str(side.threads)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        sys.path[:] = path


def _serve(pipe: Any, side: Side, index: int) -> None:
    """What a process does: set up, then one task for each request, until None comes."""
    try:
        if side.threads is not None:
            _pin(index, side.threads)
        module, _, name = side.factory.partition(":")
        tasks: Tasks = getattr(import_module(module), name)(**side.arguments)
        gc.collect()
        gc.disable()
        pipe.send((True, None))
        while (task := pipe.recv()) is not None:
            pipe.send((True, tasks[task]()))
    except EOFError:
        return  # the parent is gone
    except Exception:
        pipe.send((False, traceback.format_exc()))


def _pin(index: int, threads: int) -> None:
    """Keep this process on cores of its own, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    own = [cores[(index * threads + offset) % len(cores)] for offset in range(threads)]
    os.sched_setaffinity(0, own)
