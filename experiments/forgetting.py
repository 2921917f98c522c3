"""Forgetting: at a high and a low learning rate, how long does a network remember a batch?

At each peak rate two runs: (a) half of the training set without augmentation, (b) all of it with it.
Then (b)'s last model is frozen and evaluated on the batches of its last epochs, exactly as they were seen and
in a fresh view, against how long ago that was; and on images never seen, of which every preset leaves a tenth
(article, section on forgetfulness; `research.measures.replay`).

    python -m experiments.forgetting                          a miniature on synthetic images
    python -m experiments.forgetting --statistics batch       with each batch's own batch-norm statistics
    python -m analysis.forgetting --label quick               the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.measures.replay import Replay
from research.training.config import RunConfig
from research.training.schedules import ARTICLE_FORGETTING


@dataclass(frozen=True)
class Forgetting(Experiment):
    """Runs (a) and (b) at each factor, and the replay of (b).

    Attributes:
        factors: of the learning rate; the article's are 4 and 1/4.
        full_size: training images of (b); (a) has the first half of them.
        epochs_back: how many of the last epochs are replayed.
        statistics: batch norm's in the replay: running averages, or each batch's own.
    """

    partly = ("augmentation",)  # of (b)

    factors: tuple[float, ...] = (4, 1 / 4)
    full_size: int = 50_000
    epochs_back: int = 5
    statistics: Literal["running", "batch"] = "running"

    def __post_init__(self):
        super().__post_init__()
        require(self.full_size >= 2, "full_size", self.full_size, "must be at least 2")

    def half(self, factor: float, seed: int) -> RunConfig:
        """Run (a)."""
        return replace(self.base, factor=factor, seed=seed, subset_size=self.full_size // 2, augmentation=())

    def full(self, factor: float, seed: int) -> RunConfig:
        """Run (b)."""
        return replace(self.base, factor=factor, seed=seed, subset_size=self.full_size)

    def runs(self) -> Sequence[RunConfig]:
        return [
            run(factor, seed)
            for run in (self.half, self.full)
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[Replay]:
        return [
            Replay(self.full(factor, seed), self.base.epochs, self.epochs_back, self.statistics)
            for factor in self.factors
            for seed in self.seed_range()
        ]


PRESETS = {
    "smoke": Forgetting(
        replace(SMOKE, schedule=ARTICLE_FORGETTING.stretched(2, scale=2.0)),
        seeds=2,
        full_size=256,
        epochs_back=1,
    ),
    "quick": Forgetting(
        replace(QUICK, schedule=ARTICLE_FORGETTING.stretched(12, scale=2.0)),
        seeds=2,
        full_size=4096,
        epochs_back=4,
    ),
    "desk": Forgetting(
        replace(DESK, schedule=ARTICLE_FORGETTING.stretched(12, scale=2.0)),
        seeds=2,
        full_size=45_000,
        epochs_back=4,
    ),
    "paper": Forgetting(replace(PAPER, schedule=ARTICLE_FORGETTING, epochs=30), full_size=45_000),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
