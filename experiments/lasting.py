"""Lasting: what is left of a high factor's cost after annealing, and after training on as long again?

Runs train at their factor's constant rate and anneal; then all go on at factor 1's rates, for as many epochs
again, and anneal once more. If a high factor only kept from being learned what noise hides, its time is lost
and no more: at the end its loss is no higher than factor 1's after the first annealing. What may last is
looked at beside it: the length of the weights, which under batch norm lowers the effective rate; networks
without a norm, and with units that cannot die; dead ReLUs; runs whose weights are scaled back to their first
length, or whose dead units are revived, before the first annealing or after it; and, after it, their
controls: live units reset, the units that factor 4 kills killed at factor 1, all begun anew
(`docs/lasting.md`).

    python -m experiments.lasting                  a miniature on synthetic images
    python -m analysis.lasting --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.family import value_at, with_value
from research.measures.dead import DeadUnits
from research.measures.groups import GroupLosses
from research.measures.interventions import Change, Intervention
from research.metrics.accuracy import Accuracy
from research.metrics.learning_rate import LearningRate
from research.metrics.loss import TrainingLoss
from research.metrics.parameter_norm import ParameterNorm
from research.metrics.update_norm import UpdateNorm
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

GROUP = "limit"
METRICS = (TrainingLoss(), Accuracy(), LearningRate(), ParameterNorm(), UpdateNorm())


@dataclass(frozen=True)
class Lasting(Experiment):
    """Every factor with every norm, and with every activation.

    Attributes:
        factors: of the learning rate up to the first annealing; after it all have factor 1's.
        norms: of the networks with ReLU.
        activations: of more networks, with batch norm; nothing is changed in their runs.
        warm_up_epochs: over which the rate rises from 0 to its peak, both times.
        peak_epochs: at the peak, the warm-up included, both times.
        annealed: epochs over which the rate falls to 0, both times.
        peak_rate: at factor 1 and the schedule's reference batch.
    """

    factors: tuple[float, ...] = (1, 4)
    norms: tuple[str, ...] = ("batch", "group", "none")
    activations: tuple[str, ...] = ("leaky_relu",)
    warm_up_epochs: int = 5
    peak_epochs: int = 25
    annealed: int = 5
    peak_rate: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        self.require_peak()
        self.require_at_least(1, "annealed")

    @property
    def half(self) -> int:
        """The epoch at whose start the first annealing has ended."""
        return self.peak_epochs + self.annealed

    @property
    def networks(self) -> list[tuple[str, str]]:
        """The norm and the activation of each."""
        return [(norm, "relu") for norm in self.norms] + [("batch", name) for name in self.activations]

    def run(self, norm: str, activation: str, factor: float, seed: int) -> RunConfig:
        """One of the runs."""
        ends = (self.warm_up_epochs, self.peak_epochs, self.half)
        again = self.peak_rate / factor  # which the factor makes factor 1's
        return replace(
            with_value(with_value(self.base, "model.norm", norm), "model.activation", activation),
            schedule=PiecewiseLinear(
                (0, *ends, *(self.half + end for end in ends)),
                (0, self.peak_rate, self.peak_rate, 0, again, again, 0),
            ),
            metrics=METRICS,
            factor=factor,
            epochs=2 * self.half,
            seed=seed,
        )

    def runs(self) -> Sequence[RunConfig]:
        return [
            self.run(*network, factor, seed)
            for network in dict.fromkeys(self.networks)
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[GroupLosses | DeadUnits | Intervention]:
        """Losses and dead units before the first annealing, after it and at the end; interventions."""
        frozen = [(run, epoch) for run in self.runs() for epoch in (self.peak_epochs, self.half, run.epochs)]
        with_relu = [run for run in self.runs() if value_at(run, "model.activation") == "relu"]
        with_batch_norm = [run for run in with_relu if value_at(run, "model.norm") == "batch"]
        return [
            *(GroupLosses(run, epoch, last=epoch) for run, epoch in frozen),
            *(self.dead_units(run, epoch) for run, epoch in frozen if run in with_relu),  # no others can die
            *(
                Intervention(run, epoch, change, 1, run.epochs - epoch)
                for epoch in (self.half, self.peak_epochs)
                for change in ("revived", "initial_lengths")
                for run in with_batch_norm
            ),
            *self.controls(),
        ]

    @staticmethod
    def dead_units(run: RunConfig, epoch: int) -> DeadUnits:
        """Of norms, on an epoch's images, as they are revived; where there is none, of layers' inputs."""
        if getattr(run.model, "norm", "none") == "none":
            return DeadUnits(run, epoch)
        return DeadUnits(run, epoch, None, "norms")

    def controls(self) -> Sequence[Intervention]:
        """After the first annealing, with batch norm, at the lowest and the highest factor."""
        low, high = min(self.factors), max(self.factors)
        if low == high or "batch" not in self.norms:
            return []
        found = []
        for seed in self.seed_range():
            lowest, highest = (self.run("batch", "relu", factor, seed) for factor in (low, high))
            found += [
                self.control(lowest, "killed", highest),
                self.control(highest, "reset_live"),
                self.control(lowest, "reset_live", highest),
                self.control(highest, "restarted"),
                self.control(highest, "reset_live_anywhere"),
                self.control(lowest, "reset_live_anywhere", highest),
                self.control(highest, "restarted_killed"),
            ]
        return found

    def control(self, run: RunConfig, change: Change, dead_of: RunConfig | None = None) -> Intervention:
        """One of the controls."""
        return Intervention(run, self.half, change, 1, run.epochs - self.half, dead_of, counts_dead=True)


PRESETS = {
    "smoke": Lasting(
        replace(SMOKE, subset_size=256),
        seeds=2,
        factors=(1,),
        norms=("batch",),
        warm_up_epochs=1,
        peak_epochs=2,
        annealed=1,
    ),
    "quick": Lasting(
        replace(QUICK, subset_size=2048),
        seeds=5,
        warm_up_epochs=2,
        peak_epochs=10,
        annealed=4,
        peak_rate=0.2,  # 0.05 at batch 32, as the preset's schedule
    ),
    "paper": Lasting(replace(PAPER, subset_size=40_000)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
