"""Annealing on half: does a falling rate bring back what a high one cost, and what of images not visited?

Runs train at their factor's constant rate on all images; then the rate falls to nothing, over several epochs,
on all of them or on the first half A alone. Half B is not visited meanwhile. Under short memory
(M) annealing brings every loss down to that of lower factors; and under M as under interference (D) what was
known of half B is forgotten meanwhile: where B keeps its advantage over images never seen, it is against both
(`docs/battery.md`).

    python -m experiments.annealing                  a miniature on synthetic images
    python -m analysis.annealing --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._annealed import Annealed
from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE
from research.orders.half import Half
from research.training.config import RunConfig

GROUP = "limit"


@dataclass(frozen=True)
class Annealing(Annealed):
    """Every factor, annealed over every number of epochs, on all images and on half of them.

    Attributes:
        peak_epochs: at the peak, the warm-up included.
        annealed: epochs over which the rate falls to 0.
        halved: epochs of annealing with which half A alone is visited too.
    """

    factors: tuple[float, ...] = (1 / 4, 1, 2, 4)
    peak_epochs: int = 25
    annealed: tuple[int, ...] = (2, 4, 8)
    halved: tuple[int, ...] = (4,)

    def __post_init__(self):
        super().__post_init__()
        self.require_peak()
        self.require_at_least(1, "annealed", "halved")

    @property
    def peak_ends(self) -> int:
        return self.peak_epochs

    def runs(self) -> Sequence[RunConfig]:
        halved = Half(until=self.peak_epochs)
        return [
            replace(self.with_annealing(epochs), order=order, factor=factor, seed=seed)
            for order, over in ((self.base.order, self.annealed), (halved, self.halved))
            for epochs in over
            for factor in self.factors
            for seed in self.seed_range()
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
