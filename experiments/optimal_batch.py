"""Optimal batch: at a fixed learning rate, which batch size generalises best, and how does it scale?

Smith and Le 2018 say that it is proportional to the learning rate and to the size of the training set (B7).
As theirs, all runs have one number of updates: at equal epochs a larger batch would also have fewer.

    python -m experiments.optimal_batch                       a miniature on synthetic images
    python -m analysis.optimal_batch --label quick            the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import of_updates, with_batch
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class OptimalBatch(Experiment):
    """Every learning rate with every batch size and training-set size.

    Attributes:
        batch_sizes: examples per step.
        rates: learning rates of a step, over the base's; the same at every batch size.
        subset_sizes: training images.
        updates: of every run; a multiple of the largest set over the smallest batch.
    """

    batch_sizes: tuple[int, ...] = (16, 64, 256, 1024)
    rates: tuple[float, ...] = (1 / 2, 1, 2, 4, 8)
    subset_sizes: tuple[int, ...] = (8192, 16_384, 32_768)
    updates: int = 8192

    def runs(self) -> Sequence[RunConfig]:
        bases = [
            replace(self.base, factor=self.base.factor * rate, subset_size=size, seed=seed)
            for size in self.subset_sizes
            for rate in self.rates
            for seed in self.seed_range()
        ]
        return [
            of_updates(with_batch(base, batch, "none"), self.updates)
            for batch in self.batch_sizes
            for base in bases
        ]


PRESETS = {
    "smoke": OptimalBatch(
        SMOKE, seeds=2, batch_sizes=(16, 64), rates=(1,), subset_sizes=(64, 128), updates=8
    ),
    "quick": OptimalBatch(
        QUICK, seeds=3, batch_sizes=(4, 16, 64, 256), rates=(1, 2, 4), subset_sizes=(512, 2048), updates=512
    ),
    "paper": OptimalBatch(PAPER),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
