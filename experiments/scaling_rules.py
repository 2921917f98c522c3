"""Scaling rules: how must the learning rate grow with the batch, and up to where does that help?

From the base's batch size to others, by three rules: the rate stays (none), grows with the square root of the
batch, or in proportion to it (linear); each with the schedule's warm-up and without (B2, B12). All at equal
epochs.

    python -m experiments.scaling_rules                       a miniature on synthetic images
    python -m experiments.scaling_rules --batch-sizes 16 32 64 128 256
    python -m analysis.scaling_rules --label quick            the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import RULES, cold, with_batch
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class ScalingRules(Experiment):
    """Every batch size by every rule, with and without warm-up; the base's batch is the reference.

    Attributes:
        batch_sizes: examples per step.
        rules: of none, sqrt and linear.
    """

    partly = ("batch_size",)  # the reference

    batch_sizes: tuple[int, ...] = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    rules: tuple[str, ...] = tuple(RULES)

    def __post_init__(self):
        super().__post_init__()
        for rule in self.rules:
            require(rule in RULES, "rules", rule, f"must be among {', '.join(RULES)}")

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(start(with_batch(self.base, batch, rule)), seed=seed)
            for seed in self.seed_range()
            for batch in self.batch_sizes
            for rule in self.rules
            for start in (replace, cold)  # replace alone: as it is
        ]


PRESETS = {
    "smoke": ScalingRules(replace(SMOKE, subset_size=128), seeds=2, batch_sizes=(16, 64)),
    "quick": ScalingRules(replace(QUICK, subset_size=2048), seeds=3, batch_sizes=(8, 32, 128, 512)),
    "paper": ScalingRules(PAPER),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
