"""Data-set scale: do forgetting and curvature grow with the training set?

The learning-rate sweep over a wide range of sizes; at one factor, steps are taken apart and an epoch is
replayed, as `budget` does. Power laws through what comes out are extrapolated to ImageNet's 1.28 million
(B13; the article's closing conjecture).

    python -m experiments.dataset_scale                       a miniature on synthetic images
    python -m experiments.dataset_scale --base.data.train-size 73728 --label scale \
        --subset-sizes 512 1024 2048 4096 8192 16384 32768 65536
    python -m analysis.dataset_scale --label quick            the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import budget
from experiments._command import run_experiment
from experiments.budget import Budget
from research.data import DataConfig
from research.measures.budget import StepBudget
from research.measures.replay import Replay

GROUP = "batch"


@dataclass(frozen=True)
class DatasetScale(Budget):
    """The sweep at one batch size and many training-set sizes, measured at one factor.

    Attributes:
        measured_factor: at which the ratios are measured.
    """

    measured_factor: float = 2.0

    def measurements(self) -> Sequence[StepBudget | Replay]:
        return [item for item in super().measurements() if item.run.factor == self.measured_factor]


def _of(preset: str, **changes) -> DatasetScale:
    """The budget of that preset, so that the two share runs and measurements."""
    return replace(DatasetScale(**vars(budget.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of("smoke", measured_factor=1),
    "quick": _of(
        "quick",
        batch_sizes=(32,),
        factors=(1 / 2, 1, 2, 4),
        subset_sizes=(128, 256, 512, 1024, 2048, 4096),
        seeds=3,
    ),
    "paper": _of(
        "paper",
        base=replace(budget.PRESETS["paper"].base, data=DataConfig(train_size=65_536 + 8192, test_size=8192)),
        batch_sizes=(128,),
        subset_sizes=(512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536),
        seeds=3,
    ),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
