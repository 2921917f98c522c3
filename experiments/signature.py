"""Signature: sharpness times learning rate against the factor, beside the loss.

If curvature of the full loss sets the limit, its largest eigenvalue stands at the optimizer's threshold where
the loss rises; if curvature of single batches does, batch sharpness stands at its own level there; if neither
does, neither stands at its level (`docs/battery.md`). Runs are the batch ladder's.

    python -m experiments.signature                  a miniature on synthetic images
    python -m analysis.signature --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import batch_ladder
from experiments._command import run_experiment
from experiments._experiment import Experiment
from research.measures.sharpness import Sharpness
from research.training.config import RunConfig

GROUP = "limit"


@dataclass(frozen=True)
class Signature(Experiment):
    """Sharpness after one epoch of the ladder's runs, at every factor.

    Attributes:
        batch_sizes: of the ladder's.
        factors: of the learning rate.
        measured_epoch: after this number of epochs, where the rate is about at its highest.
        examples: that stand for the training set; at least 16 batches are taken.
        num_matvecs: depth of Lanczos.
    """

    batch_sizes: tuple[int, ...] = (32, 128, 512)
    factors: tuple[float, ...] = (1 / 4, 1 / 2, 1, 1.4, 2, 2.8, 4, 5.6, 8)
    measured_epoch: int = 15
    examples: int = 8192
    num_matvecs: int = 6

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(1, "batch_sizes", "examples")

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(self.base, batch_size=batch_size, factor=factor, seed=seed)
            for batch_size in self.batch_sizes
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[Sharpness]:
        return [
            Sharpness(
                run,
                self.measured_epoch,
                max(self.examples, 16 * run.batch_size),
                self.num_matvecs,
                start="gradient",
            )
            for run in self.runs()
        ]


def _of(preset: str, **changes) -> Signature:
    ladder = batch_ladder.PRESETS[preset]
    return Signature(ladder.base, ladder.seeds, **changes)


PRESETS = {
    "smoke": _of("smoke", batch_sizes=(16,), factors=(1, 64), measured_epoch=1, examples=64, num_matvecs=3),
    "quick": _of(
        "quick",
        batch_sizes=(8, 32, 128),
        factors=(1 / 2, 1, 2, 2.8, 4, 5.6, 8),
        measured_epoch=6,
        examples=1024,
    ),
    "desk": _of("desk", measured_epoch=6, examples=2048),
    "paper": _of("paper"),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
