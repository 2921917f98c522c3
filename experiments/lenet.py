"""LeNet-5 at batch 16, 32 and 64: which converges fastest, which generalises best?

The rate of a step is the same at all three: 0.01, that of Caffe's LeNet (B9). Single runs of this kind are
often quoted; here each is repeated over ten seeds.

    python -m experiments.lenet                               synthetic images
    python -m experiments.lenet --data "MNIST (10k test digits).npz"
    python -m analysis.lenet --label quick                    the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import with_batch
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.models.lenet import LeNet
from research.optimizers.sgd import SGD
from research.training.config import RunConfig
from research.training.schedules import Policy

GROUP = "batch"


@dataclass(frozen=True)
class Lenet(Experiment):
    """A run at each batch size and seed, the rate that of the base's batch.

    Attributes:
        batch_sizes: examples per step.
    """

    batch_sizes: tuple[int, ...] = (16, 32, 64)

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(with_batch(self.base, batch, "none"), seed=seed)
            for batch in self.batch_sizes
            for seed in self.seed_range()
        ]


def _of(base: RunConfig, **changes) -> RunConfig:
    """LeNet-5 by the recipe of Caffe's `lenet_solver.prototxt`, but for its slow decay of the rate."""
    return replace(
        base,
        model=LeNet(),
        augmentation=(),
        optimizer=SGD(nesterov=False),
        batch_size=64,
        schedule=Policy("fixed", 0.01, reference_batch=64),
        **changes,
    )


PRESETS = {
    "smoke": Lenet(
        _of(SMOKE, data=replace(SMOKE.data, image_size=12), subset_size=128),
        seeds=2,
        batch_sizes=(16, 32),
    ),
    "quick": Lenet(_of(QUICK, subset_size=2048), seeds=10),
    "paper": Lenet(_of(PAPER, data=replace(PAPER.data, name="mnist")), seeds=10),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
