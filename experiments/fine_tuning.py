"""Fine-tuning: is a large batch the better one for a network that has been trained already?

A network is trained on half of the classes with small batches; then it is trained on all of them at several
batch sizes, each at several rates (B17). Control: the second part alone, from a fresh network.

Both parts are one run: `order` keeps to half of the classes in the first, and the batch grows where the
second begins, by accumulating passes, so that runs of a seed go on from the same network. Batch norm sees as
many images at every batch size: what large batches do through it is not in the comparison.

    python -m experiments.fine_tuning                         a miniature on synthetic images
    python -m analysis.fine_tuning --label quick              the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.orders.half_classes import HalfClasses
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

GROUP = "batch"


@dataclass(frozen=True)
class FineTuning(Experiment):
    """Every batch size with every factor, after training on half of the classes and from scratch.

    The base's epochs and schedule are those of either part.

    Attributes:
        passes: of the base's batch per update in the second part: 4 is a batch four times as large.
        factors: learning-rate factors of the second part; the first has the base's.
    """

    partly = ("factor",)  # of the first part

    passes: tuple[int, ...] = (1, 4, 16)
    factors: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4)

    def __post_init__(self):
        super().__post_init__()
        require(
            all(number >= 1 for number in self.passes), "passes", self.passes, "must be numbers of at least 1"
        )

    def tuned(self, passes: int, factor: float, seed: int) -> RunConfig:
        """A run of both parts."""
        schedule, epochs = self.base.schedule, self.base.epochs
        assert isinstance(schedule, PiecewiseLinear)
        # The rate of a step is in proportion to the batch, as it is at equal factors elsewhere; the run's
        # factor does that for the second part, and the first part's values take it back.
        scale = factor * passes
        first = [value * self.base.factor / scale for value in schedule.values]
        both = replace(
            schedule,
            knots=(*schedule.knots, *(epochs + knot for knot in schedule.knots[1:])),
            values=(*first, *schedule.values[1:]),
        )
        grows = {"grow_at": (epochs,), "grow_by": passes} if passes > 1 else {}
        return replace(
            self.base,
            order=HalfClasses(epochs),
            schedule=both,
            factor=scale,
            epochs=2 * epochs,
            seed=seed,
            **grows,
        )

    def scratch(self, passes: int, factor: float, seed: int) -> RunConfig:
        """The second part alone."""
        return replace(self.base, accumulate=passes, factor=factor, seed=seed)

    def runs(self) -> Sequence[RunConfig]:
        return [
            run(passes, factor, seed)
            for run in (self.tuned, self.scratch)
            for passes in self.passes
            for factor in self.factors
            for seed in self.seed_range()
        ]


def _of(base: RunConfig, **changes) -> RunConfig:
    """The base with small batches, as long as one part."""
    run = replace(base, **changes)
    assert isinstance(run.schedule, PiecewiseLinear)
    return replace(run, schedule=run.schedule.stretched(run.epochs))


PRESETS = {
    "smoke": FineTuning(_of(SMOKE, subset_size=128), seeds=2, passes=(1, 4), factors=(1, 2)),
    "quick": FineTuning(_of(QUICK, subset_size=1024, batch_size=16, epochs=6), seeds=3),
    "paper": FineTuning(_of(PAPER, batch_size=32, epochs=15), seeds=3),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
