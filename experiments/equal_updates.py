"""Equal updates: is it the training set's size that lowers the best factor, or the number of updates?

The learning-rate sweep at its smaller batch size, with as many epochs for each subset as make the updates of
the largest one. At equal epochs a set eight times as large has eight times the updates, and more updates may
want a smaller rate whatever the images (C4-updates).

    python -m experiments.equal_updates                       a miniature on synthetic images
    python -m analysis.claims --label quick --only C4-updates the verdict, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import lr_sweep
from experiments._batch import of_updates
from experiments._command import run_experiment
from experiments.lr_sweep import LRSweep
from research.training.config import RunConfig


@dataclass(frozen=True)
class EqualUpdates(LRSweep):
    """The sweep's runs, all with the updates that the largest subset has in the base's epochs."""

    def runs(self) -> Sequence[RunConfig]:
        updates = {batch: self.base.epochs * (max(self.subset_sizes) // batch) for batch in self.batch_sizes}
        return [of_updates(run, updates[run.batch_size]) for run in super().runs()]


def _of(preset: str, **changes) -> EqualUpdates:
    """The sweep of that preset, so that the two share the largest subset's runs."""
    return replace(EqualUpdates(**vars(lr_sweep.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of("smoke", batch_sizes=(16,)),
    "quick": _of("quick", factors=(1 / 4, 1 / 2, 1, 2, 4, 8), subset_sizes=(512, 4096), batch_sizes=(32,)),
    # Near the article's sizes, an epoch of the one a whole part of the other's.
    "paper": _of("paper", subset_sizes=(6400, 25_600), batch_sizes=(128,)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
