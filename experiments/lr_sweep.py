"""Learning-rate sweep: final train and test loss against learning-rate factor, for nested subsets.

If curvature set the limit, training would turn unstable at the same factor whatever the size of the training
set; if forgetting did, the best factor would fall as the set grows. Both batch sizes use an equal step per
example at an equal factor (article, sections on batch size and on curvature).

    python -m experiments.lr_sweep                                    a miniature on synthetic images
    python -m experiments.lr_sweep --preset paper --data cifar10.npz  the article's sizes
    python -m analysis.lr_sweep --label quick                         the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.training.config import RunConfig


@dataclass(frozen=True)
class LRSweep(Experiment):
    """Every factor with every subset size and batch size.

    Attributes:
        factors: learning-rate factors; 1 is the article's baseline. Half octaves where either batch size may
            turn unstable: the rounding of an onset would else be most of what C2 and C5 allow.
        subset_sizes: training images.
        batch_sizes: examples per step.
    """

    factors: tuple[float, ...] = (1 / 8, 1 / 4, 1 / 2, 1, 2**0.5, 2, 2**1.5, 4, 2**2.5, 8, 2**3.5, 16)
    subset_sizes: tuple[int, ...] = (6250, 12500, 25000, 50000)
    batch_sizes: tuple[int, ...] = (128, 512)

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(self.base, factor=factor, subset_size=size, batch_size=batch, seed=seed)
            for batch in self.batch_sizes
            for size in self.subset_sizes
            for factor in self.factors
            for seed in self.seed_range()
        ]


PRESETS = {
    "smoke": LRSweep(SMOKE, seeds=2, factors=(1, 64), subset_sizes=(64, 128), batch_sizes=(16, 32)),
    # Factor 1/8 is left out for time, not for its result.
    "quick": LRSweep(
        QUICK,
        seeds=2,
        factors=(1 / 4, 1 / 2, 1, 2, 2**1.5, 4, 2**2.5, 8, 2**3.5, 16),
        subset_sizes=(512, 1024, 2048, 4096),
        batch_sizes=(32, 128),
    ),
    # Half octaves where either batch size turned unstable on exploration seeds, about 2 and 8.
    "desk": LRSweep(
        DESK, seeds=2, factors=(1 / 8, 1 / 4, 1 / 2, 1, 2**0.5, 2, 2**1.5, 4, 2**2.5, 8, 2**3.5, 16)
    ),
    "paper": LRSweep(PAPER),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
