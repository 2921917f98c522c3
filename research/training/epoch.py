"""Training: one pure step, and an epoch of many runs as one compiled program.

`train_step` is the mathematics. `CompiledEpoch` compiles an epoch (initialise if new, train, evaluate) once
for everything that shares its static part; seed, subset size, learning rate, momentum, weight decay and the
number of passes per update are arguments.
"""

from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float, Int, PyTree, UInt32

from research import models
from research.data import Dataset
from research.errors import require
from research.training.batches import (
    Batch,
    BatchSpec,
    Images,
    chained,
    epoch_order,
    model_key,
    normalise,
    run_key,
    take_batch,
)
from research.training.config import RunConfig
from research.training.schedules import ARTICLE, LONGEST, Traced, traced, traced_rate
from research.training.sharding import DATA, RUNS, one_per_run, replicated

EVALUATION_BATCH = 256

Scalar = Float[Array, ""]
Count = Int[Array, ""]


class TrainState(NamedTuple):
    """All that a step changes."""

    params: PyTree
    batch_stats: PyTree
    opt_state: Any
    step: Count


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


class Passes(NamedTuple):
    """How many passes an update takes: fields of `RunConfig`; `grow_at` ends in epochs never reached."""

    accumulate: Count
    grow_at: Int[Array, " times"]
    grow_by: Count

    def in_epoch(self, epoch: Count) -> Count:
        """Passes per update in this epoch, counted from 0."""
        return self.accumulate * self.grow_by ** (self.grow_at <= epoch).sum()

    @classmethod
    def of(cls, run: RunConfig) -> "Passes":
        """The passes of this run."""
        never = [2**31 - 1] * (LONGEST - len(run.grow_at))
        return cls(
            jnp.int32(run.accumulate), jnp.asarray([*run.grow_at, *never], jnp.int32), jnp.int32(run.grow_by)
        )


class Hyper(NamedTuple):
    """What may differ between runs of one compiled program."""

    seed: Count
    subset_size: Count
    momentum: Scalar
    weight_decay: Scalar
    rate: Rate
    passes: Passes


class Control(NamedTuple):
    """What a run is to do in one call of the program.

    Attributes:
        fresh: start from new parameters.
        active: False leaves the run as it is: a place with nothing to train.
        last: also evaluate the training subset when done.
    """

    fresh: Bool[Array, ""]
    active: Bool[Array, ""]
    last: Bool[Array, ""]


class Metrics(NamedTuple):
    """One epoch's results. Losses are mean cross-entropies in nats, accuracies fractions; NaN: not measured.

    Attributes:
        seen_loss: mean over the epoch's batches, each as seen by the step that trained on it.
        test_loss: at the end of the epoch, with running batch-norm statistics, as are the other four.
        train_loss: over the training subset, not augmented; only after the last epoch.
        learning_rate: of the epoch's last step.
        order_checksum: of all batches of the epoch, in order; see `research.training.batches.checksum`.
        diverged_step: the first step whose loss was not finite; -1: none. No step follows it.
    """

    seen_loss: Scalar
    seen_accuracy: Scalar
    test_loss: Scalar
    test_accuracy: Scalar
    train_loss: Scalar
    train_accuracy: Scalar
    learning_rate: Scalar
    order_checksum: UInt32[Array, ""]
    diverged_step: Count


class Network:
    """A model in its functional form: pure functions of parameters and batch statistics."""

    def __init__(self, config: RunConfig, image_shape: tuple[int, int, int], classes: int, split_batch: bool):
        self._build = lambda rngs: models.build(
            config.model,
            image_shape=image_shape,
            classes=classes,
            rngs=rngs,
            dtype=jnp.dtype(config.precision),
            batch_axis=DATA if split_batch else None,
            # A GPU's compiler knows the derived form of a convolution's gradients best.
            on_cpu=jax.default_backend() == "cpu",
        )
        abstract = nnx.eval_shape(lambda: self._build(nnx.Rngs(0)))
        self._graph = nnx.split(abstract, nnx.Param, ...)[0]

    def init(self, key) -> tuple[PyTree, PyTree]:
        """Fresh parameters and batch statistics."""
        model = self._build(nnx.Rngs(0))
        params, batch_stats = nnx.state(model, nnx.Param), nnx.state(model, nnx.BatchStat)
        return models.pytorch_default(key, nnx.to_pure_dict(params)), nnx.to_pure_dict(batch_stats)

    def initial_state(self, seed: Count | int) -> TrainState:
        """One run's state before its first step."""
        params, batch_stats = self.init(model_key(run_key(seed)))
        # The optimizer's state does not depend on its rates.
        opt_state = optimizer(0.0, 0.0, lambda _: 0.0).init(params)
        return TrainState(params, batch_stats, opt_state, jnp.int32(0))

    def apply(
        self, params: PyTree, batch_stats: PyTree, inputs: Array, use_running_average: bool
    ) -> tuple[Float[Array, "batch classes"], PyTree]:
        """Logits in float32, and the batch statistics after this batch."""
        # Without the copy, the merged model would share its variables with a trace it outlives.
        model = nnx.merge(self._graph, params, batch_stats, copy=True)
        logits = model(inputs, use_running_average=use_running_average)
        batch_stats = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
        return logits.astype(jnp.float32), batch_stats


