"""Additive noise: does a small batch's noise do harm where it does not answer to where the weights are?

A small batch; a large one in its place, at the same rate and number of updates; and the large one with a
small batch's noise from the end of the warm-up on: at the weights as they are, or at a snapshot of them,
taken anew every so often or held. The large batch is passed over in parts of the small one's size, each with
its own batch-norm statistics. Where curvature of single batches limits the rate (S), noise that does not
answer to the weights does little harm; where it is additive (M), it does as much as any (`docs/battery.md`).

    python -m experiments.additive_noise                  a miniature on synthetic images
    python -m analysis.additive_noise --label quick       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.errors import require
from research.gradients import Gradient
from research.gradients.fresh_noise import FreshNoise
from research.gradients.mean import MeanGradient
from research.gradients.stale_noise import StaleNoise
from research.measures.groups import GroupLosses
from research.measures.noise import GradientNoise
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear

GROUP = "limit"


@dataclass(frozen=True)
class AdditiveNoise(Experiment):
    """Every factor with the small batch, the large one, and each noise added to it.

    Epochs are those of the small batch: in as many updates the large one sees the images `times` times.

    Attributes:
        factors: of the small batch's learning rate; the large one's is the same in each update.
        times: small batches in a large one.
        ages: epochs after which the snapshot is taken anew, each a kind of stale noise.
        late: epochs before the peak's end at which noise begins in two further arms, fresh and held from then
            on: by then noise is as large at the large batch's weights as where fresh noise has taken them.
            None: without these arms.
        warm_up_epochs: epochs over which the rate rises to its peak, without added noise.
        peak_epochs: at the peak, the warm-up included.
        annealing_epochs: over which the rate falls to 0.
        peak_rate: at factor 1 and the schedule's reference batch.
    """

    factors: tuple[float, ...] = (1, 4)
    times: int = 8
    ages: tuple[int, ...] = (1, 25)
    late: int | None = None
    warm_up_epochs: int = 5
    peak_epochs: int = 25
    annealing_epochs: int = 5
    peak_rate: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        require(self.times >= 2, "times", self.times, "must be at least 2")
        self.require_peak()
        self.require_at_least(1, "ages", "annealing_epochs")
        most = self.peak_epochs - self.warm_up_epochs - 1
        allowed = (
            f"must be in 1 .. {most}, or None" if most >= 1 else "must be None where the peak is so short"
        )
        allowed += ": within the peak and after the other noise begins"
        require(self.late is None or 1 <= self.late <= most, "late", self.late, allowed)

    def gradients(self) -> list[Gradient]:
        """Of the large batch."""
        start = self.times * self.warm_up_epochs
        stale = [StaleNoise(start, self.times * age) for age in self.ages]
        found = [MeanGradient(), FreshNoise(start), *stale]
        if self.late is not None:
            start = self.times * (self.peak_epochs - self.late)
            found += [FreshNoise(start), StaleNoise(start, self.times * max(self.ages))]
        return found

    def small(self, factor: float, seed: int) -> RunConfig:
        """A run of the small batch."""
        knots = (0, self.warm_up_epochs, self.peak_epochs, self.peak_epochs + self.annealing_epochs)
        schedule = PiecewiseLinear(knots, (0, self.peak_rate, self.peak_rate, 0))
        return replace(self.base, schedule=schedule, factor=factor, epochs=knots[-1], seed=seed)

    def large(self, gradient: Gradient, factor: float, seed: int) -> RunConfig:
        """A run of the large one, with the small one's updates and rates."""
        small = self.small(factor, seed)
        assert isinstance(small.schedule, PiecewiseLinear)
        return replace(
            small,
            gradient=gradient,
            accumulate=self.times,
            factor=factor / self.times,
            schedule=small.schedule.stretched(self.times * small.epochs),
            epochs=self.times * small.epochs,
        )

    def runs(self) -> Sequence[RunConfig]:
        points = [(factor, seed) for factor in self.factors for seed in self.seed_range()]
        small = [self.small(*point) for point in points]
        return [*small, *(self.large(each, *point) for each in self.gradients() for point in points)]

    def measurements(self) -> Sequence[GroupLosses | GradientNoise]:
        """Losses before annealing and after it; and the noise at the peak's end, and where it is taken."""
        found: list[GroupLosses | GradientNoise] = []
        for run in self.runs():
            times = run.accumulate
            before = times * self.peak_epochs
            found += [GroupLosses(run, epoch, last=epoch) for epoch in (before, run.epochs)]
            if times > 1:
                taken = {before, self.snapshot_before(before, run.gradient)}
                found += [
                    GradientNoise(run, epoch, sizes=(run.batch_size,), batches=16, curved_batches=1)
                    for epoch in sorted(taken)
                ]
        return found

    def snapshot_before(self, epoch: int, gradient: Gradient) -> int:
        """The epoch at whose start the last snapshot before this one was taken; without any, this one."""
        if not isinstance(gradient, StaleNoise):
            return epoch
        return epoch - 1 - (epoch - 1 - gradient.start) % gradient.every


PRESETS = {
    "smoke": AdditiveNoise(
        replace(SMOKE, subset_size=256),
        seeds=2,
        factors=(1,),
        times=2,
        ages=(1, 2),
        warm_up_epochs=1,
        peak_epochs=2,
        annealing_epochs=1,
    ),
    "quick": AdditiveNoise(
        replace(QUICK, subset_size=2048),
        seeds=5,
        ages=(1, 8),
        warm_up_epochs=2,
        peak_epochs=8,
        annealing_epochs=2,
        peak_rate=0.2,  # 0.05 at batch 32, as the preset's schedule
    ),
    "paper": AdditiveNoise(replace(PAPER, subset_size=40_000)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
