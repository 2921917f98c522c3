"""A frozen network on batches that are made again: images per second, and how many times training's.

Forward only, batch-norm statistics fixed; ours includes the fingerprint that shows the batch to be the one
that was trained on.
"""

from contextlib import ExitStack

from benchmarks import _arrangements
from benchmarks._cases import Plan
from benchmarks._harness import Spread, Workers, alternate, rates, ratios
from benchmarks._limit import Ceilings, floor
from benchmarks._machine import has_torch
from benchmarks._table import Row

WITH_PYTORCH = True


def measure(plan: Plan, ceilings: Ceilings) -> list[Row]:
    """One row against PyTorch, one against training on the same side."""
    case = plan.throughput_cases()[0]
    host_devices = _arrangements.host_devices(plan)
    sides = [_arrangements.ours(plan, "training", case=case, host_devices=host_devices)]
    if has_torch():
        sides += _arrangements.training(plan, case)[:1]
    with ExitStack() as stack:
        workers = [stack.enter_context(Workers(side)) for side in sides]
        places = workers[0].call("places")[0]
        entries = [(one, task) for task in ("replay", "epoch") for one in workers]
        found = alternate(entries, plan.repeats, warm_up=2)
    images = [places * case.train_size, *(side.processes * case.train_size for side in sides[1:])] * 2
    speeds = [rates(seconds, count) for seconds, count in zip(found, images, strict=True)]
    replayed, trained = speeds[: len(sides)], speeds[len(sides) :]
    forward, gradient = (floor(case, ceilings, work, places) for work in ("forward", "gradient"))
    title = f"{case.title}, batch {case.batch_size}"
    times = [ratios(a, b) for a, b in zip(replayed, trained, strict=True)]
    return [
        Row(
            "replay",
            f"replay, {title}",
            "images/s",
            Spread.of(replayed[0]),
            Spread.of(replayed[1]) if len(sides) > 1 else None,
            1 / forward.seconds,
            Spread.of(ratios(*replayed)) if len(sides) > 1 else None,
            detail={"bound": forward.bound},
        ),
        Row(
            "replay",
            f"replay against training, {title}",
            "times training",
            Spread.of(times[0]),
            Spread.of(times[1]) if len(sides) > 1 else None,
            gradient.seconds / forward.seconds,
        ),
    ]
