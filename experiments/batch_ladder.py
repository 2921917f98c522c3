"""Batch ladder: the best factor and the onset of instability, over six doublings of the batch size.

The same images and epochs at every batch size; an equal factor is an equal step per example. What limits the
rate can be read off the slopes: curvature of the full loss gives a best factor and an onset that fall as
1 / batch; curvature of single batches the same, but flat below some batch size; gradient noise a best factor
as 1 / (batch + noise scale); destructive interference a flat best factor (`docs/battery.md`).

    python -m experiments.batch_ladder                  a miniature on synthetic images
    python -m analysis.limit --label quick              the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.measures.noise import GradientNoise
from research.measures.sharpness import Sharpness
from research.training.config import RunConfig
from research.training.schedules import ARTICLE

GROUP = "limit"


@dataclass(frozen=True)
class BatchLadder(Experiment):
    """Every batch size with every factor; the gradient noise scale at one of the factors.

    Attributes:
        batch_sizes: examples per step, doubling.
        factors: of the learning rate.
        noise_factor: at which the gradient noise is measured.
        noise_epoch: after this number of epochs.
        noise_batch: of the runs with this batch size.
        examples: that stand for the training set where sharpness is measured, beside it.
        num_matvecs: depth of its Lanczos.
    """

    batch_sizes: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512)
    factors: tuple[float, ...] = (1 / 4, 1 / 2, 1, 1.4, 2, 2.8, 4, 5.6, 8, 11, 16)
    noise_factor: float = 1
    noise_epoch: int = 15
    noise_batch: int = 32
    examples: int = 8192
    num_matvecs: int = 6

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(1, "batch_sizes", "examples")
        require(len(self.batch_sizes) > 0, "batch_sizes", (), "must have at least one")
        for name, of in (("noise_batch", "batch_sizes"), ("noise_factor", "factors")):
            value, known = getattr(self, name), getattr(self, of)
            allowed = f"must be one of {of.replace('_', ' ')}, {', '.join(f'{one:g}' for one in known)}"
            require(value in known, name, value, f"{allowed}: noise is measured on their runs")

    def run(self, batch_size: int, factor: float, seed: int) -> RunConfig:
        """One of the runs."""
        return replace(self.base, batch_size=batch_size, factor=factor, seed=seed)

    def runs(self) -> Sequence[RunConfig]:
        return [
            self.run(batch_size, factor, seed)
            for batch_size in self.batch_sizes
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[GradientNoise | Sharpness]:
        """What the predictions need: the noise scale, and how much sharper single batches are than all."""
        runs = [self.run(self.noise_batch, self.noise_factor, seed) for seed in self.seed_range()]
        examples = max(self.examples, 16 * self.noise_batch)
        return [
            *(GradientNoise(run, self.noise_epoch, (self.noise_batch,)) for run in runs),
            *(Sharpness(run, self.noise_epoch, examples, self.num_matvecs, start="gradient") for run in runs),
        ]


PRESETS = {
    "smoke": BatchLadder(
        replace(SMOKE, subset_size=128),
        seeds=2,
        batch_sizes=(8, 16),
        factors=(1, 64),
        noise_epoch=1,
        noise_batch=16,
        examples=64,
        num_matvecs=3,
    ),
    # At the largest batch 104 updates: with fewer than 100 everything looks unstable.
    "quick": BatchLadder(
        replace(QUICK, subset_size=2048, epochs=13, schedule=ARTICLE.stretched(13, scale=2.0)),
        seeds=5,
        batch_sizes=(4, 8, 16, 32, 64, 128, 256),
        factors=(1 / 2, 1, 2, 2.8, 4, 5.6, 8, 11, 16),
        noise_epoch=6,
        examples=1024,
    ),
    # At the largest batch 144 updates.
    "desk": BatchLadder(
        replace(DESK, subset_size=12_500),
        seeds=2,
        batch_sizes=(16, 32, 64, 128, 256, 512, 1024),
        factors=(1 / 8, 1 / 4, 1 / 2, 1, 1.4, 2, 2.8, 4, 5.6, 8, 16),
        noise_epoch=6,
        examples=4096,
    ),
    "paper": BatchLadder(replace(PAPER, subset_size=45_000)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
