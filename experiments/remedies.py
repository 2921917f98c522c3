"""Remedies: do larger models, sparse updates or a natural gradient remember more, or only move less?

Plain SGD and each remedy, at every factor: at the end of the peak the model is frozen and replayed, for its
memory of images, then the rate falls, for the loss that this comes to. Each remedy has rates of its own, and
is held against plain SGD at its best factor and where SGD's weights moved as far: what only acts as a smaller
rate is no remedy. The article's last paragraph names larger models, sparse updates and the
natural gradient; beside them are Adam, Muon, averaging and the batch size (`docs/lasting.md`).

    python -m experiments.remedies                  a miniature on synthetic images
    python -m analysis.remedies --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.averaging.exponential import Exponential
from research.errors import require
from research.family import with_value
from research.measures.replay import Replay
from research.metrics.accuracy import Accuracy
from research.metrics.learning_rate import LearningRate
from research.metrics.loss import TrainingLoss
from research.metrics.parameter_norm import ParameterNorm
from research.metrics.update_norm import UpdateNorm
from research.optimizers.adam import Adam
from research.optimizers.muon import Muon
from research.optimizers.natural_gradient import NaturalGradient
from research.optimizers.sparse_sgd import SparseSGD
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

GROUP = "limit"
METRICS = (TrainingLoss(), Accuracy(), LearningRate(), ParameterNorm(), UpdateNorm())


@dataclass(frozen=True)
class Remedies(Experiment):
    """Plain SGD, of which the weights' average is one of the remedies, and the others.

    Attributes:
        factors: of the learning rate, each remedy's own.
        full_size: training images.
        widths: of the network.
        shares: of the parameters that a step updates, at SGD's rates: above these they did worse.
        batch_sizes: examples per step; at an equal factor, an equal step per example.
        optimizers: among adam, muon and natural_gradient.
        rates: of each of these at factor 1, over SGD's.
        iterations: of natural gradient's conjugate gradients.
        warm_up_epochs: over which the rate rises from 0 to its peak.
        peak_epochs: at the peak, the warm-up included; then the model is frozen.
        annealed: epochs over which the rate falls to 0.
        peak_rate: SGD's at factor 1 and the schedule's reference batch.
    """

    factors: tuple[float, ...] = (1 / 4, 1 / 2, 1, 2, 4, 8)
    full_size: int = 40_000
    widths: tuple[int, ...] = (32, 128)
    shares: tuple[float, ...] = (1 / 2, 1 / 4, 1 / 8, 1 / 16)
    batch_sizes: tuple[int, ...] = (64, 512)
    optimizers: tuple[str, ...] = ("adam", "muon", "natural_gradient")
    rates: tuple[float, ...] = (1 / 50, 1 / 5, 1)
    iterations: int = 5
    warm_up_epochs: int = 5
    peak_epochs: int = 25
    annealed: int = 5
    peak_rate: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(1, "widths", "batch_sizes", "iterations")
        for share in self.shares:
            require(0 < share <= 1, "shares", share, "must be above 0 and at most 1")
        known = self._optimizers()
        for name in self.optimizers:
            require(name in known, "optimizers", name, f"must be among {', '.join(known)}")
        require(
            len(self.rates) == len(self.optimizers),
            "rates",
            self.rates,
            f"must be one for each of optimizers, {len(self.optimizers)}",
        )
        self.require_positive("rates")
        self.require_peak()
        self.require_at_least(1, "annealed")

    def _optimizers(self):
        return {
            "adam": Adam(),
            # Of its parameters that Adam moves the rate is Adam's customary one, where Muon's is 0.02.
            "muon": Muon(adam_rate=0.05),
            "natural_gradient": NaturalGradient(
                damping=1.0, iterations=self.iterations, momentum=0.9, weight_decay=5e-4
            ),
        }

    def remedies(self) -> Sequence[RunConfig]:
        """Plain SGD first, then one run for each remedy, at factor 1 and the base's seed."""
        knots = (0, self.warm_up_epochs, self.peak_epochs, self.peak_epochs + self.annealed)
        plain = replace(
            self.base,
            subset_size=self.full_size,
            averaging=Exponential(1.0),
            metrics=METRICS,
            epochs=self.peak_epochs + self.annealed,
        )

        def at(rate: float, run: RunConfig) -> RunConfig:
            peak = rate * self.peak_rate
            return replace(run, schedule=PiecewiseLinear(knots, (0, peak, peak, 0)))

        base, known = replace(plain, averaging=self.base.averaging), self._optimizers()
        others = chain(
            (at(1, with_value(base, "model.width", width)) for width in self.widths),
            (at(1, replace(base, optimizer=SparseSGD(share))) for share in self.shares),
            (
                at(rate, replace(base, optimizer=known[name]))
                for name, rate in zip(self.optimizers, self.rates, strict=True)
            ),
            (at(1, replace(base, batch_size=size)) for size in self.batch_sizes),
        )
        return [at(1, plain), *others]

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(run, factor=factor, seed=seed)
            for run in self.remedies()
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[Replay]:
        """The last epoch before annealing replayed, on the weights and, where it is kept, their average."""
        return [
            *(Replay(run, self.peak_epochs, 1) for run in self.runs()),
            *(
                Replay(run, self.peak_epochs, 1, weights="average")
                for run in self.runs()
                if run.averaging.keeps
            ),
        ]


PRESETS = {
    "smoke": Remedies(
        SMOKE,
        seeds=2,
        factors=(1, 4),
        full_size=256,
        widths=(),
        shares=(1 / 2,),
        batch_sizes=(),
        optimizers=(),
        rates=(),
        warm_up_epochs=1,
        peak_epochs=2,
        annealed=1,
    ),
    "quick": Remedies(
        QUICK,
        seeds=3,
        full_size=1024,
        widths=(4, 16, 32),
        batch_sizes=(16, 64),
        # The best factor of each is then near 1, as SGD's; from one seed on synthetic images.
        rates=(0.08, 0.2, 2.0),
        warm_up_epochs=1,
        peak_epochs=8,
        annealed=2,
        peak_rate=0.2,  # 0.05 at batch 32, as the preset's schedule
    ),
    "paper": Remedies(PAPER),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
