"""All of a run that a compiled function needs: its network, its members, its batches, its rate.

Runs of equal `compile_key` share compiled functions. What differs between them, `Hyperparameters`, is an
argument; `Setting.context` puts the two together again inside the function:

    setting = Setting.of(run, dataset)

    @jax.jit
    def loss_of_step(state, images, hyper, step):
        run = setting.context(hyper, images)
        return run.evaluated(state.params, state.batch_stats, run.batch(step))
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key, PyTree

from research.augmentations import augmented
from research.data import Dataset
from research.family import arguments, structure, with_arguments
from research.scalars import Count, Scalar
from research.training.batches import (
    DROPOUT,
    NOISE,
    OPTIMIZER,
    VIEW,
    Batch,
    BatchSpec,
    Images,
    batch_at,
    batches_at,
    epoch_order,
    model_key,
    normalise,
    run_key,
    step_key,
    take_batch,
)
from research.training.config import RunConfig
from research.training.network import Network
from research.training.schedules import ARTICLE, LONGEST, Traced, traced, traced_rate


class TrainState(NamedTuple):
    """All that a step changes.

    Attributes:
        average: of the parameters; (): none is kept.
        snapshot: earlier parameters, where the gradient is made with them; (): none is kept.
    """

    params: PyTree
    batch_stats: PyTree
    opt_state: Any
    step: Count
    average: PyTree = ()
    snapshot: PyTree = ()


class Rate(NamedTuple):
    """A run's learning rate.

    Attributes:
        schedule: at factor 1 and the reference batch size.
        scale: the factor, times the examples per update over the schedule's reference.
        warm_up: epochs.
    """

    schedule: Traced
    scale: Scalar
    warm_up: Scalar

    def of_steps(self, steps_per_epoch: Count | int) -> optax.Schedule:
        """The rate as a function of the step."""
        return traced_rate(self.schedule, self.scale, steps_per_epoch, self.warm_up)

    @classmethod
    def of(cls, run: RunConfig) -> "Rate":
        """The learning rate of this run."""
        scale = np.float32(run.factor) * np.float32(run.effective_batch / run.schedule.reference_batch)
        return cls(traced(run.schedule), jnp.float32(scale), jnp.float32(run.warm_up))


class GradientAccumulation(NamedTuple):
    """How many passes an update takes: fields of `RunConfig`; `grow_at` ends in epochs never reached."""

    accumulate: Count
    grow_at: Int[Array, " times"]
    grow_by: Count

    def in_epoch(self, epoch: Count) -> Count:
        """Passes per update in this epoch, counted from 0."""
        return self.accumulate * self.grow_by ** (self.grow_at <= epoch).sum()

    @classmethod
    def of(cls, run: RunConfig) -> "GradientAccumulation":
        """That of this run."""
        never = [2**31 - 1] * (LONGEST - len(run.grow_at))
        return cls(
            jnp.int32(run.accumulate), jnp.asarray([*run.grow_at, *never], jnp.int32), jnp.int32(run.grow_by)
        )


class Hyperparameters(NamedTuple):
    """What may differ between runs of one compiled program.

    Attributes:
        total_steps: of the whole run.
        members: the arguments of its optimizer, its average, and so on, by field.
    """

    seed: Count
    subset_size: Count
    total_steps: Count
    rate: Rate
    accumulation: GradientAccumulation
    members: dict[str, Any]

    @classmethod
    def of(cls, run: RunConfig) -> "Hyperparameters":
        """Those of a run whose subset is named exactly."""
        assert run.subset_size is not None
        kinds = {bool: jnp.bool_, int: jnp.int32, float: jnp.float32}
        members = jax.tree.map(lambda value: kinds[type(value)](value), arguments(run))
        return cls(
            jnp.int32(run.seed),
            jnp.int32(run.subset_size),
            jnp.int32(run.total_steps(run.subset_size)),
            Rate.of(run),
            GradientAccumulation.of(run),
            members,
        )


def compile_key(config: RunConfig) -> RunConfig:
    """The config with all that a compiled program takes as arguments set to a neutral value.

    Two runs with equal keys, on data sets of equal shape, share a program.
    """
    return replace(
        structure(config),
        data=replace(config.data, subset_seed=0),
        seed=0,
        subset_size=None,
        factor=1.0,
        epochs=1,
        schedule=ARTICLE,
        warm_up=0.0,
        accumulate=2 if config.accumulates else 1,
        grow_at=(),
        grow_by=2,
    )


class Setting:
    """What runs of one `compile_key` have in common, on data of one shape and devices of one platform."""

    def __init__(
        self,
        config: RunConfig,
        image_shape: tuple[int, int, int],
        classes: int,
        split_batch: bool,
        platform: str,
        vmapped: bool = False,
    ):
        self.config = config
        self.network = Network(config, image_shape, classes, split_batch, platform, vmapped)
        self.spec = BatchSpec.of(config)

    @staticmethod
    def of(
        run: RunConfig, dataset: Dataset, *, split_batch: bool = False, platform: str | None = None
    ) -> "Setting":
        """That of this run; equal ones are one object, so that functions compiled for it can be kept by it.

        Args:
            split_batch: whether a batch is split over devices.
            platform: that the programs are for, as JAX names it; None: the one at hand. A program for another
                one can be looked at here (`jax.export`), and its arithmetic be followed on a CPU.
        """
        shape = dataset.image_shape, dataset.classes
        return Setting.of_shape(run, *shape, split_batch=split_batch, platform=platform)

    @staticmethod
    def of_shape(
        run: RunConfig,
        image_shape: tuple[int, int, int],
        classes: int,
        *,
        split_batch: bool = False,
        platform: str | None = None,
        vmapped: bool = False,
    ) -> "Setting":
        """`of`, on any data set of this shape.

        Args:
            vmapped: whether programs apply `jax.vmap` to what it computes, over several runs.
        """
        platform = platform or jax.default_backend()
        return _setting(compile_key(run), image_shape, classes, split_batch, platform, vmapped)

    def context(self, hyper: Hyperparameters, images: Images) -> "Context":
        """One run's, its hyperparameters perhaps traced."""
        config = with_arguments(self.config, hyper.members)
        # The order, the augmentation and the network have arguments, too.
        return Context(config, self.network.of(config.model), BatchSpec.of(config), hyper, images)

    def initial_state(self, hyper: Hyperparameters) -> TrainState:
        """One run's state before its first step."""
        config = with_arguments(self.config, hyper.members)
        params, batch_stats = self.network.of(config.model).init(model_key(run_key(hyper.seed)))
        opt_state = config.optimizer.transform().init(params)
        average = params if config.averaging.keeps else ()
        snapshot = params if config.gradient.keeps_snapshot else ()
        return TrainState(params, batch_stats, opt_state, jnp.int32(0), average, snapshot)

    def abstract_state(self) -> TrainState:
        """Structure and shapes of a state."""
        some = replace(self.config, subset_size=self.config.batch_size)
        return jax.eval_shape(self.initial_state, Hyperparameters.of(some))


