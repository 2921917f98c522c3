"""One run, by default the article's batch-512 recipe: 35 epochs at factor 1.1 (its peak rate is 0.44).

python -m experiments.train --preset paper                      94% of CIFAR-10's test set, says the article
python -m experiments.train --base.factor 2 --seeds 3           three seeds of another factor
python -m experiments.train --base.batch-size 64 --base.model.width 16
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._command import run_experiment
from experiments._experiment import DESK, PAPER, QUICK, SMOKE, Experiment
from research.training.config import RunConfig


@dataclass(frozen=True)
class Train(Experiment):
    """The base run, once for each seed."""

    def runs(self) -> Sequence[RunConfig]:
        return [replace(self.base, seed=seed) for seed in self.seed_range()]


PRESETS = {
    "smoke": Train(replace(SMOKE, batch_size=64, factor=1.1)),
    # Four times the miniature's reference batch, as the article's 512 is of 128.
    "quick": Train(replace(QUICK, batch_size=128, factor=1.1), seeds=2),
    "desk": Train(replace(DESK, batch_size=512, factor=1.1), seeds=2),
    "paper": Train(replace(PAPER, batch_size=512, factor=1.1), seeds=5),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
