"""What our own kernels gain on a CPU: training with them, and with the same work left to XLA.

XLA's convolutions have their gradients stated as ordinary ones, without which they are another 10 to 18 times
slower in a loop.
"""

from contextlib import ExitStack

from benchmarks import _arrangements
from benchmarks._cases import Plan
from benchmarks._harness import Spread, Workers, alternate, rates, ratios
from benchmarks._limit import Ceilings, floor
from benchmarks._table import Row


def measure(plan: Plan, ceilings: Ceilings) -> list[Row]:
    """A row for each network and batch size; none on a GPU, where these kernels are not used."""
    if plan.accelerator:
        return []
    rows = []
    for case in plan.throughput_cases():
        places = _arrangements.host_devices(plan)
        sides = [
            _arrangements.ours(plan, "training", case=case, host_devices=places, kernels=kernels)
            for kernels in (True, False)
        ]
        with ExitStack() as stack:
            workers = [stack.enter_context(Workers(side)) for side in sides]
            found = alternate([(one, "epoch") for one in workers], plan.repeats_of(case))
        with_them, without = (rates(seconds, places * case.train_size) for seconds in found)
        row = Row(
            "kernels",
            f"training, {case.title}, batch {case.batch_size}",
            "images/s",
            Spread.of(with_them),
            None,
            1 / floor(case, ceilings, side_by_side=places).seconds,
            Spread.of(ratios(with_them, without)),
            against="XLA's operations",
            detail={"XLA's operations": Spread.of(without).median},
        )
        rows.append(row)
    return rows
