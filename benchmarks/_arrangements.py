"""The ways in which PyTorch may be set to work; the best of them counts."""

from dataclasses import replace
from typing import Any

from benchmarks._cases import Case, Plan
from benchmarks._harness import Side
from benchmarks._machine import OURS


def ours(plan: Plan, factory: str, *, threads: int | None = None, **arguments: Any) -> Side:
    """Our side, in one process.

    Args:
        threads: cores that it is kept on; None: all.
    """
    return Side("ours", f"benchmarks._ours:{factory}", arguments, threads=threads, environment=OURS)


def other_checkout(plan: Plan, factory: str, **arguments: Any) -> Side:
    """The same as `ours`, by another checkout of this project."""
    return replace(ours(plan, factory, **arguments), name="the other checkout", root=plan.against)


def host_devices(plan: Plan) -> int:
    """As an experiment sets them: two where there are two cores."""
    return min(2, plan.cores)


def one_process(plan: Plan, factory: str, **arguments: Any) -> Side:
    """PyTorch in one process with all threads."""
    threads = None if plan.accelerator else plan.cores
    name = "PyTorch, 1 process" if plan.accelerator else f"PyTorch, 1 process of {plan.cores} threads"
    return Side(name, f"benchmarks._torch:{factory}", arguments | {"threads": threads}, 1, threads)


def process_each_core(plan: Plan, factory: str, **arguments: Any) -> Side:
    """PyTorch in as many single-threaded processes as there are cores, each with a run of its own."""
    name = f"PyTorch, {plan.cores} processes of 1 thread"
    return Side(name, f"benchmarks._torch:{factory}", arguments | {"threads": 1}, plan.cores, 1)


def training(plan: Plan, case: Case) -> list[Side]:
    """All ways to train: on a CPU by processes and threads; on a GPU by mode of compilation and processes."""
    if not plan.accelerator:
        return [
            process_each_core(plan, "training", case=case),
            one_process(plan, "training", case=case),
        ]
    factory, sides = "benchmarks._torch:training", []
    for mode in ("default", "reduce-overhead"):  # the second one replays CUDA graphs
        arguments = {"case": case, "mode": mode}
        sides.append(Side(f"PyTorch compiled, {mode}", factory, arguments))
        if case.width < 64:
            sides.append(Side(f"PyTorch compiled, {mode}, 4 processes", factory, arguments, processes=4))
    return sides
