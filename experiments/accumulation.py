"""Accumulation: are gradients accumulated over micro-batches the large batch's?

A large batch, and the same examples in passes of a part of it, with batch norm and without (B8). With it,
each pass has statistics of its own: ghost batch norm (Hoffer et al. 2017). There is no augmentation, which is
drawn pass by pass.

    python -m experiments.accumulation                        a miniature on synthetic images
    python -m analysis.accumulation --label quick             the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.family import with_value
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class Accumulation(Experiment):
    """Four runs for each seed: whole and in passes, with batch norm and without.

    Attributes:
        passes: into how many the large batch is divided, the base's batch being one of them.
    """

    passes: int = 4

    def __post_init__(self):
        super().__post_init__()
        require(self.passes >= 2, "passes", self.passes, "must be at least 2")

    def runs(self) -> Sequence[RunConfig]:
        base = replace(self.base, augmentation=())
        whole = replace(base, batch_size=base.batch_size * self.passes)
        return [
            replace(with_value(run, "model.norm", norm), seed=seed)
            for norm in ("batch", "none")
            for run in (whole, replace(base, accumulate=self.passes))
            for seed in self.seed_range()
        ]


PRESETS = {
    "smoke": Accumulation(replace(SMOKE, subset_size=128), seeds=2),
    # Without batch norm a rate as high as factor 1 is no longer a safe one.
    "quick": Accumulation(replace(QUICK, subset_size=1024, factor=1 / 4), seeds=3),
    "paper": Accumulation(replace(PAPER, factor=1 / 4, precision="float32"), seeds=3),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
