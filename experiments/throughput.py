"""Throughput: seconds and memory of a step at batch sizes from 1 on, powers of two and others (B4).

Nothing is trained: a step is compiled and timed. Where memory ends, the batch size is recorded as one that
does not fit.

    python -m experiments.throughput                          the miniature's network
    python -m experiments.throughput --batch-sizes 8 16 --timed-seconds 2
    python -m analysis.throughput --label quick               the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.measures.throughput import Throughput
from research.training.config import RunConfig

GROUP = "batch"


@dataclass(frozen=True)
class StepCosts(Experiment):
    """A step at each batch size; seeds are repetitions.

    Attributes:
        batch_sizes: examples per step.
        timed_seconds: for how long the steps of each are timed.
        memory_limit: bytes beyond which a step is not tried; None: what the device has free.
    """

    batch_sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 17, 32, 33, 64, 100, 128, 256, 512, 1024, 2048)
    timed_seconds: float = 0.5
    memory_limit: int | None = None

    def runs(self) -> Sequence[RunConfig]:
        return ()

    def measurements(self) -> Sequence[Throughput]:
        return [
            Throughput(replace(self.base, batch_size=batch, seed=seed), self.timed_seconds, self.memory_limit)
            for seed in self.seed_range()  # all sizes in turn: a slow minute then slows no size alone
            for batch in self.batch_sizes
        ]


PRESETS = {
    "smoke": StepCosts(replace(SMOKE, subset_size=128), seeds=2, batch_sizes=(16, 64), timed_seconds=0.0),
    "quick": StepCosts(replace(QUICK, subset_size=2048), seeds=3, timed_seconds=0.1),
    "paper": StepCosts(PAPER, seeds=5),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
