"""What the experiments share whose rate stands at a peak and then falls to nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._experiment import Experiment
from research.measures.groups import GroupLosses
from research.training.config import RunConfig
from research.training.schedules import PiecewiseLinear


@dataclass(frozen=True)
class Annealed(Experiment):
    """Runs whose rate rises to its peak, stays there and falls to 0, measured before it falls and after.

    Attributes:
        factors: of the learning rate.
        warm_up_epochs: over which the rate rises from 0 to its peak.
        peak_rate: at factor 1 and the schedule's reference batch.
    """

    factors: tuple[float, ...] = (1 / 2, 1, 2, 4)
    warm_up_epochs: int = 5
    peak_rate: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        self.require_at_least(1, "warm_up_epochs")
        self.require_positive("peak_rate")

    @property
    def peak_ends(self) -> int:
        """The epoch at whose start annealing begins."""
        raise NotImplementedError

    def with_annealing(self, epochs: int) -> RunConfig:
        """The base run, its rate falling to 0 over a number of epochs from the peak's end."""
        end = self.peak_ends + epochs
        schedule = PiecewiseLinear(
            (0, self.warm_up_epochs, self.peak_ends, end), (0, self.peak_rate, self.peak_rate, 0)
        )
        return replace(self.base, schedule=schedule, epochs=end)

    def measurements(self) -> Sequence[GroupLosses]:
        """The groups' losses before annealing and after it; both states are kept."""
        return [
            GroupLosses(run, epoch, last=epoch)
            for run in self.runs()
            for epoch in (self.peak_ends, run.epochs)
        ]
