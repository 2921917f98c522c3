"""Curvature: the sharpness of the loss through training, against the thresholds of stability.

The states of some of the learning-rate sweep's runs are measured after several epochs: the largest eigenvalue
of the training loss's Hessian, and the batch sharpness (`research.measures.sharpness`).

    python -m experiments.curvature                       a miniature on synthetic images
    python -m experiments.curvature --examples 2048       better estimates, at more cost
    python -m experiments.curvature --label cheap --examples 64 --num-matvecs 2 --start gradient
    python -m analysis.curvature --label quick            the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from experiments import lr_sweep
from experiments._command import run_experiment
from experiments.lr_sweep import LRSweep
from research.errors import require
from research.measures.sharpness import Sharpness

GROUP = "measures"


@dataclass(frozen=True)
class Curvature(LRSweep):
    """Some of the sweep's runs, with the sharpness after some of their epochs.

    Attributes:
        measured_epochs: after which epochs.
        examples: how many stand for the training set.
        num_matvecs: depth of Lanczos.
        start: what Lanczos starts from: random, or the gradient, from where fewer products will do.
    """

    measured_epochs: tuple[int, ...] = (1, 2, 5, 10, 15, 20, 25, 30)
    examples: int = 2048
    num_matvecs: int = 15
    start: Literal["random", "gradient"] = "random"

    def __post_init__(self):
        super().__post_init__()
        require(len(self.measured_epochs) >= 1, "measured_epochs", self.measured_epochs, "must name one")

    def measurements(self) -> Sequence[Sharpness]:
        return [
            Sharpness(run, epoch, self.examples, self.num_matvecs, self.start)
            for run in self.runs()
            for epoch in self.measured_epochs
        ]


def _of(preset: str, **changes) -> Curvature:
    """The sweep of that preset, so that the two share their runs."""
    return replace(Curvature(**vars(lr_sweep.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of("smoke", batch_sizes=(16,), measured_epochs=(1, 2), examples=32, num_matvecs=4),
    "quick": _of(
        "quick",
        seeds=1,
        factors=(1 / 4, 1, 4),
        subset_sizes=(4096,),
        measured_epochs=(1, 3, 5, 8, 11),
        examples=1024,
        num_matvecs=6,
        start="gradient",
    ),
    "paper": _of("paper", factors=(1 / 4, 1, 4), subset_sizes=(50_000,)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
