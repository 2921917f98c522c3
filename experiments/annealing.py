"""Annealing on half: does a falling rate bring back what a high one cost, and what of images not visited?

Runs train at their factor's constant rate on all images; then the rate falls to nothing, over several epochs,
on all of them or on the first half A alone. Half B is not visited meanwhile. Under short memory
(M) annealing brings every loss down to that of lower factors; and under M as under interference (D) what was
known of half B is forgotten meanwhile: where B keeps its advantage over images never seen, it is against both
(`docs/limit.md`).

    python -m experiments.annealing                  a miniature on synthetic images
    python -m analysis.annealing --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.measures.groups import GroupLosses
from research.orders.half import Half
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

GROUP = "limit"


@dataclass(frozen=True)
class Annealing(Experiment):
    """Every factor, annealed over every number of epochs, on all images and on half of them.

    Attributes:
        factors: of the learning rate.
        annealed: epochs over which the rate falls to 0.
        warm_up_epochs: epochs over which it rises from 0 to its peak.
        peak_epochs: at the peak, the warm-up included.
        peak_rate: at factor 1 and the schedule's reference batch.
        halved: epochs of annealing with which half A alone is visited too.
    """

    factors: tuple[float, ...] = (1 / 4, 1, 2, 4)
    annealed: tuple[int, ...] = (2, 4, 8)
    warm_up_epochs: int = 5
    peak_epochs: int = 25
    peak_rate: float = 0.1
    halved: tuple[int, ...] = (4,)

    def run(self, factor: float, annealed: int, half: bool, seed: int) -> RunConfig:
        """One of the runs."""
        knots = (0, self.warm_up_epochs, self.peak_epochs, self.peak_epochs + annealed)
        return replace(
            self.base,
            schedule=PiecewiseLinear(knots, (0, self.peak_rate, self.peak_rate, 0)),
            order=Half(until=self.peak_epochs) if half else self.base.order,
            factor=factor,
            epochs=self.peak_epochs + annealed,
            seed=seed,
        )

    def runs(self) -> Sequence[RunConfig]:
        return [
            self.run(factor, annealed, half, seed)
            for half, over in ((False, self.annealed), (True, self.halved))
            for annealed in over
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[GroupLosses]:
        """The groups' losses before annealing and after it; both states are kept."""
        return [
            GroupLosses(run, epoch, last=epoch)
            for run in self.runs()
            for epoch in (self.peak_epochs, run.epochs)
        ]


PRESETS = {
    "smoke": Annealing(
        replace(SMOKE, subset_size=256),
        seeds=2,
        factors=(1,),
        annealed=(1,),
        halved=(1,),
        warm_up_epochs=1,
        peak_epochs=2,
    ),
    "quick": Annealing(
        replace(QUICK, subset_size=2048),
        seeds=5,
        factors=(1 / 4, 1, 2, 4),
        annealed=(2, 8),
        halved=(4,),
        warm_up_epochs=2,
        peak_epochs=10,
        peak_rate=0.2,  # 0.05 at batch 32, as the preset's schedule
    ),
    "desk": Annealing(
        replace(DESK, subset_size=12_500),
        seeds=2,
        annealed=(2, 8),
        halved=(4,),
        warm_up_epochs=2,
        peak_epochs=10,
        peak_rate=0.2,
    ),
    "paper": Annealing(replace(PAPER, subset_size=40_000)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
