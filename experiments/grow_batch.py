"""Growing batches: is raising the batch size the same as lowering the learning rate?

The rate that drops to a quarter twice, its twin whose batch grows fourfold at the same epochs instead, and a
control in which neither happens (B6; Smith et al. 2018). The batch grows by accumulating passes of one size,
so that batch norm sees the same number of images all along, as in that paper.

    python -m experiments.grow_batch                          a miniature on synthetic images
    python -m analysis.grow_batch --label quick               the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import drops, policies
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class GrowBatch(Experiment):
    """Three runs for each seed. The first and the last are those of `policies`, too."""

    def runs(self) -> Sequence[RunConfig]:
        of = policies(self.base)
        grown = replace(of["fixed"], grow_at=drops(self.base), grow_by=4)
        return [
            replace(run, seed=seed)
            for run in (of["multistep"], grown, of["fixed"])
            for seed in self.seed_range()
        ]


PRESETS = {
    "smoke": GrowBatch(replace(SMOKE, subset_size=256, epochs=3), seeds=2),
    "quick": GrowBatch(replace(QUICK, subset_size=1024), seeds=3),
    "paper": GrowBatch(PAPER, seeds=3),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
