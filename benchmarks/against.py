"""This checkout against another one of the same project: training, replay and a sweep, in turn.

Only what the other checkout's own `benchmarks` can do is asked of it, by the names that it has had from the
start: `_ours.training` and the command of `experiments.lr_sweep`.
"""

from contextlib import ExitStack

from benchmarks import _arrangements, sweep
from benchmarks._cases import Case, Plan
from benchmarks._harness import Spread, Workers, alternate, rates, ratios
from benchmarks._limit import Ceilings, floor
from benchmarks._table import Row

OTHER = "the other checkout"


def measure(plan: Plan, ceilings: Ceilings) -> list[Row]:
    """Rows whose ratio is above 1 where this checkout is the faster; none where there is no other."""
    if plan.against is None:
        return []
    cases = plan.throughput_cases()[:3]  # the largest takes longest, and says nothing of its own
    rows = [row for case in cases for row in _training_and_replay(plan, case, ceilings)]
    return [*rows, *_sweeps(plan)]


def _training_and_replay(plan: Plan, case: Case, ceilings: Ceilings) -> list[Row]:
    """The small network's replay at its own batch size only."""
    places = _arrangements.host_devices(plan)
    make = (_arrangements.ours, _arrangements.other_checkout)
    tasks = ("epoch", "replay") if case.batch_size == plan.small.batch_size else ("epoch",)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(Workers(one(plan, "training", case=case, host_devices=places)))
            for one in make
        ]
        entries = [(one, task) for task in tasks for one in workers]
        found = alternate(entries, 2 * plan.repeats_of(case), warm_up=2)
    rows = []
    for index, task in enumerate(tasks):
        own, theirs = (rates(found[2 * index + side], places * case.train_size) for side in (0, 1))
        what, work = ("training", "gradient") if task == "epoch" else ("replay", "forward")
        rows.append(
            Row("against", f"{what}, {case.title}, batch {case.batch_size}", "images/s", Spread.of(own),
                Spread.of(theirs), 1 / floor(case, ceilings, work, places).seconds,
                Spread.of(ratios(own, theirs)), OTHER)
        )  # fmt: skip
    return rows


def _sweeps(plan: Plan) -> list[Row]:
    """Of several runs, each time with nothing compiled before, and again with all of it."""
    preset, sizes = sweep.sizes(plan)
    command = sweep.ours(preset, sizes)
    seconds = [
        [sweep.first_and_cached(command, root) for root in (None, plan.against)]
        for _ in range(sweep.repeats(plan))
    ]
    rows = []
    for index, title in enumerate(("first time", "cached")):
        own, theirs = ([pair[side][index] for pair in seconds] for side in (0, 1))
        rows.append(
            Row("against", f"{sweep.title(plan, sizes)}, {title}", "seconds", Spread.of(own),
                Spread.of(theirs), ratio=Spread.of(ratios(theirs, own)), against=OTHER, less_is_better=True)
        )  # fmt: skip
    return rows
