"""Budget: at each learning rate, what do steps lose to curvature, and what to forgetting?

On the runs of the learning-rate sweep, at chosen moments, single steps are taken apart
(`research.measures.budget`), and the batches of the epoch before are replayed (`research.measures.replay`).
The first gives the curvature ratio of each factor, the second the forgetting ratio (`docs/measures.md`).
    python -m experiments.budget                              a miniature on synthetic images
    python -m experiments.budget --measured-epochs 2 5 8 11   more moments
    python -m analysis.budget --label quick                   the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import lr_sweep
from experiments._command import run_experiment
from experiments.lr_sweep import LRSweep
from research.errors import require
from research.measures.budget import StepBudget
from research.measures.replay import Replay

GROUP = "measures"


@dataclass(frozen=True)
class Budget(LRSweep):
    """The sweep's runs, or some of them, with the budget of their steps.

    Attributes:
        measured_epochs: the steps measured are the first ones after these epochs.
        steps: steps in a row at each; a curvature ratio is of 16 batches at least.
        examples: how many stand for the rest of the training set.
    """

    measured_epochs: tuple[int, ...] = (15, 30)
    steps: int = 16
    examples: int = 256

    def __post_init__(self):
        super().__post_init__()
        require(len(self.measured_epochs) >= 1, "measured_epochs", self.measured_epochs, "must name one")

    def measurements(self) -> Sequence[StepBudget | Replay]:
        moments = [(run, epoch) for run in self.runs() for epoch in self.measured_epochs]
        return [
            *(StepBudget(run, epoch, self.steps, self.examples) for run, epoch in moments),
            *(Replay(run, epoch, epochs_back=1) for run, epoch in moments),
        ]


def _of(preset: str, **changes) -> Budget:
    """The sweep of that preset, so that the two share their runs."""
    return replace(Budget(**vars(lr_sweep.PRESETS[preset])), **changes)


PRESETS = {
    "smoke": _of("smoke", batch_sizes=(16,), measured_epochs=(1,), examples=32),
    # After epoch 5 the rate is at its peak; the largest and the smallest set show what size does.
    "quick": _of(
        "quick",
        factors=(1 / 4, 1 / 2, 1, 2, 4, 8, 16),
        subset_sizes=(512, 4096),
        measured_epochs=(5,),
        examples=32,
    ),
    "paper": _of("paper", subset_sizes=(6250, 12_500, 25_000)),  # of 50,000 none would be left unseen
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
