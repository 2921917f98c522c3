"""Memory: what makes a network remember longer? Half-life against learning rate, width, batch size and decay.

Around one run, one thing at a time is varied, and the last epochs of each are replayed on its frozen model.
The half-lives of the memory of images and of views are fitted from that (`analysis.fading`). The article
suggests that larger models forget less.

    python -m experiments.memory                        a miniature on synthetic images
    python -m experiments.memory --widths 4 8 16 32     other widths
    python -m analysis.memory --label quick             the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments import forgetting
from experiments._command import run_experiment
from experiments._experiment import Experiment
from research.family import with_value
from research.measures.replay import Replay
from research.training.config import RunConfig

GROUP = "measures"


@dataclass(frozen=True)
class Memory(Experiment):
    """The base run and its variations, each replayed.

    Attributes:
        full_size: training images.
        factors: of the learning rate; the other variations are around the base's own.
        widths: of the network.
        batch_sizes: examples per step; at an equal factor, an equal step per example.
        weight_decays: coefficients.
        epochs_back: how many of the last epochs are replayed.
    """

    full_size: int = 50_000
    factors: tuple[float, ...] = (1 / 4, 1, 4)
    widths: tuple[int, ...] = (32, 64, 128)
    batch_sizes: tuple[int, ...] = (64, 128, 512)
    weight_decays: tuple[float, ...] = (0, 5e-4, 5e-3)
    epochs_back: int = 5

    def runs(self) -> Sequence[RunConfig]:
        base = replace(self.base, subset_size=self.full_size)
        varied = [
            base,
            *(replace(base, factor=factor) for factor in self.factors),
            *(with_value(base, "model.width", width) for width in self.widths),
            *(replace(base, batch_size=size) for size in self.batch_sizes),
            *(with_value(base, "optimizer.weight_decay", decay) for decay in self.weight_decays),
        ]
        return [replace(run, seed=seed) for run in dict.fromkeys(varied) for seed in self.seed_range()]

    def measurements(self) -> Sequence[Replay]:
        return [Replay(run, run.epochs, self.epochs_back) for run in self.runs()]


def _of(preset: str, **changes) -> Memory:
    """Around the forgetting experiment's run (b), at factor 1."""
    of = forgetting.PRESETS[preset]
    return Memory(of.base, of.seeds, of.full_size, epochs_back=of.epochs_back, **changes)


PRESETS = {
    "smoke": _of("smoke", factors=(1, 4), widths=(), batch_sizes=(), weight_decays=(5e-4, 5e-2)),
    "quick": replace(
        _of("quick", widths=(4, 8, 16), batch_sizes=(16, 32, 128), weight_decays=(0, 5e-4, 5e-3)), seeds=3
    ),
    "paper": _of("paper"),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
