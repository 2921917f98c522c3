"""Time the same work here and in PyTorch, and print how they compare: `python -m benchmarks`.

python -m benchmarks --quick                  the miniature only, short samples: to see that all works
python -m benchmarks --only throughput sweep  some of the benchmarks
python -m benchmarks --save cpu-2             also write benchmarks/results/cpu-2.json and .md
python -m benchmarks --only against --against ../before   this checkout and another one, in turn
"""

# Only light imports here: every worker process imports this module again.
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Name = Literal[
    "throughput",
    "cores",
    "scaling",
    "kernels",
    "sweep",
    "starts",
    "replay",
    "curvature",
    "growth",
    "against",
]
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Options:
    """What to time, and how often.

    Attributes:
        only: these benchmarks; default: all of them.
        repeats: samples of each side, alternating; the largest cases take fewer.
        quick: the miniature only and short samples: to see that all works, not to quote.
        tiny: a toy network in the miniature's place, for the tests.
        save: name of the files in benchmarks/results, such as the class of the machine.
        results: folder of the files.
        against: another checkout of this project, trained, replayed and swept with in turn with this one.
    """

    only: tuple[Name, ...] = ()
    repeats: int = 5
    quick: bool = False
    tiny: bool = False
    save: str | None = None
    results: Path = RESULTS
    against: Path | None = None


def run(options: Options) -> None:
    """Check parity and measure the ceilings where a benchmark needs them, run them all, print and save."""
    from importlib import import_module
    from inspect import signature

    from benchmarks import _machine, _table, parity
    from benchmarks._cases import Plan
    from research.errors import require
    from research.records.provenance import command

    require(options.repeats >= 1, "repeats", options.repeats, "must be at least 1")
    against = options.against and options.against.resolve()
    is_one = against is None or (against / "benchmarks" / "_ours.py").is_file()
    require(is_one, "against", options.against, "must be a checkout of this project")
    facts = _machine.about()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    plan = Plan(options.repeats, options.quick, options.tiny, cores, facts.pop("backend") != "cpu", against)
    facts["cores used"] = cores
    facts["precision"] = plan.precision
    names: tuple[str, ...] = options.only or Name.__args__  # type: ignore[attr-defined]
    chosen = {name: import_module(f"benchmarks.{name}") for name in names}
    compared = any(getattr(module, "WITH_PYTORCH", False) for module in chosen.values())
    if compared and not _machine.has_torch():
        print("PyTorch is not installed: only our side is timed (make bench has both)", file=sys.stderr)
    elif compared and not options.tiny:  # tests/benchmarks/test_parity.py does as much
        facts["parity"] = parity.check(plan)
    limited = [name for name, one in chosen.items() if "ceilings" in signature(one.measure).parameters]
    ceilings = _machine.measure_ceilings(plan) if limited else None
    if ceilings:
        facts["matrix products"] = (
            f"{ceilings.flops / 1e9:,.0f} GFLOP/s, one core {ceilings.flops_per_core / 1e9:,.0f}"
        )
        facts["memory"] = (
            f"{ceilings.bandwidth / 1e9:,.0f} GB/s, last-level cache {ceilings.cache / 2**20:,.0f} MiB"
        )
    for name, value in facts.items():
        print(f"{name}: {value}", flush=True)
    rows = []
    for name, module in chosen.items():
        found = module.measure(plan, ceilings) if name in limited else module.measure(plan)
        _table.show(found, name)
        rows += found
    if options.save:
        path = options.results / options.save
        _table.save(rows, facts, command(), path)
        print(f"-> {path}.md and .json")


def main() -> None:
    """The command line."""
    from commandline import exit_with, parse

    exit_with(lambda: run(parse(Options, "benchmarks", __doc__)))


if __name__ == "__main__":
    main()
