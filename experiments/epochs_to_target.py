"""Epochs to target: what a larger batch costs in epochs, and saves in steps and seconds.

The runs of `scaling_rules`, and larger batches with more epochs, at an unchanged rate and at one in
proportion (B3). Seconds are steps times the time of one, measured as `throughput` does.

    python -m experiments.epochs_to_target                    a miniature on synthetic images
    python -m analysis.epochs_to_target --label quick         the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import scaling_rules
from experiments._batch import longer, with_batch
from experiments._command import run_experiment
from experiments.scaling_rules import ScalingRules
from research.errors import require
from research.measures.throughput import Throughput
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class EpochsToTarget(ScalingRules):
    """The runs of `scaling_rules`, and some of them longer.

    Attributes:
        longer_batches: batch sizes that are trained longer, too.
        times: as many epochs.
        timed_seconds: for how long the steps of each batch size are timed.
    """

    longer_batches: tuple[int, ...] = (512, 2048)
    times: int = 4
    timed_seconds: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        require(self.times >= 2, "times", self.times, "must be at least 2")

    def runs(self) -> Sequence[RunConfig]:
        return [
            *super().runs(),
            *(
                replace(longer(with_batch(self.base, batch, rule), self.times), seed=seed)
                for seed in self.seed_range()
                for batch in self.longer_batches
                for rule in ("none", "linear")
            ),
        ]

    def measurements(self) -> Sequence[Throughput]:
        return [
            Throughput(replace(self.base, batch_size=batch, seed=seed), self.timed_seconds)
            for seed in self.seed_range()
            for batch in self.batch_sizes
        ]


def _of(preset: str, **changes) -> EpochsToTarget:
    """The grid of that preset, so that the two share their runs."""
    return replace(EpochsToTarget(**vars(scaling_rules.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of("smoke", longer_batches=(64,), timed_seconds=0.0),
    "quick": _of("quick", longer_batches=(128,), timed_seconds=0.1),
    "paper": _of("paper"),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
