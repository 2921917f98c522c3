"""Policies: does it matter how the learning rate comes down?

Caffe's seven (fixed, step, exp, inv, multistep, poly, sigmoid), each at several peak rates, for equal
epochs (B11).

    python -m experiments.policies                            a miniature on synthetic images
    python -m analysis.policies --label quick                 the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import policies
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class Policies(Experiment):
    """Every policy at every peak rate.

    Attributes:
        factors: of the peak rate, the base schedule's being 1.
    """

    factors: tuple[float, ...] = (1 / 4, 1 / 2, 1, 2, 4)

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(run, factor=factor, seed=seed)
            for run in policies(self.base).values()
            for factor in self.factors
            for seed in self.seed_range()
        ]


PRESETS = {
    "smoke": Policies(replace(SMOKE, subset_size=256, epochs=3), seeds=2, factors=(1,)),
    "quick": Policies(replace(QUICK, subset_size=1024), seeds=3, factors=(1 / 2, 1, 2)),
    "paper": Policies(PAPER),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
