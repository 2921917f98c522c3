"""Size by updates: is it the number of images, or the number of updates, that asks for a lower rate?

A sweep with equal epochs gives a set of twice the images twice the updates. Here both are varied apart.
Curvature (K, S) does not see how many images there are: at equal updates the best factor stays where it is.
Short memory (M) and interference (D) may move it, either way (`docs/battery.md`).

    python -m experiments.size_by_updates                  a miniature on synthetic images
    python -m analysis.size_by_updates --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.training.config import RunConfig
from research.training.schedules import ARTICLE

GROUP = "limit"


@dataclass(frozen=True)
class SizeByUpdates(Experiment):
    """Every subset size with every number of updates and every factor.

    The schedule keeps its shape: it is stretched over the epochs that the updates take.

    Attributes:
        subset_sizes: training images.
        updates: of a whole run, to the nearest epoch.
        factors: of the learning rate.
        peak_rate: at factor 1 and the schedule's reference batch.
    """

    subset_sizes: tuple[int, ...] = (6400, 12_800, 25_600)
    updates: tuple[int, ...] = (2000, 4000, 8000)
    factors: tuple[float, ...] = (1 / 4, 1 / 2, 1, 1.4, 2, 2.8, 4, 5.6, 8)
    peak_rate: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(1, "subset_sizes", "updates")
        self.require_positive("peak_rate")

    def epochs(self, size: int, updates: int) -> int:
        """Epochs that come nearest to a number of updates."""
        return max(1, round(updates / max(1, size // self.base.batch_size)))

    def run(self, size: int, updates: int, factor: float, seed: int) -> RunConfig:
        """One of the runs."""
        epochs = self.epochs(size, updates)
        schedule = ARTICLE.stretched(epochs, scale=self.peak_rate / max(ARTICLE.values))
        changes = {"subset_size": size, "epochs": epochs, "schedule": schedule}
        return replace(self.base, factor=factor, seed=seed, **changes)

    def runs(self) -> Sequence[RunConfig]:
        return [
            self.run(size, updates, factor, seed)
            for size in self.subset_sizes
            for updates in self.updates
            for factor in self.factors
            for seed in self.seed_range()
        ]


PRESETS = {
    "smoke": SizeByUpdates(SMOKE, seeds=2, subset_sizes=(64, 128), updates=(8, 16), factors=(1, 64)),
    # 240 runs that see 7.4 million images in all: by what the published runs took, 4 minutes of two cores.
    "quick": SizeByUpdates(
        QUICK,
        seeds=5,
        subset_sizes=(512, 1536, 4096),
        updates=(384, 1536),
        factors=(1 / 2, 1, 1.4, 2, 2.8, 4, 5.6, 8),
        peak_rate=0.2,
    ),
    # Whole epochs of every subset come to 780 updates, to within twelve: 16, 8, 4 and 2 epochs.
    "desk": SizeByUpdates(
        DESK,
        seeds=2,
        subset_sizes=(6250, 12_500, 25_000, 50_000),
        updates=(780, 1560),
        factors=(1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8),
        peak_rate=0.2,
    ),
    "paper": SizeByUpdates(PAPER),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
