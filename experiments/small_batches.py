"""Batch 16, 32 and 64: at which does a small network converge fastest, at which does it generalise best?

The network of Keras' MNIST example under Adam at Keras' defaults, and LeNet-5 under SGD (B9). The rate of a
step is the same at all three sizes: Adam's 1e-3, and 0.01, that of Caffe's LeNet. Single runs of this kind
are often quoted; here each is repeated over seeds. `paper` is the example's size: images of 28x28, 15 epochs.

    python -m experiments.small_batches                     synthetic images
    python -m experiments.small_batches --preset paper --data "MNIST (10k test digits).npz" --label mnist10k
    python -m analysis.small_batches --label mnist10k       the figure, from the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments._batch import with_batch
from experiments._command import run_experiment
from experiments._experiment import PAPER, QUICK, SMOKE, Experiment
from research.models.keras_cnn import KerasCNN
from research.models.lenet import LeNet
from research.optimizers.adam import Adam
from research.optimizers.sgd import SGD
from research.training.config import RunConfig
from research.training.schedules import Policy

GROUP = "batch"


@dataclass(frozen=True)
class SmallBatches(Experiment):
    """A run of each network at each batch size and seed, the rate that of the network's own recipe.

    Attributes:
        batch_sizes: examples per step.
        lenet: LeNet-5 under SGD, too, beside the base's network.
    """

    partly = ("model", "optimizer", "schedule")  # LeNet-5 has a recipe of its own

    batch_sizes: tuple[int, ...] = (16, 32, 64)
    lenet: bool = True

    def runs(self) -> Sequence[RunConfig]:
        return [
            replace(with_batch(base, batch, "none"), seed=seed)
            for base in (self.base, *([_lenet(self.base)] if self.lenet else []))
            for batch in self.batch_sizes
            for seed in self.seed_range()
        ]


def _keras(preset: RunConfig, **changes) -> RunConfig:
    """The recipe of Keras' example: its network, 15 epochs, Adam at Keras' defaults, images as they are."""
    return replace(
        preset,
        model=KerasCNN(),
        optimizer=Adam(epsilon=1e-7),
        schedule=_constant(1e-3, preset.batch_size),
        augmentation=(),
        epochs=15,
        **changes,
    )


def _lenet(base: RunConfig) -> RunConfig:
    """LeNet-5 by the recipe of Caffe's `lenet_solver.prototxt`, but for its slow decay of the rate."""
    return replace(
        base,
        model=LeNet(),
        optimizer=SGD(nesterov=False),
        schedule=_constant(0.01, base.batch_size),
    )


def _constant(rate: float, batch_size: int) -> Policy:
    """The same rate at every step; it is stated for a batch size, and kept at others by `with_batch`."""
    return Policy("fixed", rate, reference_batch=batch_size)


PRESETS = {
    "smoke": SmallBatches(
        _keras(replace(SMOKE, data=replace(SMOKE.data, image_size=12)), subset_size=128),
        seeds=2,
        batch_sizes=(16, 32),
    ),
    "quick": SmallBatches(_keras(QUICK, subset_size=2048), seeds=5),
    "paper": SmallBatches(
        _keras(replace(PAPER, data=replace(PAPER.data, name="mnist"), precision="float32")), seeds=10
    ),
}

if __name__ == "__main__":
    run_experiment(PRESETS, __doc__)
