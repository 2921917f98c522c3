"""The edge of stability, from the full batch down to small ones.

Full-batch gradient descent at a constant rate raises the sharpness of its loss up to 2 / rate and then hovers
there (Cohen et al. 2021, arXiv 2103.00065). With momentum b the sharpness that is held is said to be that of
single batches, at 2 (1 - b) / rate for small batches and 2 (1 + b) / rate for large ones (arXiv 2604.14108).
Both are run here on a small set, without augmentation or weight decay, with equal numbers of steps: plain
gradient descent at several rates, and with Polyak's momentum at one rate with every batch size.

    python -m experiments.edge                            a miniature on synthetic images
    python -m experiments.edge --plain-rates 0.02 0.05    other rates
    python -m analysis.edge --label quick                 the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.family import with_value
from research.measures.sharpness import Sharpness
from research.models import Model
from research.models.lenet import LeNet
from research.optimizers.sgd import SGD
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

GROUP = "measures"


@dataclass(frozen=True)
class Edge(Experiment):
    """Runs at constant rates, with their sharpness at several moments. A run's factor is its rate.

    Attributes:
        size: training images.
        plain_rates: learning rates of full-batch gradient descent.
        momentum: Polyak's, b, of the runs that have it.
        momentum_rate: their learning rate, the same at every batch size.
        batch_sizes: their examples per step; each must divide `size`.
        steps: of each run; a multiple of size over the smallest batch.
        moments: how many times a run is measured, evenly from its first part to its end.
        num_matvecs: depth of Lanczos.
    """

    size: int = 5120
    plain_rates: tuple[float, ...] = (0.05, 0.1)
    momentum: float = 0.9
    momentum_rate: float = 0.01
    batch_sizes: tuple[int, ...] = (16, 64, 256, 1024, 5120)
    steps: int = 3200
    moments: int = 20
    num_matvecs: int = 10

    def __post_init__(self):
        super().__post_init__()
        require(self.size >= 1, "size", self.size, "must be at least 1")
        require(self.moments >= 1, "moments", self.moments, "must be at least 1")
        for size in (*self.batch_sizes, self.size):
            require(
                size >= 1 and self.size % size == 0, "batch_sizes", size, f"must divide size, {self.size}"
            )
            epochs = self.steps * size / self.size
            require(
                epochs >= 1 and epochs.is_integer(),
                "steps",
                self.steps,
                f"must be whole epochs at batch {size}",
            )

    def runs(self) -> Sequence[RunConfig]:
        plain = [
            self._run(rate, 0.0, self.size, seed) for rate in self.plain_rates for seed in self.seed_range()
        ]
        with_momentum = [
            self._run(self.momentum_rate, self.momentum, size, seed)
            for size in self.batch_sizes
            for seed in self.seed_range()
        ]
        return [*plain, *with_momentum]

    def measurements(self) -> Sequence[Sharpness]:
        return [
            Sharpness(run, epoch, self.size, self.num_matvecs)
            for run in self.runs()
            for epoch in sorted({max(1, run.epochs * k // self.moments) for k in range(1, self.moments + 1)})
        ]

    def _run(self, rate: float, momentum: float, batch_size: int, seed: int) -> RunConfig:
        return replace(
            with_value(self.base, "optimizer.momentum", momentum),
            subset_size=self.size,
            batch_size=batch_size,
            schedule=PiecewiseLinear((0, 1), (1, 1), reference_batch=batch_size),
            factor=rate,
            epochs=self.steps * batch_size // self.size,
            seed=seed,
        )


def _base(preset: RunConfig, model: Model) -> RunConfig:
    """What all have in common: the training loss itself, and nothing random but the order."""
    data = replace(preset.data, test_size=64)  # evaluated after every epoch: with the full batch, every step
    return replace(
        preset, data=data, model=model, augmentation=(), optimizer=SGD(nesterov=False, weight_decay=0.0)
    )


PRESETS = {
    "smoke": Edge(
        _base(SMOKE, SMOKE.model),
        size=64,
        plain_rates=(0.05,),
        batch_sizes=(64,),
        steps=8,
        moments=2,
        num_matvecs=4,
    ),
    # LeNet: without batch norm, whose networks leave this edge by growing their weights; and it is quick.
    "quick": Edge(
        _base(QUICK, LeNet()),
        seeds=2,
        size=512,
        batch_sizes=(8, 32, 128, 512),
        steps=768,
        moments=12,
        num_matvecs=8,
    ),
    "paper": Edge(_base(PAPER, LeNet()), seeds=3),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
