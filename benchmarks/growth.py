"""How cost grows: with the number of runs, with the subset, with the batch."""

from benchmarks import _arrangements
from benchmarks._cases import Plan
from benchmarks._harness import Spread, Workers, alternate, once, ratios
from benchmarks._limit import working_set
from benchmarks._table import Row


def measure(plan: Plan) -> list[Row]:
    """Each against the first of its kind; where cost is proportional, the ratios are 1."""
    return [*_runs_and_subsets(plan), *_memory(plan)]


def _runs_and_subsets(plan: Plan) -> list[Row]:
    case, places = plan.small, _arrangements.host_devices(plan)
    subsets = tuple(case.batch_size * 2**k for k in (range(1, 3) if plan.tiny else range(4, 8)))
    numbers = tuple(places * 2**k for k in range(2 if plan.tiny else 4))
    side = _arrangements.ours(
        plan, "growth", case=case, subsets=subsets, numbers=numbers, host_devices=places
    )
    tasks = [f"runs {number}" for number in numbers] + [f"subset {size}" for size in subsets]
    with Workers(side) as workers:
        found = dict(zip(tasks, alternate([(workers, task) for task in tasks], plan.repeats), strict=True))
    rows = []
    for kind, amounts, unit in (("runs", numbers, "s/run"), ("subset", subsets, "ms/image")):
        scale = 1000 if kind == "subset" else 1
        costs = [[scale * seconds / amount for seconds in found[f"{kind} {amount}"]] for amount in amounts]
        for amount, cost in zip(amounts, costs, strict=True):
            what = (
                f"sweep of {amount} runs, 2 epochs of {min(subsets)} images"
                if kind == "runs"
                else f"epoch on {amount} images in each of {places} places"
            )
            rows.append(
                Row("growth", f"{what}, {case.title}", unit, Spread.of(cost),
                    ratio=Spread.of(ratios(cost, costs[0])), against=str(amounts[0]), less_is_better=True)
            )  # fmt: skip
    return rows


def _memory(plan: Plan) -> list[Row]:
    """As the compiler plans it; the limit is what the backward pass has to wait for."""
    rows = []
    for case in filter(None, (plan.small, plan.large)):
        batches = (16, 32) if plan.tiny else (32, 128, 512)
        side = _arrangements.ours(plan, "memory", case=case, batch_sizes=batches)
        found = once(side, "memory")[0]
        for batch in batches:
            each = found[batch] / batch / 2**20
            rows.append(
                Row("growth", f"memory of a step, {case.title}, batch {batch}", "MiB/image",
                    Spread(each, each, each, 1), limit=working_set(case.at(batch, 1)) / batch / 2**20,
                    ratio=Spread(*[each / (found[batches[0]] / batches[0] / 2**20)] * 3, samples=1),
                    against=f"batch {batches[0]}", less_is_better=True)
            )  # fmt: skip
    return rows
