"""Revisits: the same images, visits, updates and rate, but in blocks, so that absences grow to many epochs.

The subset is visited block by block, each block in several passes in a row; then the rate falls in the common
order for all, or the last block would decide. Every image is visited equally often. If what a high rate costs
is that images are overwritten before they are visited again (D), longer absences cost more and a lower factor
is best; a limit of curvature (K, S) does not see the order; short memory (M) sees it until the rate has
fallen (`docs/limit.md`).

    python -m experiments.revisits                  a miniature on synthetic images
    python -m analysis.revisits --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.measures.groups import GroupLosses
from research.orders.blocks import Blocks
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

GROUP = "limit"


@dataclass(frozen=True)
class Revisits(Experiment):
    """Every factor with every number of blocks.

    Attributes:
        factors: of the learning rate.
        blocks: into how many the subset is cut; 1 is the common order.
        passes: over a block in a row; a round takes as many epochs.
        rounds: at the peak rate.
        warm_up_epochs: in the common order, the rate rising to its peak.
        annealing_epochs: in the common order, the rate falling to 0.
        peak_rate: at factor 1 and the schedule's reference batch.
    """

    factors: tuple[float, ...] = (1 / 2, 1, 2, 4)
    blocks: tuple[int, ...] = (1, 4, 16)
    passes: int = 4
    rounds: int = 2
    warm_up_epochs: int = 5
    annealing_epochs: int = 5
    peak_rate: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        require(self.rounds >= 1, "rounds", self.rounds, "must be at least 1")

    @property
    def peak_ends(self) -> int:
        """The epoch at whose start annealing begins."""
        return self.warm_up_epochs + self.passes * self.rounds

    def runs(self) -> Sequence[RunConfig]:
        start, stop = self.warm_up_epochs, self.peak_ends
        schedule = PiecewiseLinear(
            (0, start, stop, stop + self.annealing_epochs), (0, self.peak_rate, self.peak_rate, 0)
        )
        base = replace(self.base, schedule=schedule, epochs=stop + self.annealing_epochs)
        return [
            replace(base, order=Blocks(count, self.passes, start, stop), factor=factor, seed=seed)
            for count in self.blocks
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[GroupLosses]:
        """The losses of visited and never seen images, before annealing and after it."""
        return [
            GroupLosses(run, epoch, last=epoch)
            for run in self.runs()
            for epoch in (self.peak_ends, run.epochs)
        ]


PRESETS = {
    "smoke": Revisits(
        replace(SMOKE, subset_size=256),
        seeds=2,
        factors=(1,),
        blocks=(1, 2),
        passes=2,
        rounds=1,
        warm_up_epochs=1,
        annealing_epochs=1,
    ),
    "quick": Revisits(
        replace(QUICK, subset_size=2048), seeds=5, warm_up_epochs=2, annealing_epochs=2, peak_rate=0.2
    ),
    "desk": Revisits(
        replace(DESK, subset_size=12_500), seeds=2, warm_up_epochs=2, annealing_epochs=2, peak_rate=0.2
    ),
    "paper": Revisits(replace(PAPER, subset_size=40_000)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
