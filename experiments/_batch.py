"""What the batch-size studies share: how a run's batch is changed, and its learning rate with it.

They are built on one grid, so that most of their runs are wanted by several of them and trained once.
"""

from dataclasses import replace

from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear, Policy

RULES = {"none": 1.0, "sqrt": 0.5, "linear": 0.0}
"""At a batch k times as large, the rate of a step grows by k ** (1 - power): powers by the rule's name.

A factor is relative to the batch size (`research.training.schedules`), so that `linear` leaves it as it is.
Linear keeps the mean update per example; the square root keeps the update's variance per example
(Krizhevsky 2014, section 5; Goyal et al. 2017; Hoffer et al. 2017). """


def with_batch(run: RunConfig, batch_size: int, rule: str) -> RunConfig:
    """The run at another batch size, its learning rate changed by the rule."""
    changed = replace(run, batch_size=batch_size)  # which refuses what is none
    return replace(changed, factor=run.factor * (batch_size / run.batch_size) ** -RULES[rule])


def longer(run: RunConfig, times: int) -> RunConfig:
    """The run with several times as many epochs, its schedule stretched over them."""
    schedule = run.schedule
    assert isinstance(schedule, PiecewiseLinear)
    return replace(run, epochs=run.epochs * times, schedule=schedule.stretched(schedule.knots[-1] * times))


def of_updates(run: RunConfig, updates: int) -> RunConfig:
    """The run with the epochs that come nearest to a number of updates, its schedule stretched over them."""
    assert isinstance(run.schedule, PiecewiseLinear)
    assert run.subset_size is not None
    per_epoch = run.subset_size // run.batch_size
    epochs = max(1, round(updates / max(1, per_epoch)))
    return replace(run, epochs=epochs, schedule=run.schedule.stretched(epochs))


def cold(run: RunConfig) -> RunConfig:
    """The run without warm-up: the peak rate from the first step to where the schedule has it."""
    schedule = run.schedule
    assert isinstance(schedule, PiecewiseLinear)
    peak = schedule.values.index(max(schedule.values))
    values = (max(schedule.values),) * peak + schedule.values[peak:]
    return replace(run, schedule=replace(schedule, values=values))


def peak(run: RunConfig) -> float:
    """The schedule's highest rate, at factor 1 and its reference batch size."""
    schedule = run.schedule
    return schedule.rate if isinstance(schedule, Policy) else max(schedule.values)


def policies(run: RunConfig) -> dict[str, RunConfig]:
    """The run under each of Caffe's policies, the highest rate being that of its own schedule.

    All but `fixed` come down to between 1/16 and 1/400 of it over the epochs. They start with a warm-up of a
    twelfth of the epochs, which none of them has by itself.
    """
    rate, reference, epochs = peak(run), run.schedule.reference_batch, run.epochs
    shapes = (
        Policy("fixed", rate),
        Policy("step", rate, gamma=1 / 4, every=epochs / 4),
        Policy("exp", rate, gamma=64 ** (-1 / epochs)),
        Policy("inv", rate, gamma=255 / epochs, power=0.75),  # (1 + 255) ** -0.75 = 1/64
        Policy("multistep", rate, gamma=1 / 4, steps=drops(run)),
        Policy("poly", rate, power=1.0, every=float(epochs)),
        Policy("sigmoid", rate, gamma=-12 / epochs, every=epochs / 2),
    )
    return {
        shape.name: replace(run, schedule=replace(shape, reference_batch=reference), warm_up=epochs / 12)
        for shape in shapes
    }


def drops(run: RunConfig) -> tuple[int, int]:
    """The epochs at which `multistep` lowers the rate, to a quarter each time."""
    return max(1, run.epochs // 2), max(2, 3 * run.epochs // 4)
