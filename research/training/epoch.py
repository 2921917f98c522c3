"""An epoch of many runs as one compiled program: initialise if new, train, evaluate."""

from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Int, UInt32

from research.data import Dataset
from research.errors import require
from research.training.batches import Batch, Images, chained
from research.training.config import RunConfig
from research.training.context import (
    Context,
    Count,
    Hyperparameters,
    Scalar,
    Setting,
    TrainState,
    compile_key,
)
from research.training.evaluation import evaluate, statistics_anew
from research.training.sharding import DATA, RUNS, one_per_run, replicated
from research.training.step import Pending, train_step


class Control(NamedTuple):
    """What a run is to do in one call of the program.

    Attributes:
        fresh: start from new parameters.
        active: False leaves the run as it is: a slot with nothing to train.
        last: also evaluate the training subset when done.
    """

    fresh: Bool[Array, ""]
    active: Bool[Array, ""]
    last: Bool[Array, ""]


class EpochResult(NamedTuple):
    """What an epoch gave. Names are SPLIT.METRIC; where training diverged, the values mean nothing.

    Attributes:
        metrics: `seen.M` for each metric M of the run; `test.loss` and `test.accuracy` at the end of the
            epoch, with running batch-norm statistics; and, where the weights are averaged, the same of
            `test_average`.
        at_end: likewise `train` and `train_average`, over the training subset, not augmented; they are
            measured after the last epoch only, and 0 before.
        order_checksum: of all batches of the epoch, in order; see `research.training.batches.checksum`.
        diverged_step: the first step whose loss was not finite; -1: none. No step follows it.
    """

    metrics: dict[str, Scalar]
    at_end: dict[str, Scalar]
    order_checksum: UInt32[Array, ""]
    diverged_step: Count


class _Sums(NamedTuple):
    """What the loop over an epoch's steps carries besides the state."""

    pending: Pending | None
    metrics: dict[str, Scalar]
    order_checksum: UInt32[Array, ""]
    diverged_step: Int[Array, ""]


