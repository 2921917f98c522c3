"""One run by itself, as `experiments.train` has it: what all cores do for it over one, and PyTorch with all.

The side of one core is kept on one, XLA's threads and ours with it.
"""

from contextlib import ExitStack

from benchmarks import _arrangements
from benchmarks._cases import Case, Plan
from benchmarks._harness import Spread, Workers, alternate, rates, ratios
from benchmarks._limit import Ceilings, floor
from benchmarks._machine import has_torch
from benchmarks._table import Row

WITH_PYTORCH = True


def measure(plan: Plan, ceilings: Ceilings) -> list[Row]:
    """Rows for each of `Plan.single_run_cases`; none on a GPU or on one core."""
    if plan.accelerator or plan.cores == 1:
        return []
    return [row for case in plan.single_run_cases(images=32768) for row in _rows(plan, case, ceilings)]


def _rows(plan: Plan, case: Case, ceilings: Ceilings) -> list[Row]:
    """All cores over one, and over PyTorch's one process of all threads."""
    sides = [
        _arrangements.ours(plan, "training", case=case, host_devices=1, threads=threads)
        for threads in (None, 1)
    ]
    if has_torch():
        sides.append(_arrangements.one_process(plan, "training", case=case))
    with ExitStack() as stack:
        workers = [stack.enter_context(Workers(side)) for side in sides]
        found = alternate([(one, "epoch") for one in workers], plan.repeats_of(case))
    own, *others = (rates(seconds, case.train_size) for seconds in found)
    names = ("one core", f"PyTorch, {plan.cores} threads")
    return [
        Row("cores", f"one run on {plan.cores} cores, {case.title}, batch {case.batch_size}", "images/s",
            Spread.of(own), Spread.of(theirs), 1 / floor(case, ceilings).seconds,
            Spread.of(ratios(own, theirs)), name)
        for theirs, name in zip(others, names, strict=False)
    ]  # fmt: skip
