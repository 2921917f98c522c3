"""How far sweeps are that run elsewhere, or ran: from what is on disk alone.

    python -m experiments.status --results results
    watch -n 10 python -m experiments.status --results results

A run is running while the process that leased it shows signs of life.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from commandline import exit_with, parse
from experiments._sweep_status import COLUMNS, SweepStatus, duration
from experiments._tables import console, fitting
from research.errors import require
from research.records.store import Damaged, Store
from research.sweeps.leases import STALE, Lease, under


@dataclass(frozen=True)
class StatusOptions:
    """What to look at.

    Attributes:
        results: folder of the records.
    """

    results: Path = Path("results")


def alive(results: Path) -> dict[str, Lease]:
    """The work that processes are at, by name."""
    leases = under(results / "leases")
    return {lease.name: lease for lease in leases if not lease.dead and lease.age < STALE}


def status_of(plan: Mapping[str, Any], store: Store, working: Mapping[str, Lease]) -> tuple[SweepStatus, int]:
    """How far a plan is, and how many of its records are damaged."""
    found = SweepStatus(len(plan["runs"]))
    damaged = 0
    work = done_since = ended_since = 0.0
    for name, size in plan["runs"].items():
        try:
            outcome = store.outcome(name)
        except Damaged:
            outcome, damaged = None, damaged + 1
        if outcome is None:
            lease = working.get(name)
            found.running += lease is not None
            share = lease.note.get("epochs", 0) / max(1, lease.note.get("of", 1)) if lease else 0.0
            work += size * (1 - share)
            done_since += size * share
            continue
        found.finished += outcome["status"] == "finished"
        found.diverged += outcome["status"] == "diverged"
        found.failed += outcome["status"] == "out_of_memory"
        if store.written(name) >= plan["started"]:
            done_since += size
            ended_since += 1
    passed = max(1.0, time.time() - plan["started"])
    if found.running or not work:
        found.rate = 60 * ended_since / passed if ended_since and work else None
        found.left = 0.0 if not work else work / done_since * passed if done_since else None
    return found, damaged


def show(results: Path, console: Console) -> None:
    """Print a table of the sweeps and one of the runs under way."""
    store, working = Store(results), alive(results)
    sweeps = []
    names: dict[str, str] = {}
    damaged = 0
    for (label, name), plan in store.plans().items():
        found, broken = status_of(plan, store, working)
        damaged += broken
        names |= dict.fromkeys(plan["runs"], f"{label} {name}")
        sweeps.append((label, name, *found.cells()))
    console.print(fitting(("label", "experiment", *COLUMNS), sweeps, console.width, name=2))
    if working:
        runs = []
        for lease in sorted(working.values(), key=lambda lease: lease.name):
            epochs = f"{lease.note['epochs']} of {lease.note['of']}" if "of" in lease.note else "–"
            of = names.get(lease.name, "a measurement")
            runs.append((lease.name, of, epochs, f"{duration(lease.age)} ago"))
        columns = ("under way", "of", "epochs", "last sign of life")
        console.print(fitting(columns, runs, console.width, name=2))
    if damaged:
        console.print(
            f"{damaged} records are damaged: their experiments' commands set them aside and repeat them"
        )


def main() -> None:
    """Parse and show."""
    options = parse(StatusOptions, "experiments.status", __doc__, sys.argv[1:], StatusOptions())
    there = (options.results / "plans").is_dir()
    require(there, "results", str(options.results), "no sweep was started there")
    show(options.results, console())


if __name__ == "__main__":
    exit_with(main)
