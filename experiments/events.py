"""Forgetting events: how often an image goes from right to wrong between two visits, by factor and batch.

Some of the learning-rate sweep's runs are trained once more, watching every image
(`research.measures.events`, after Toneva et al. 2019).

    python -m experiments.events                    a miniature on synthetic images
    python -m experiments.events --factors 1 8      other learning rates
    python -m analysis.events --label quick         the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import lr_sweep
from experiments._command import run_experiment
from experiments.lr_sweep import LRSweep
from research.measures.events import Events

GROUP = "measures"


@dataclass(frozen=True)
class ForgettingEvents(LRSweep):
    """Some of the sweep's runs, with the forgetting events of each."""

    def measurements(self) -> Sequence[Events]:
        return [Events(run) for run in self.runs()]


def _of(preset: str, **changes) -> ForgettingEvents:
    """The sweep of that preset, so that the two share their runs."""
    return replace(ForgettingEvents(**vars(lr_sweep.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of("smoke", factors=(1, 64), subset_sizes=(128,), batch_sizes=(16,)),
    "quick": _of("quick", factors=(1 / 4, 1, 4), subset_sizes=(4096,)),
    "paper": _of("paper", factors=(1 / 4, 1, 4), subset_sizes=(50_000,)),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
