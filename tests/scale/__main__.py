"""What the framework itself costs: a thousand smoke runs, and what of their time is not training.

python -m tests.scale                   the table of docs/scale.md, as shares and ratios of one sweep
python -m tests.scale --runs 200
"""

import io
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from commandline import exit_with, parse
from experiments import status
from experiments._experiment import SMOKE
from research import data
from research.records.identity import identity
from research.records.store import Store
from research.sweeps import leases
from research.sweeps import sweep as sweeps
from research.sweeps.sweep import RunUpdate, sweep
from research.training.config import bind
from research.training.sharding import use_host_devices


@dataclass(frozen=True)
class Options:
    """How much.

    Attributes:
        runs: of the smoke preset, each with a seed of its own.
        host_devices: places side by side.
    """

    runs: int = 1000
    host_devices: int = 2


def main() -> None:
    """Sweep, then print."""
    options = parse(Options, "tests.scale", __doc__, sys.argv[1:], Options())
    use_host_devices(options.host_devices)
    spent: dict[str, float] = defaultdict(float)
    _timed(sweeps, "_one_epoch", "training and evaluation", spent)
    _timed(Store, "write", "records", spent)
    _timed(leases.Leases, "acquire", "leases", spent)
    _timed(leases.Leases, "release", "leases", spent)
    dataset = data.load(SMOKE.data)
    runs = [bind(replace(SMOKE, seed=seed), dataset) for seed in range(options.runs)]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        ends: list[tuple[float, float]] = []

        def watch(event: RunUpdate) -> None:
            if event.status != "training":
                ends.append((time.perf_counter(), spent["training and evaluation"]))

        sweep(runs[: options.host_devices], dataset, store)  # compiles
        spent.clear()
        began = time.perf_counter()
        summary = sweep(runs, dataset, store, watch=watch)
        total = time.perf_counter() - began
        plan = {"runs": {identity(run): 1 for run in runs}, "started": time.time()}
        store.write_plan("smoke", "train", plan)
        again = _time(lambda: sweep(runs, dataset, store))
        look = _time(lambda: status.show(Path(folder), Console(file=io.StringIO(), width=120)))
    own = total - spent["training and evaluation"]
    spent["scheduling and the rest"] = total - sum(spent.values())
    part = len(ends) // 10
    costs = [_own(ends[i], ends[i + part]) / part for i in range(0, len(ends) - part, part)]
    print(f"{summary.finished} runs of {SMOKE.epochs} epochs of {SMOKE.steps_per_epoch(256)} steps\n")
    print("| what | share of the time |\n| --- | --- |")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"| {name} | {seconds / total:.1%} |")
    print(f"| the framework's own, together | {own / total:.1%} |")
    print(f"| finding all runs done, the second time | {again / total:.1%} |")
    print(f"| one look with `experiments.status` | {look / total:.2%} |")
    print(
        f"\nown cost per run, {own / summary.finished * 1e3:.1f} ms, by tenths of the sweep, the first = 1:"
    )
    print(" ".join(f"{cost / costs[0]:.2f}" for cost in costs))
    print(f"\nidle share of the places: {summary.idle:.2%}")


def _own(first: tuple[float, float], last: tuple[float, float]) -> float:
    return (last[0] - first[0]) - (last[1] - first[1])


def _time(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _timed(owner: Any, name: str, what: str, spent: dict[str, float]) -> None:
    """Add the time that a function takes to what was spent."""
    function = getattr(owner, name)

    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent[what] += time.perf_counter() - began

    setattr(owner, name, timed)


if __name__ == "__main__":
    exit_with(main)