@lru_cache(maxsize=64)
def _setting(
    key: RunConfig,
    image_shape: tuple[int, int, int],
    classes: int,
    split_batch: bool,
    platform: str,
    vmapped: bool,
) -> Setting:
    return Setting(key, image_shape, classes, split_batch, platform, vmapped)


@dataclass(frozen=True)
class Context:
    """One run, inside a compiled function.

    Attributes:
        config: its members, their arguments in place; all else that may differ between runs is neutral here.
        spec: of its batches.
        hyper: what differs between runs.
        images: the data set.
    """

    config: RunConfig
    network: Network
    spec: BatchSpec
    hyper: Hyperparameters
    images: Images

    @property
    def key(self) -> Key[Array, ""]:
        """From which all of the run's randomness follows."""
        return run_key(self.hyper.seed)

    @property
    def per_epoch(self) -> Count:
        """Steps of an epoch."""
        return self.hyper.subset_size // self.spec.batch_size

    def rate(self, step: Count | int) -> Scalar:
        """The learning rate of a step."""
        return jnp.float32(self.hyper.rate.of_steps(self.per_epoch)(step))

    def order(self, epoch: Count | int) -> Int[Array, " train"]:
        """The rows that an epoch visits, as `research.training.batches.epoch_order` gives them."""
        return epoch_order(self.key, epoch, self.hyper.subset_size, self.images.train_labels, self.spec.order)

    def batch(self, step: Count | int, order: Int[Array, " train"] | None = None, view: int = 0) -> Batch:
        """The batch of a step.

        Args:
            order: of the step's epoch; None: it is made here.
            view: 0: as it is trained on; else another augmentation of the same images, never trained on.
        """
        arguments = (step, self.hyper.subset_size, self.spec._replace(view=view))
        if order is None:
            return batch_at(self.images, self.key, *arguments)
        return take_batch(self.images, order, self.key, *arguments)

    def batches(self, steps: Int[Array, " step"], batch_size: int | None = None) -> Batch:
        """The batches of several steps, stacked along a first axis.

        Args:
            batch_size: instead of the run's own: the steps are then counted in batches of this size.
        """
        spec = self.spec._replace(batch_size=batch_size or self.spec.batch_size)
        return batches_at(self.images, self.key, steps, self.hyper.subset_size, spec)

    def view_of(self, split: str, rows: Int[Array, " batch"], number: Count | int, view: int = 1) -> Batch:
        """Images of one's choosing in training augmentation, in a view that no step ever trains on.

        Args:
            split: train or test.
            number: of the batch: batches of different numbers are augmented independently.
            view: which view; two differ, the same one is the same whenever it is asked for.
        """
        key = jax.random.fold_in(step_key(self.key, VIEW, number), view)
        pixels, labels = getattr(self.images, f"{split}_images"), getattr(self.images, f"{split}_labels")
        return Batch(augmented(self.spec.augmentation, key, pixels, rows), labels[rows])

    def dropout_key(self, step: Count | int) -> Key[Array, ""]:
        """Of dropout's masks at a step."""
        return step_key(self.key, DROPOUT, step)

    def optimizer_key(self, step: Count | int) -> Key[Array, ""]:
        """Of what the optimizer draws at a step."""
        return step_key(self.key, OPTIMIZER, step)

    def noise_key(self, step: Count | int) -> Key[Array, ""]:
        """Of what is drawn to make the gradient of the update whose first pass is this step."""
        return step_key(self.key, NOISE, step)

    def logits(
        self,
        params: PyTree,
        batch_stats: PyTree,
        batch: Batch,
        *,
        statistics: str = "batch",
        key: Key[Array, ""] | None = None,
    ) -> tuple[Float[Array, "batch classes"], PyTree]:
        """Logits of a batch, and the batch statistics after it.

        Args:
            statistics: batch norm's, those of the `batch` or `running` averages.
            key: of dropout's masks; None: nothing is dropped.
        """
        inputs = normalise(batch.images, self.images)
        return self.network.apply(params, batch_stats, inputs, statistics == "running", key)

    def evaluated(
        self, params: PyTree, batch_stats: PyTree, batch: Batch, *, statistics: str = "batch"
    ) -> tuple[Scalar, Scalar]:
        """A batch's mean loss, as it is reported (nothing dropped or smoothed), and its accuracy."""
        logits, _ = self.logits(params, batch_stats, batch, statistics=statistics)
        loss = self.config.loss.evaluated().per_example(logits, batch.labels).mean()
        return loss, (logits.argmax(-1) == batch.labels).mean()

    def trained_loss(
        self, batch_stats: PyTree, statistics: str = "batch"
    ) -> Callable[[PyTree, Batch], Scalar]:
        """The mean loss that is minimised, as a function of parameters and batch; nothing is dropped."""

        def loss(params: PyTree, batch: Batch) -> Scalar:
            return self.loss_of_logits(logits(params, batch), batch)

        logits = self.trained_logits(batch_stats, statistics)
        return loss

    def trained_logits(
        self, batch_stats: PyTree, statistics: str = "batch"
    ) -> Callable[[PyTree, Batch], Float[Array, "batch classes"]]:
        """Logits as a function of parameters and batch; nothing is dropped."""
        return lambda params, batch: self.logits(params, batch_stats, batch, statistics=statistics)[0]

    def loss_of_logits(self, logits: Float[Array, "batch classes"], batch: Batch) -> Scalar:
        """The mean loss that is minimised, of a batch's logits."""
        return self.config.loss.per_example(logits, batch.labels).mean()
