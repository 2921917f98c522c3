"""What curvature costs: a Hessian-vector product in gradients, sharpness and step budgets in runs."""

from contextlib import ExitStack

from benchmarks import _arrangements
from benchmarks._cases import Case, Plan
from benchmarks._harness import Spread, Workers, alternate, rates, ratios
from benchmarks._limit import Ceilings, floor, flops
from benchmarks._machine import has_torch
from benchmarks._table import Row

POINTS = 20

WITH_PYTORCH = True


def measure(plan: Plan, ceilings: Ceilings) -> list[Row]:
    """Rows of the product for each network; of the sharpness and the budget, in a run of the quick preset."""
    small = plan.small
    examples = 64 if plan.tiny else 256 if plan.quick else 2048
    cases = [(small.at(batch, 1), examples // batch) for batch in {small.batch_size, 4 * small.batch_size}]
    if plan.large:
        cases.append((plan.large.at(128 if plan.accelerator else 32, 1), 1))
    rows = [row for case, times in sorted(cases, key=str) for row in _product(plan, case, times, ceilings)]
    return [*rows, *_measures(plan)]


def _product(plan: Plan, case: Case, times: int, ceilings: Ceilings) -> list[Row]:
    """In gradients of the same side, and in products per second against PyTorch.

    Args:
        times: batches in a sample.
    """
    sides = [_arrangements.ours(plan, "derivatives", case=case, times=times)]
    if has_torch():
        sides.append(_arrangements.one_process(plan, "derivatives", case=case, times=times))
    with ExitStack() as stack:
        workers = [stack.enter_context(Workers(side)) for side in sides]
        entries = [(one, task) for task in ("gradient", "product") for one in workers]
        found = alternate(entries, plan.repeats)
    gradients, products = found[: len(sides)], found[len(sides) :]
    speeds = [rates(seconds, times) for seconds in products]
    in_gradients = [Spread.of(ratios(*pair)) for pair in zip(products, gradients, strict=True)]
    least = floor(case, ceilings, "product")
    title = f"{case.title}, batch {case.batch_size}"
    return [
        Row(
            "curvature",
            f"Hessian-vector product, {title}",
            "gradients",
            in_gradients[0],
            in_gradients[1] if len(sides) > 1 else None,
            flops(case, "product") / flops(case, "gradient"),
            less_is_better=True,
        ),
        Row(
            "curvature",
            f"Hessian-vector products, {title}",
            "products/s",
            Spread.of(speeds[0]),
            Spread.of(speeds[1]) if len(sides) > 1 else None,
            1 / (least.seconds * case.batch_size),
            Spread.of(ratios(*speeds)) if len(sides) > 1 else None,
            detail={"bound": least.bound},
        ),
    ]


def _measures(plan: Plan) -> list[Row]:
    """At their cheapest (docs/measures.md), records included, against the run that they are taken of.

    All is compiled before. The run has one core, its measures all.
    """
    case = plan.small
    subset, epochs = (64, 4) if plan.tiny else (4096, 12)
    examples = 2 * case.batch_size
    arguments = {"case": case, "subset": subset, "epochs": epochs, "points": POINTS, "examples": examples}
    arguments["host_devices"] = plan.cores
    side = _arrangements.ours(plan, "measures", **arguments)
    tasks = ("run", "sharpness", "budget")
    with Workers(side) as workers:
        run, sharpness, budget = alternate([(workers, task) for task in tasks], 1 if plan.quick else 3)
    title = f"{case.title}, {subset} images, {epochs} epochs"
    named = ((f"sharpness at {POINTS} points", sharpness), (f"step budget at {POINTS} steps", budget))
    return [
        Row("curvature", f"{what}, {title}", "seconds", Spread.of(seconds),
            ratio=Spread.of(ratios(seconds, run)), against="the run", less_is_better=True)
        for what, seconds in named
    ]  # fmt: skip