class CompiledEpoch:
    """An epoch of as many runs as the mesh has slots, compiled once.

    All arrays of states, hyperparameters, controls and results have a leading axis that numbers the slots.

    Args:
        platform: that it is for; None: the one at hand. See `Setting.of`.
        runs_per_device: runs that each device trains at once, by `jax.vmap`.
    """

    def __init__(
        self,
        config: RunConfig,
        image_shape: tuple[int, int, int],
        classes: int,
        mesh: Mesh,
        *,
        platform: str | None = None,
        runs_per_device: int = 1,
    ):
        self.mesh = mesh
        self.runs_per_device = runs_per_device
        self.slots = mesh.shape[RUNS] * runs_per_device
        self._parts = mesh.shape[DATA]
        require(
            config.batch_size % self._parts == 0,
            "data_parallel",
            self._parts,
            f"must divide batch_size, {config.batch_size}",
        )
        self.setting = Setting.of_shape(
            config,
            image_shape,
            classes,
            split_batch=self._parts > 1,
            platform=platform,
            vmapped=runs_per_device > 1,
        )
        self._slice_size = config.batch_size // self._parts

    def hyper(self, runs: list[RunConfig | None]) -> Hyperparameters:
        """The arguments of the runs in each slot, their subsets named exactly; an empty slot repeats one."""
        stand_in = next(run for run in runs if run is not None)
        columns = _stacked([Hyperparameters.of(run or stand_in) for run in runs])
        return jax.device_put(columns, one_per_run(self.mesh))

    def control(self, fresh: list[bool], active: list[bool], last: list[bool]) -> Control:
        """What each slot is to do."""
        columns = Control(jnp.asarray(fresh), jnp.asarray(active), jnp.asarray(last))
        return jax.device_put(columns, one_per_run(self.mesh))

    def images(self, dataset: Dataset) -> Images:
        """The data set on every device of the mesh."""
        return jax.device_put(Images.of(dataset), replicated(self.mesh))

    def blank(self) -> TrainState:
        """States to begin with, one for each slot; `Control.fresh` fills them."""
        one = self.setting.abstract_state()
        zeros = jax.tree.map(lambda leaf: np.zeros((self.slots, *leaf.shape), leaf.dtype), one)
        return jax.device_put(zeros, one_per_run(self.mesh))

    @cached_property
    def epoch(self):
        """`epoch(states, hyper, control, images) -> (states, results)`; the states given are used up."""
        each = PartitionSpec(RUNS)

        def slots(states, hyper, control, images):
            if self.runs_per_device > 1:
                return jax.vmap(self._epoch, in_axes=(0, 0, 0, None))(states, hyper, control, images)
            state, hyper, control = jax.tree.map(lambda x: x[0], (states, hyper, control))
            return jax.tree.map(lambda x: x[None], self._epoch(state, hyper, control, images))

        mapped = jax.shard_map(
            slots,
            mesh=self.mesh,
            in_specs=(each, each, each, PartitionSpec()),
            out_specs=(each, each),
            check_vma=False,
        )
        return jax.jit(mapped, donate_argnums=0)

    def _epoch(
        self, state: TrainState, hyper: Hyperparameters, control: Control, images: Images
    ) -> tuple[TrainState, EpochResult]:
        """One run's epoch on the device, or devices, that hold it."""
        run = self.setting.context(hyper, images)
        part = lax.axis_index(DATA) if self._parts > 1 else 0
        state = lax.cond(control.fresh, lambda: self.setting.initial_state(hyper), lambda: state)
        epoch = state.step // run.per_epoch
        state, sums = self._trained(run, state, epoch, control.active, part)
        done = control.active & (sums.diverged_step < 0)
        test_rows = jnp.where(done, len(images.test_labels), 0)
        train_rows = jnp.where(done & control.last, hyper.subset_size, 0)
        metrics, at_end = dict(sums.metrics), {}
        for suffix, weights in self._evaluated_weights(run, state, epoch):
            for split, rows, into in (("test", test_rows, metrics), ("train", train_rows, at_end)):
                loss, accuracy = evaluate(run, *weights, split, rows, parts=self._parts, part=part)
                into |= {f"{split}{suffix}.loss": loss, f"{split}{suffix}.accuracy": accuracy}
        return state, EpochResult(metrics, at_end, sums.order_checksum, sums.diverged_step)

    def _trained(
        self, run: Context, state: TrainState, epoch: Count, active: Bool[Array, ""], part: Count | int
    ) -> tuple[TrainState, _Sums]:
        """The state after an epoch's steps, and what they came to."""
        mean_over = DATA if self._parts > 1 else None
        means = {f"seen.{m.member_name()}" for m in run.config.metrics if m.over_epoch == "mean"}
        order = run.order(epoch)
        end = state.step + jnp.where(active, run.per_epoch, 0)
        pending = None
        if run.config.accumulates:
            # The passes left over at the end of an epoch are in no update, as an epoch's left-over images.
            passes = run.hyper.accumulation.in_epoch(epoch)
            pending = Pending(jax.tree.map(jnp.zeros_like, state.params), passes)

        def unfinished(carry: tuple[TrainState, _Sums]):
            state, sums = carry
            return (state.step < end) & (sums.diverged_step < 0)

        def body(carry: tuple[TrainState, _Sums]):
            state, sums = carry
            batch = self._slice(run.batch(state.step, order), part)
            after, pending, facts = train_step(run, state, batch, pending=sums.pending, mean_over=mean_over)
            values = {f"seen.{m.member_name()}": m.of_step(facts) for m in run.config.metrics}
            before = {name: value if name in means else 0 for name, value in sums.metrics.items()}
            return after, _Sums(
                pending,
                {name: before[name] + value for name, value in values.items()},
                chained(sums.order_checksum, batch, part * self._slice_size),
                jnp.where(jnp.isfinite(facts.loss), sums.diverged_step, state.step),
            )

        nothing = {f"seen.{m.member_name()}": jnp.float32(0) for m in run.config.metrics}
        carry = (state, _Sums(pending, nothing, jnp.uint32(0), jnp.int32(-1)))
        state, sums = lax.while_loop(unfinished, body, carry)
        found = {
            name: value / run.per_epoch if name in means else value for name, value in sums.metrics.items()
        }
        check = lax.psum(sums.order_checksum, DATA) if self._parts > 1 else sums.order_checksum
        return state, sums._replace(metrics=found, order_checksum=check)

    def _evaluated_weights(self, run: Context, state: TrainState, epoch: Count):
        """The last weights, and the averaged ones where there are any, each with batch-norm statistics."""
        yield "", (state.params, state.batch_stats)
        if run.config.averaging.keeps:
            yield "_average", (state.average, statistics_anew(run, state.average, state.batch_stats, epoch))

    def _slice(self, batch: Batch, part: Count | int) -> Batch:
        """This device's share of a batch."""
        if self._parts == 1:
            return batch
        size = self._slice_size
        return jax.tree.map(lambda x: lax.dynamic_slice_in_dim(x, part * size, size), batch)


def _stacked(trees: list[Any]) -> Any:
    """Equal trees as one, their leaves stacked."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@lru_cache(maxsize=32)
def _compiled(
    key: RunConfig, image_shape: tuple[int, int, int], classes: int, mesh: Mesh, runs_per_device: int
) -> CompiledEpoch:
    return CompiledEpoch(key, image_shape, classes, mesh, runs_per_device=runs_per_device)


def compiled_epoch_for(
    config: RunConfig, dataset: Dataset, mesh: Mesh, runs_per_device: int = 1
) -> CompiledEpoch:
    """The program that trains this run, and every other with the same `compile_key`."""
    return _compiled(compile_key(config), dataset.image_shape, dataset.classes, mesh, runs_per_device)
