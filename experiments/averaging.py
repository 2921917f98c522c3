"""Averaging: do averaged weights have the loss that a lower rate would have given?

At every factor, the weights are averaged over a part of an epoch up to several epochs, exponentially and
uniformly, with batch-norm statistics estimated anew, as those of the last weights are beside them. If the
weights wander about a point that holds all the images (M), the average's loss at a high factor falls to that
of a low one, and the best factor rises; where what was learned is overwritten (D), it does not help
(`docs/battery.md`).

    python -m experiments.averaging                  a miniature on synthetic images
    python -m analysis.averaging --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.averaging.exponential import Exponential
from research.averaging.last import Last
from research.averaging.uniform import Uniform
from research.errors import require
from research.training.config import RunConfig
from research.training.schedules import ARTICLE_FORGETTING

GROUP = "limit"


@dataclass(frozen=True)
class Averaging(Experiment):
    """Every factor with every average; the rate stays at its peak to the end.

    Attributes:
        factors: of the learning rate.
        epochs_averaged: spans of the averages.
    """

    factors: tuple[float, ...] = (1 / 4, 1 / 2, 1, 2, 4, 8)
    epochs_averaged: tuple[float, ...] = (1 / 4, 1, 4)

    def __post_init__(self):
        super().__post_init__()
        for span in self.epochs_averaged:
            allowed = f"must be above 0 and at most the {self.base.epochs} epochs of a run"
            require(0 < span <= self.base.epochs, "epochs_averaged", span, allowed)

    def runs(self) -> Sequence[RunConfig]:
        averages = [average(span) for average in (Exponential, Uniform) for span in self.epochs_averaged]
        return [
            replace(self.base, averaging=average, factor=factor, seed=seed)
            for average in (Last(), *averages)
            for factor in self.factors
            for seed in self.seed_range()
        ]


PRESETS = {
    "smoke": Averaging(
        replace(SMOKE, subset_size=128, schedule=ARTICLE_FORGETTING.stretched(2, scale=2.0)),
        seeds=2,
        factors=(1,),
        epochs_averaged=(1,),
    ),
    "quick": Averaging(
        replace(QUICK, subset_size=2048, schedule=ARTICLE_FORGETTING.stretched(12, scale=2.0)), seeds=5
    ),
    "desk": Averaging(
        replace(DESK, subset_size=12_500, schedule=ARTICLE_FORGETTING.stretched(12, scale=2.0)), seeds=2
    ),
    "paper": Averaging(replace(PAPER, subset_size=45_000, schedule=ARTICLE_FORGETTING, epochs=30)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
