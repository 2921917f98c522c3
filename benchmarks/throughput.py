"""Images trained on per second, making the batches included.

Ours: compiled epochs (`research.training.epoch`) with every host device busy, as in a sweep. PyTorch: epochs
of the same work, in its best arrangement. A sample is one epoch; on a CPU one step of the article's network.
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
    """A row for each network and batch size."""
    return [_row(plan, case, ceilings) for case in plan.throughput_cases()]


def _row(plan: Plan, case: Case, ceilings: Ceilings) -> Row:
    host_devices = _arrangements.host_devices(plan)
    sides = [_arrangements.ours(plan, "training", case=case, host_devices=host_devices)]
    if has_torch():
        sides += _arrangements.training(plan, case)
    with ExitStack() as stack:
        workers = [stack.enter_context(Workers(side)) for side in sides]
        places = workers[0].call("places")[0]
        # On a GPU the first epochs compile, and record CUDA graphs.
        warm_up = 3 if plan.accelerator else 1
        found = alternate([(one, "epoch") for one in workers], plan.repeats_of(case), warm_up)
    work = [places * case.train_size, *(side.processes * case.train_size for side in sides[1:])]
    speeds = {
        side.name: rates(seconds, images) for side, seconds, images in zip(sides, found, work, strict=True)
    }
    own = speeds.pop("ours")
    best = max(speeds, key=lambda name: Spread.of(speeds[name]).median, default=None)
    least = floor(case, ceilings, side_by_side=places)
    return Row(
        "throughput",
        f"training, {case.title}, batch {case.batch_size}",
        "images/s",
        Spread.of(own),
        Spread.of(speeds[best]) if best else None,
        1 / least.seconds,
        Spread.of(ratios(own, speeds[best])) if best else None,
        detail={
            "best": best,
            "bound": least.bound,
            "places": places,
            **{name: Spread.of(values).median for name, values in speeds.items()},
        },
    )
