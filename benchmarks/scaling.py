"""What more cores are worth: one run over 1, 2, 4, ... of them, and as many runs side by side as there are.

Each is compared with one run on one core; with PyTorch, `cores` and `throughput` compare.
"""

from contextlib import ExitStack

from benchmarks import _arrangements
from benchmarks._cases import Case, Plan
from benchmarks._harness import Side, Spread, Workers, alternate, rates, ratios
from benchmarks._table import Row


def measure(plan: Plan) -> list[Row]:
    """Rows for each of `Plan.single_run_cases`; none on a GPU or on one core."""
    counts = [2**power for power in range(plan.cores.bit_length()) if 2**power <= plan.cores]
    if plan.accelerator or counts == [1]:
        return []
    return [row for case in plan.single_run_cases(images=8192) for row in _rows(plan, case, counts)]


def _rows(plan: Plan, case: Case, counts: list[int]) -> list[Row]:
    """One run over a number of cores, then as many runs, one on each."""
    with ExitStack() as stack:
        sides: list[tuple[str, int, Side]] = []
        for cores in counts:
            sides.append(("one run on", 1, _side(plan, case, cores, host_devices=1)))
            if cores > 1:
                sides.append(("runs side by side on", cores, _side(plan, case, cores, host_devices=cores)))
        starting = [Workers(side) for _, _, side in sides]  # all at once: one by one they take long
        workers = [stack.enter_context(one) for one in starting]
        found = alternate([(one, "epoch") for one in workers], plan.repeats_of(case))
    speeds = [
        rates(seconds, runs * case.train_size) for (_, runs, _), seconds in zip(sides, found, strict=True)
    ]
    return [
        Row("scaling", f"{what} {side.threads} cores, {case.title}, batch {case.batch_size}", "images/s",
            Spread.of(speed), Spread.of(speeds[0]), None, Spread.of(ratios(speed, speeds[0])), "one core")
        for (what, _, side), speed in zip(sides[1:], speeds[1:], strict=True)
    ]  # fmt: skip


def _side(plan: Plan, case: Case, cores: int, host_devices: int) -> Side:
    return _arrangements.ours(plan, "training", case=case, host_devices=host_devices, threads=cores)
