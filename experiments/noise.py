"""Gradient noise: the variance of a batch's gradient against its size, and the noise scale through training.

A batch's gradient is said to have 1/m of the variance of one example's; the noise scale, in examples, is the
batch size beyond which more examples say little (McCandlish et al. 2018). Both are measured on states of the
learning-rate sweep's runs (`research.measures.noise`).

    python -m experiments.noise                        a miniature on synthetic images
    python -m experiments.noise --sizes 1 8 64 512     other batch sizes
    python -m analysis.noise --label quick             the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import lr_sweep
from experiments._command import run_experiment
from experiments.lr_sweep import LRSweep
from research.errors import require
from research.measures.noise import GradientNoise

GROUP = "measures"


@dataclass(frozen=True)
class Noise(LRSweep):
    """Some of the sweep's runs, with the noise of their gradients after some of their epochs.

    Attributes:
        measured_epochs: after which epochs.
        sizes: examples in the batches whose gradients' variance is compared.
        batches: how many batches of each size.
    """

    measured_epochs: tuple[int, ...] = (1, 5, 15, 30)
    sizes: tuple[int, ...] = (4, 16, 64, 256)
    batches: int = 32

    def __post_init__(self):
        super().__post_init__()
        require(len(self.measured_epochs) >= 1, "measured_epochs", self.measured_epochs, "must name one")

    def measurements(self) -> Sequence[GradientNoise]:
        return [
            GradientNoise(run, epoch, self.sizes, self.batches)
            for run in self.runs()
            for epoch in self.measured_epochs
        ]


def _of(preset: str, **changes) -> Noise:
    """The sweep of that preset, so that the two share their runs."""
    return replace(Noise(**vars(lr_sweep.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of(
        "smoke",
        factors=(1,),
        subset_sizes=(64,),
        batch_sizes=(16,),
        measured_epochs=(1, 2),
        sizes=(4, 16),
        batches=4,
    ),
    "quick": _of(
        "quick",
        factors=(1 / 4, 1, 4),
        subset_sizes=(4096,),
        batch_sizes=(32,),
        measured_epochs=(1, 5, 11),
        sizes=(4, 16, 64),
    ),
    "paper": _of("paper", factors=(1 / 4, 1, 4), subset_sizes=(50_000,), batch_sizes=(128,)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
