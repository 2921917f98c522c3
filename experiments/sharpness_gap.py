"""Sharpness gap: do large batches end in sharper minima, and does training longer remove the gap?

The base's batch, a batch some times as large for equal epochs, and the same for equal steps; the learning
rate is not scaled, as in Keskar et al. 2017 (B5). At the end of each run its sharpness is measured, of one
loss for all: batch norm has the statistics of batches of the base's size.

    python -m experiments.sharpness_gap                       a miniature on synthetic images
    python -m analysis.sharpness_gap --label quick            the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import longer, with_batch
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.measures.sharpness import Sharpness
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class SharpnessGap(Experiment):
    """Three runs for each seed: small batch; large batch, equal epochs; large batch, equal steps.

    Attributes:
        times: the large batch over the base's; the quick preset's is what `epochs_to_target` has, too.
        examples: how many stand for the training set where sharpness is measured.
        num_matvecs: depth of Lanczos.
    """

    times: int = 16
    examples: int = 2048
    num_matvecs: int = 15

    def __post_init__(self):
        super().__post_init__()
        require(self.times >= 2, "times", self.times, "must be at least 2")

    def runs(self) -> Sequence[RunConfig]:
        large = with_batch(self.base, self.base.batch_size * self.times, "none")
        return [
            replace(run, seed=seed)
            for run in (self.base, large, longer(large, self.times))
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[Sharpness]:
        batch = self.base.batch_size
        return [
            Sharpness(run, run.epochs, self.examples, self.num_matvecs, examples_per_batch=batch)
            for run in self.runs()
        ]


PRESETS = {
    "smoke": SharpnessGap(replace(SMOKE, subset_size=128), seeds=2, times=4, examples=32, num_matvecs=4),
    "quick": SharpnessGap(replace(QUICK, subset_size=2048), seeds=3, times=4, examples=1024, num_matvecs=10),
    "paper": SharpnessGap(PAPER),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