def optimizer(
    momentum: Scalar | float,
    weight_decay: Scalar | float,
    rate: optax.Schedule,
    nesterov: bool = True,
) -> optax.GradientTransformation:
    """SGD as in the article: decay joins the mean gradient, momentum, then the learning rate."""
    return optax.chain(
        optax.add_decayed_weights(weight_decay),
        optax.sgd(rate, momentum=momentum, nesterov=nesterov),
    )


def train_step(
    network: Network,
    transform: optax.GradientTransformation,
    state: TrainState,
    images: Images,
    batch: Batch,
    *,
    mean_over: str | None = None,
) -> tuple[TrainState, Scalar, Scalar]:
    """One step of SGD; returns the state after it and the batch's loss and accuracy before it.

    Args:
        mean_over: mesh axis that holds the other slices of the batch.
    """
    gradient, batch_stats, loss, accuracy = _gradient(network, state, images, batch, mean_over)
    updates, opt_state = transform.update(gradient, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    return TrainState(params, batch_stats, opt_state, state.step + 1), loss, accuracy


def accumulating_step(
    network: Network,
    transform: optax.GradientTransformation,
    state: TrainState,
    pending: PyTree,
    images: Images,
    batch: Batch,
    passes: Count,
    due: Bool[Array, ""],
    *,
    mean_over: str | None = None,
) -> tuple[TrainState, PyTree, Scalar, Scalar]:
    """One pass, and where it is `due`, the update with the mean gradient of the last `passes` of them.

    Args:
        pending: sum of the gradients of the passes since the last update.

    Returns:
        State, `pending` after it, and the pass's own loss and accuracy.
    """
    gradient, batch_stats, loss, accuracy = _gradient(network, state, images, batch, mean_over)
    pending = jax.tree.map(jnp.add, pending, gradient)

    def update():
        mean = jax.tree.map(lambda leaf: leaf / passes, pending)
        updates, opt_state = transform.update(mean, state.opt_state, state.params)
        return optax.apply_updates(state.params, updates), opt_state, jax.tree.map(jnp.zeros_like, pending)

    def wait():
        return state.params, state.opt_state, pending

    params, opt_state, pending = lax.cond(due, update, wait)
    return TrainState(params, batch_stats, opt_state, state.step + 1), pending, loss, accuracy


def _gradient(
    network: Network, state: TrainState, images: Images, batch: Batch, mean_over: str | None
) -> tuple[PyTree, PyTree, Scalar, Scalar]:
    """Of the batch's mean loss; with the statistics after the batch, its loss and its accuracy."""
    inputs = normalise(batch.images, images)

    def loss_of(params):
        logits, batch_stats = network.apply(params, state.batch_stats, inputs, False)
        return cross_entropy(logits, batch.labels).mean(), (logits, batch_stats)

    (loss, (logits, batch_stats)), gradient = jax.value_and_grad(loss_of, has_aux=True)(state.params)
    accuracy = (logits.argmax(-1) == batch.labels).mean()
    if mean_over is not None:
        loss, accuracy, gradient = lax.pmean((loss, accuracy, gradient), mean_over)
    return gradient, batch_stats, loss, accuracy


def cross_entropy(
    logits: Float[Array, "batch classes"], labels: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Per example, in nats."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def evaluate(
    network: Network,
    params: PyTree,
    batch_stats: PyTree,
    images: Images,
    split: str,
    rows: Count | int,
    *,
    use_running_average: bool = True,
    batch_size: int = EVALUATION_BATCH,
    parts: int = 1,
    part: Count | int = 0,
) -> tuple[Scalar, Scalar]:
    """Mean loss and accuracy over the first `rows` images of a split.

    Args:
        split: train or test.
        rows: may be traced; 0 gives NaN at no cost.
        use_running_average: of batch norm; else each evaluation batch's own statistics.
        parts: devices among which each evaluation batch is divided, this one being number `part`; the sums
            are then added over the mesh axis `data`.
    """
    pixels, labels = getattr(images, f"{split}_images"), getattr(images, f"{split}_labels")
    size = max(1, min(batch_size, len(labels)) // parts)

    def body(index, sums):
        row = (index * parts + part) * size + jnp.arange(size)
        inside = row < rows
        row = jnp.minimum(row, len(labels) - 1)
        logits, _ = network.apply(params, batch_stats, normalise(pixels[row], images), use_running_average)
        loss = jnp.where(inside, cross_entropy(logits, labels[row]), 0.0)
        correct = inside & (logits.argmax(-1) == labels[row])
        return sums[0] + loss.sum(), sums[1] + correct.sum()

    batches = -(-rows // (size * parts))
    sums = lax.fori_loop(0, batches, body, (jnp.float32(0), jnp.int32(0)))
    if parts > 1:
        sums = lax.psum(sums, DATA)
    return sums[0] / rows, sums[1] / rows


class CompiledEpoch:
    """An epoch of as many runs as the mesh has places, compiled once.

    All arrays of states, hyper-parameters, controls and metrics have a leading axis that numbers the places.
    """

    def __init__(self, config: RunConfig, image_shape: tuple[int, int, int], classes: int, mesh: Mesh):
        self.mesh = mesh
        self.slots = mesh.shape[RUNS]
        self._parts = mesh.shape[DATA]
        self._config = config
        require(
            config.batch_size % self._parts == 0,
            "data_parallel",
            self._parts,
            f"must divide batch_size, {config.batch_size}",
        )
        self.recipe = BatchSpec.of(config)
        self._recipe = self.recipe._replace(batch_size=config.batch_size // self._parts)
        self.network = Network(config, image_shape, classes, split_batch=self._parts > 1)

    def hyper(self, runs: list[RunConfig | None], train_size: int) -> Hyper:
        """The arguments of the runs in each place; an empty place repeats the first run's."""
        stand_in = next(run for run in runs if run is not None)
        filled = [run or stand_in for run in runs]
        columns = Hyper(
            jnp.asarray([run.seed for run in filled], jnp.int32),
            jnp.asarray([run.subset_size or train_size for run in filled], jnp.int32),
            jnp.asarray([run.momentum for run in filled], jnp.float32),
            jnp.asarray([run.weight_decay for run in filled], jnp.float32),
            _stacked([Rate.of(run) for run in filled]),
            _stacked([Passes.of(run) for run in filled]),
        )
        return jax.device_put(columns, one_per_run(self.mesh))

    def control(self, fresh: list[bool], active: list[bool], last: list[bool]) -> Control:
        """What each place is to do."""
        columns = Control(jnp.asarray(fresh), jnp.asarray(active), jnp.asarray(last))
        return jax.device_put(columns, one_per_run(self.mesh))

    def images(self, dataset: Dataset) -> Images:
        """The data set on every device of the mesh."""
        return jax.device_put(Images.of(dataset), replicated(self.mesh))

    def blank(self) -> TrainState:
        """States to begin with, one for each place; `Control.fresh` fills them."""
        one = jax.eval_shape(self.network.initial_state, 0)
        zeros = jax.tree.map(lambda leaf: np.zeros((self.slots, *leaf.shape), leaf.dtype), one)
        return jax.device_put(zeros, one_per_run(self.mesh))

    @cached_property
    def epoch(self):
        """`epoch(states, hyper, control, images) -> (states, metrics)`; the states given are used up."""
        each = PartitionSpec(RUNS)

        def places(states, hyper, control, images):
            one = jax.tree.map(lambda x: x[0], (states, hyper, control))
            return jax.tree.map(lambda x: x[None], self._epoch(one[0], one[1], one[2], images))

        mapped = jax.shard_map(
            places,
            mesh=self.mesh,
            in_specs=(each, each, each, PartitionSpec()),
            out_specs=(each, each),
            check_vma=False,
        )
        return jax.jit(mapped, donate_argnums=0)

    def _epoch(
        self, state: TrainState, hyper: Hyper, control: Control, images: Images
    ) -> tuple[TrainState, Metrics]:
        """One run's epoch on the device, or devices, that hold it."""
        config, train_size = self._config, len(images.train_labels)
        key = run_key(hyper.seed)
        state = lax.cond(control.fresh, lambda: self.network.initial_state(hyper.seed), lambda: state)
        per_epoch = hyper.subset_size // config.batch_size
        rate = hyper.rate.of_steps(per_epoch)
        transform = optimizer(hyper.momentum, hyper.weight_decay, rate, config.nesterov)
        order = epoch_order(key, state.step // per_epoch, hyper.subset_size, train_size)
        passes = hyper.passes.in_epoch(state.step // per_epoch)
        # The passes left over at the end of an epoch are in no update, as an epoch's left-over images.
        pending = jax.tree.map(jnp.zeros_like, state.params) if config.accumulates else None
        end = state.step + jnp.where(control.active, per_epoch, 0)
        part = lax.axis_index(DATA) if self._parts > 1 else 0

        def unfinished(carry):
            state, _, _, _, _, diverged_step = carry
            return (state.step < end) & (diverged_step < 0)

        def body(carry):
            state, pending, loss_sum, accuracy_sum, check, diverged_step = carry
            batch = take_batch(images, order, key, state.step, hyper.subset_size, self.recipe)
            batch = self._slice(batch, part)
            mean_over = DATA if self._parts > 1 else None
            if config.accumulates:
                taken = state.step % per_epoch % passes  # passes before this one in its update
                # The update's rate is that of its first pass, as the large batch's step would have it.
                of_update = optimizer(
                    hyper.momentum, hyper.weight_decay, lambda _: rate(state.step - taken), config.nesterov
                )
                after, pending, loss, accuracy = accumulating_step(
                    *(self.network, of_update, state, pending, images, batch, passes, taken + 1 == passes),
                    mean_over=mean_over,
                )
            else:
                after, loss, accuracy = train_step(
                    self.network, transform, state, images, batch, mean_over=mean_over
                )
            diverged_step = jnp.where(jnp.isfinite(loss), diverged_step, state.step)
            check = chained(check, batch, part * self._recipe.batch_size)
            return after, pending, loss_sum + loss, accuracy_sum + accuracy, check, diverged_step

        zero = jnp.float32(0)
        carry = (state, pending, zero, zero, jnp.uint32(0), jnp.int32(-1))
        state, _, loss_sum, accuracy_sum, check, diverged_step = lax.while_loop(unfinished, body, carry)
        if self._parts > 1:
            check = lax.psum(check, DATA)
        done = control.active & (diverged_step < 0)
        test_rows = jnp.where(done, len(images.test_labels), 0)
        train_rows = jnp.where(done & control.last, hyper.subset_size, 0)
        test = self._evaluate(state, images, "test", test_rows, part)
        train = self._evaluate(state, images, "train", train_rows, part)
        metrics = Metrics(
            loss_sum / per_epoch,
            accuracy_sum / per_epoch,
            *test,
            *train,
            learning_rate=jnp.float32(rate(state.step - 1)),
            order_checksum=check,
            diverged_step=diverged_step,
        )
        return state, metrics

    def _slice(self, batch: Batch, part: Count | int) -> Batch:
        """This device's share of a batch."""
        if self._parts == 1:
            return batch
        size = self._recipe.batch_size
        return jax.tree.map(lambda x: lax.dynamic_slice_in_dim(x, part * size, size), batch)

    def _evaluate(self, state: TrainState, images: Images, split: str, rows, part) -> tuple[Scalar, Scalar]:
        return evaluate(
            self.network, state.params, state.batch_stats, images, split, rows, parts=self._parts, part=part
        )


def compile_key(config: RunConfig) -> RunConfig:
    """The config with all that a compiled program takes as arguments set to a neutral value.

    Two runs with equal static parts, on data sets of equal shape, share a program.
    """
    return replace(
        config,
        seed=0,
        subset_size=None,
        factor=1.0,
        epochs=1,
        momentum=0.0,
        weight_decay=0.0,
        schedule=ARTICLE,
        warm_up=0.0,
        accumulate=2 if config.accumulates else 1,
        grow_at=(),
        grow_by=2,
    )


def _stacked(trees: list[Any]) -> Any:
    """Equal trees as one, their leaves stacked."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@lru_cache(maxsize=32)
def _program(static: RunConfig, image_shape: tuple[int, int, int], classes: int, mesh: Mesh) -> CompiledEpoch:
    return CompiledEpoch(static, image_shape, classes, mesh)


def compiled_epoch_for(config: RunConfig, dataset: Dataset, mesh: Mesh) -> CompiledEpoch:
    """The program that trains this run, and every other with the same static part."""
    return _program(compile_key(config), dataset.image_shape, dataset.classes, mesh)
