"""Revisits: the same images, visits, updates and rate, but in blocks, so that absences grow to many epochs.

The subset is visited block by block, each block in several passes in a row; then the rate falls in the common
order for all, or the last block would decide. Every image is visited equally often. If what a high rate costs
is that images are overwritten before they are visited again (D), longer absences cost more and a lower factor
is best; a limit of curvature (K, S) does not see the order; short memory (M) sees it until the rate has
fallen (`docs/battery.md`).

    python -m experiments.revisits                  a miniature on synthetic images
    python -m analysis.revisits --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._annealed import Annealed
from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE
from research.orders.blocks import Blocks
from research.training.config import RunConfig

GROUP = "limit"


@dataclass(frozen=True)
class Revisits(Annealed):
    """Every factor with every number of blocks; the warm-up and the annealing are in the common order.

    Attributes:
        blocks: into how many the subset is cut; 1 is the common order.
        passes: over a block in a row; a round takes as many epochs.
        rounds: at the peak rate.
        annealing_epochs: over which the rate falls to 0.
    """

    blocks: tuple[int, ...] = (1, 4, 16)
    passes: int = 4
    rounds: int = 2
    annealing_epochs: int = 5

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(1, "blocks", "passes", "rounds", "annealing_epochs")

    @property
    def peak_ends(self) -> int:
        return self.warm_up_epochs + self.passes * self.rounds

    def runs(self) -> Sequence[RunConfig]:
        base, start, stop = self.with_annealing(self.annealing_epochs), self.warm_up_epochs, self.peak_ends
        return [
            replace(base, order=Blocks(count, self.passes, start, stop), factor=factor, seed=seed)
            for count in self.blocks
            for factor in self.factors
            for seed in self.seed_range()
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
