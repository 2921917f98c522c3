"""Smoothness of the training curve against batch size: swings of the loss within an epoch and between epochs.

"A larger batch makes the curve smoother" (B16). Within an epoch the loss of a batch scatters about its mean:
of m images drawn at random, as 1/sqrt(m). Between epochs what scatters is where training has got to.
The rate of a step is left as it is, as in the posts that say so, or grows in proportion to the batch.

    python -m experiments.smoothness                          a miniature on synthetic images
    python -m analysis.smoothness --label quick               the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import RULES, with_batch
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.metrics.loss_squared import LossSquared
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class Smoothness(Experiment):
    """Every batch size by every rule for the rate; the scatter of steps' losses is recorded.

    Attributes:
        batch_sizes: examples per step.
        rules: how the rate of a step follows: none, sqrt, linear.
    """

    batch_sizes: tuple[int, ...] = (32, 128, 512)
    rules: tuple[str, ...] = ("none", "linear")

    def __post_init__(self):
        super().__post_init__()
        for rule in self.rules:
            require(rule in RULES, "rules", rule, f"must be among {', '.join(RULES)}")

    def runs(self) -> Sequence[RunConfig]:
        base = replace(self.base, metrics=(*self.base.metrics, LossSquared()))
        found = [
            replace(with_batch(base, batch, rule), seed=seed)
            for rule in self.rules
            for batch in self.batch_sizes
            for seed in self.seed_range()
        ]
        return list(dict.fromkeys(found))  # at the base's own batch size the rules are one


PRESETS = {
    "smoke": Smoothness(replace(SMOKE, subset_size=256, epochs=4), seeds=2, batch_sizes=(16, 64)),
    "quick": Smoothness(replace(QUICK, subset_size=2048), seeds=3, batch_sizes=(8, 32, 128)),
    "paper": Smoothness(PAPER, seeds=3),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
