"""A run is a value: everything that determines it, in one frozen dataclass.

The defaults are the recipe of "How to train your ResNet, part 2: mini-batches" (Myrtle.ai, 2018) and of
its repository, cifar10-fast: SGD with Nesterov momentum 0.9, weight decay 5e-4 added to the mean gradient
and applied through the learning rate, reflect-pad-4 random crops and horizontal flips, batch size 128.
"""

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from research.augmentations import Augmentation, require_fitting
from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.averaging import WeightAveraging
from research.averaging.none import NoAveraging
from research.data import DataConfig, Dataset
from research.errors import require
from research.family import versioned
from research.gradients import Gradient
from research.gradients.mean import MeanGradient
from research.losses import Loss
from research.losses.cross_entropy import CrossEntropy
from research.metrics import Metric
from research.metrics.accuracy import Accuracy
from research.metrics.learning_rate import LearningRate
from research.metrics.loss import TrainingLoss
from research.models import Model
from research.models.resnet import ResNet
from research.optimizers import Optimizer
from research.optimizers.sgd import SGD
from research.orders import Order
from research.orders.reshuffled import Reshuffled
from research.training.schedules import ARTICLE, LONGEST, Schedule


@dataclass(frozen=True)
class RunConfig:
    """One training run. Equal configs on the same machine give bitwise equal records.

    Attributes:
        data: the data set.
        subset_size: train on this many images, the first of the nested, class-balanced order; None: on all.
        augmentation: random changes of the training images, in this order, but that pixels' values are
            changed after all that moves them; empty: none.
        order: which images an epoch visits, and when.
        model: the network.
        loss: what is minimised, the mean over a batch.
        optimizer: the update rule.
        averaging: an average of the weights, beside the last ones.
        batch_size: examples per step (per pass, where passes are accumulated); the few left over at the end
            of an epoch's order are skipped.
        schedule: learning rate against epoch, at factor 1.
        factor: the learning-rate factor, 1 being the article's baseline.
        epochs: passes over the subset.
        seed: initialisation, batch order, augmentation and masks all follow from it.
        precision: of the forward and backward pass; parameters and statistics are always float32. There is
            no float64: JAX has it only where every number of a process may be one, and then other ones
            are drawn (`research.runtime.PINNED`).
        warm_up: epochs over which the rate rises linearly from 0 to the schedule's; 0: none.
        accumulate: forward and backward passes per update, each on `batch_size` examples: the update is that
            of a batch of `effective_batch` examples, but for batch norm, which sees one pass's alone.
        grow_at: epochs, counted from 0, at whose start the number of passes per update is multiplied by
            `grow_by`, the learning rate staying what it was (Smith et al. 2018).
        grow_by: see `grow_at`.
        metrics: what is recorded of each epoch's steps.
        gradient: how an update's gradient is made of its passes.
    """

    data: DataConfig = field(default_factory=DataConfig)
    subset_size: int | None = None
    augmentation: tuple[Augmentation, ...] = (Crop(), Flip())
    order: Order = Reshuffled()
    model: Model = ResNet()
    loss: Loss = CrossEntropy()
    optimizer: Optimizer = SGD()
    averaging: WeightAveraging = NoAveraging()
    batch_size: int = 128
    schedule: Schedule = ARTICLE
    factor: float = 1.0
    epochs: int = 35
    seed: int = 0
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    warm_up: float = 0.0
    accumulate: int = 1
    grow_at: tuple[int, ...] = ()
    grow_by: int = 2
    metrics: tuple[Metric, ...] = (TrainingLoss(), Accuracy(), LearningRate())
    gradient: Gradient = versioned(MeanGradient())

    def __post_init__(self):
        require(
            self.subset_size is None or self.subset_size >= 1,
            "subset_size",
            self.subset_size,
            "must be at least 1, or None for all images",
        )
        require(self.batch_size >= 1, "batch_size", self.batch_size, "must be at least 1")
        require(
            self.subset_size is None or self.batch_size <= self.subset_size,
            "batch_size",
            self.batch_size,
            f"must not exceed subset_size, {self.subset_size}",
        )
        require(0 < self.factor < 1e30, "factor", self.factor, "must be a number above 0 and below 1e30")
        require(self.epochs >= 1, "epochs", self.epochs, "must be at least 1")
        require(0 <= self.seed < 2**31, "seed", self.seed, "must be in 0 .. 2147483647")
        require(0 <= self.warm_up < math.inf, "warm_up", self.warm_up, "must be finite and not negative")
        require(self.accumulate >= 1, "accumulate", self.accumulate, "must be at least 1")
        require(
            len(self.grow_at) <= LONGEST and all(a < b for a, b in pairwise((0, *self.grow_at))),
            "grow_at",
            self.grow_at,
            f"must be at most {LONGEST} epochs above 0, increasing strictly",
        )
        require(self.grow_by >= 2, "grow_by", self.grow_by, "must be at least 2")
        names = [metric.member_name() for metric in self.metrics]
        require(len(set(names)) == len(names), "metrics", ", ".join(names), "must name each metric once")

    @property
    def accumulates(self) -> bool:
        """Whether an update may take more than one pass."""
        return self.accumulate > 1 or bool(self.grow_at)

    @property
    def effective_batch(self) -> int:
        """Examples per update, before any growth; the learning rate is scaled with it."""
        return self.batch_size * self.accumulate

    def steps_per_epoch(self, train_size: int) -> int:
        """Whole batches in the subset, of a training set of `train_size` images."""
        return (self.subset_size or train_size) // self.batch_size

    def total_steps(self, train_size: int) -> int:
        """Steps from the first to the last."""
        return self.epochs * self.steps_per_epoch(train_size)


def require_passes(config: RunConfig) -> None:
    """Raise `InvalidInput` if the gradient is made of several passes, and an update takes one.

    Not as soon as a run is made: on the command line the one may be chosen before the other.
    """
    require(
        config.accumulates or not config.gradient.needs_passes,
        "gradient",
        config.gradient.member_name(),
        "makes noise of an update's passes: accumulate must be at least 2",
    )


def bind(config: RunConfig, dataset: Dataset) -> RunConfig:
    """The same run with its data named exactly, so that equal runs have equal identities.

    Raises:
        InvalidInput: the run asks for more than the data set has.
    """
    size = dataset.train_size if config.subset_size is None else config.subset_size
    require(
        size <= dataset.train_size,
        "subset_size",
        size,
        f"{dataset.title} has {dataset.train_size} training images",
    )
    require(
        config.batch_size <= size,
        "batch_size",
        config.batch_size,
        f"must not exceed the subset, {size} images",
    )
    require_passes(config)
    passes = config.accumulate * config.grow_by ** sum(epoch < config.epochs for epoch in config.grow_at)
    require(
        passes <= size // config.batch_size,
        "accumulate",
        passes,
        f"passes per update must not exceed those of an epoch, {size // config.batch_size}",
    )
    require_fitting(config.augmentation, dataset.image_shape)
    config.order.check(size, dataset.train_size)
    return replace(config, data=dataset.config, subset_size=size)
