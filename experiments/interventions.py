"""Interventions: what a past batch caused, by changing one thing and training on, in pairs of one seed.

From a state of the forgetting experiment's run on all the data, training goes on once as it did, and once
with two windows of batches swapped, one repeated, one left out, the velocity reset, or batch norm's running
averages reset (`research.measures.interventions`).

    python -m experiments.interventions                    a miniature on synthetic images
    python -m experiments.interventions --window 16        longer windows
    python -m analysis.interventions --label quick         the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import forgetting
from experiments._command import run_experiment
from experiments._experiment import Experiment
from research.measures.interventions import Change, Intervention
from research.training.config import RunConfig

GROUP = "measures"


@dataclass(frozen=True)
class Interventions(Experiment):
    """A run at each factor, continued once for each intervention.

    Attributes:
        factors: of the learning rate.
        full_size: training images.
        epoch: the runs are continued from their states after this number of epochs.
        changes: the interventions; `untouched` is what the others are compared with.
        window: batches in each window.
        horizon: epochs that each is continued for.
    """

    factors: tuple[float, ...] = (4, 1 / 4)
    full_size: int = 50_000
    epoch: int = 20
    changes: tuple[Change, ...] = ("swap", "repeat", "leave_out", "reset_momentum", "reset_statistics")
    window: int = 16
    horizon: int = 2

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(self.base, factor=factor, seed=seed, subset_size=self.full_size)
            for factor in self.factors
            for seed in self.seed_range()
        ]

    def measurements(self) -> Sequence[Intervention]:
        return [
            Intervention(run, self.epoch, change, self.window, self.horizon)
            for run in self.runs()
            for change in dict.fromkeys(("untouched", *self.changes))
        ]


def _of(preset: str, **changes) -> Interventions:
    """The forgetting experiment's runs (b) at that preset."""
    of = forgetting.PRESETS[preset]
    return Interventions(of.base, of.seeds, of.factors, of.full_size, **changes)


PRESETS = {
    "smoke": _of("smoke", epoch=1, window=2, horizon=1),
    # Five seeds: effects of eight batches among 128 are small, and the runs are few.
    "quick": replace(_of("quick", epoch=8, window=8), seeds=5),
    "paper": replace(_of("paper"), seeds=3),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
