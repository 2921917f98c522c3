"""Smaller data types: what they give in time, memory and final loss, beside what a larger batch gives.

A step of the run is timed in each data type at several batch sizes, and the run is trained in each (B18).
Both passes are in the data type; parameters are float32 in all. float16 is trained without loss scaling.

    python -m experiments.precision                           the miniature's network, on this machine
    python -m analysis.precision --label quick                the figure, from the records

Times are of the machine, and of what else it does meanwhile; only ratios within a repetition are compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.measures.throughput import Throughput
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class Precision(Experiment):
    """A run in each data type; a step of it at each batch size. Seeds are repetitions of the timing, too.

    Attributes:
        precisions: data types of both passes; the first is what the others are compared with.
        batch_sizes: of the steps that are timed: the base's, and larger ones.
        timed_seconds: for how long the steps of each are timed.
    """

    precisions: tuple[Literal["float32", "bfloat16", "float16"], ...] = ("float32", "bfloat16", "float16")
    batch_sizes: tuple[int, ...] = (128, 256, 512)
    timed_seconds: float = 0.5

    def of(self, precision: Literal["float32", "bfloat16", "float16"], seed: int) -> RunConfig:
        """One of the runs."""
        return replace(self.base, precision=precision, seed=seed)

    def runs(self) -> Sequence[RunConfig]:
        return [self.of(precision, seed) for precision in self.precisions for seed in self.seed_range()]

    def measurements(self) -> Sequence[Throughput]:
        return [
            Throughput(replace(self.of(precision, seed), batch_size=batch), self.timed_seconds)
            for seed in self.seed_range()  # all types in turn: a slow minute slows none alone
            for batch in self.batch_sizes
            for precision in self.precisions
        ]


PRESETS = {
    "smoke": Precision(replace(SMOKE, subset_size=128), seeds=2, batch_sizes=(16, 64), timed_seconds=0.0),
    "quick": Precision(
        replace(QUICK, subset_size=2048), seeds=3, batch_sizes=(32, 64, 128), timed_seconds=0.5
    ),
    "paper": Precision(PAPER, seeds=3),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
