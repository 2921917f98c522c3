"""The learning-rate range test, against the best rate of a sweep.

In one run the rate doubles every few steps from far too low to far too high; a tenth of where its loss is
lowest is the test's suggestion (B10; Smith 2017). The sweep trains at each factor to the end; its runs are
those of `lr_sweep`.

    python -m experiments.lr_range                            a miniature on synthetic images
    python -m analysis.lr_range --label quick                 the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import peak
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.training.config import RunConfig
from research.training.schedules import Policy

GROUP = "batch"


@dataclass(frozen=True)
class LRRange(Experiment):
    """One test and one sweep for each seed.

    Attributes:
        factors: of the sweep.
        lowest: factor at which the test begins.
        doublings: of the rate, from there to the test's end.
        epochs_per_doubling: of the test, whose loss is read once an epoch.
    """

    partly = ("epochs", "schedule.knots")  # of the sweep

    factors: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16)
    lowest: float = 1 / 64
    doublings: int = 12
    epochs_per_doubling: int = 2

    def __post_init__(self):
        super().__post_init__()
        require(self.doublings >= 2, "doublings", self.doublings, "must be at least 2")
        require(
            self.epochs_per_doubling >= 1,
            "epochs_per_doubling",
            self.epochs_per_doubling,
            "must be at least 1",
        )

    def test(self, seed: int) -> RunConfig:
        """The run in which the rate rises; its rate at factor 1 is the schedule's peak."""
        rising = Policy(
            "exp",
            self.lowest * peak(self.base),
            gamma=2 ** (1 / self.epochs_per_doubling),
            reference_batch=self.base.schedule.reference_batch,
        )
        return replace(
            self.base,
            schedule=rising,
            epochs=self.doublings * self.epochs_per_doubling,
            factor=1.0,
            seed=seed,
        )

    def runs(self) -> Sequence[RunConfig]:
        sweep = [replace(self.base, factor=f, seed=seed) for f in self.factors for seed in self.seed_range()]
        return [*(self.test(seed) for seed in self.seed_range()), *sweep]


PRESETS = {
    "smoke": LRRange(
        replace(SMOKE, subset_size=128), seeds=2, factors=(1, 64), doublings=3, epochs_per_doubling=1
    ),
    "quick": LRRange(replace(QUICK, subset_size=2048), seeds=3, factors=(1 / 4, 1 / 2, 1, 2, 4, 8, 16)),
    # As many epochs as the miniature, on a subset: a range test is to cost less than a run.
    "paper": LRRange(replace(PAPER, subset_size=6250)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
