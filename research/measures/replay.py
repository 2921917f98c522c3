"""Replay: a frozen model on what it was trained on, and on what it was not.

Nothing needs to be stored but the model. A batch is a pure function of (seed, step), so the batches of the
last epochs are made again exactly, augmentation included; so are the same images in a fresh view, drawn
apart from those of training. Of V equally likely views it is by chance one that the image had in one of E
epochs with probability 1 - (1 - 1/V)^E: a fifth, with the 50 of a crop by 2 and a flip and 12 epochs. So much
of the memory of the view, at most, is counted as memory of the image (`docs/measures.md`). Rows of the
training set beyond the subset, and the test set, are never seen at all. Then

    memory of the view   =  loss in a fresh view  -  loss as seen
    memory of the image  =  loss of images never seen  -  loss in a fresh view

by how long ago the batch was seen. Memory of images can be read off by age within the last epoch only: before
it every image was visited again. The article's own control, which it calls unseen, are never-seen samples;
the batches of the epoch that would come next are the same images, each last visited 0 to 1 epoch ago.

Source: the article's section on forgetfulness, and `docs/measures.md`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, UInt32

from research.data import Dataset
from research.errors import require
from research.measures.measurement import BatchesAsTrained, state_after
from research.orders import shuffled
from research.records.store import Row, Store
from research.training.batches import VIEW, Images, chained, run_key, step_key
from research.training.config import RunConfig, bind
from research.training.context import Count, Hyperparameters, Setting, TrainState
from research.training.evaluation import EVALUATION_BATCH, evaluate, evaluate_views, statistics_anew

Statistics = Literal["running", "batch"]


@dataclass(frozen=True)
class Replay:
    """One re-evaluation of a frozen model.

    Attributes:
        run: the run.
        epoch: its state after this number of epochs is frozen.
        epochs_back: how many of the epochs before that are replayed.
        statistics: batch norm's: `running` averages, as when the network is used, or those of each replayed
            `batch`, as when it was trained.
        weights: the last ones, or their average, where the run keeps one; the average's batch-norm statistics
            are estimated anew.
    """

    run: RunConfig
    epoch: int
    epochs_back: int = 4
    statistics: Statistics = "running"
    weights: Literal["last", "average"] = "last"

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        require(
            1 <= self.epochs_back <= self.epoch,
            "epochs_back",
            self.epochs_back,
            f"must be in 1 .. {self.epoch}, the epochs before the model is frozen",
        )
        require(
            self.weights == "last" or self.run.averaging.keeps,
            "weights",
            self.weights,
            "the run keeps no average of its weights (averaging is none)",
        )

    def epochs(self) -> tuple[int]:
        """It needs the state that is frozen."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Evaluate the frozen state on batches of the epochs before it and on images never seen.

        Returns:
            Loss (in units of the run's loss, nats for cross-entropy) and accuracy. For each batch of the
            epochs before, split `seen`: exactly as it was seen, and `fresh_view`: the same images in another
            view; of the epoch that would come next, split `next_epoch`. `step` and `epoch` are the batch's
            own: how long ago it was seen follows from them. At the step where the model was frozen:
            `never_seen`, training images beyond the subset, and `test_view`, the test set, both in training
            augmentation, with the loss's standard `error` over the images; and `test`, the test set as it is.
            Where the subset is the whole training set there is no `never_seen`; with batches' own statistics
            none of a group that does not fill a batch.

        Raises:
            InvalidInput: the run has no checkpoint, or its batches cannot be made again here.
        """
        run = bind(self.run, dataset)
        assert run.subset_size is not None
        setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
        state, images = state_after(run, self.epoch, dataset, store), Images.of(dataset)
        if self.weights == "average":
            state = _averaged(setting)(state, images, hyper, self.epoch - 1)
        as_trained = BatchesAsTrained(run, store)
        as_seen, in_fresh_view = (of_epoch(setting, self.statistics, view) for view in (0, 1))
        evaluate_group, evaluate_test = _of_groups(setting, self.statistics)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        rows: list[Row] = []

        def add(step: int, split: str, loss: Any, accuracy: Any) -> None:
            rows.append(Row(step, step / per_epoch, split, "loss", float(loss)))
            rows.append(Row(step, step / per_epoch, split, "accuracy", float(accuracy)))

        for epoch in range(self.epoch - self.epochs_back, self.epoch + 1):
            before = epoch < self.epoch
            exact, check = jax.device_get(as_seen(state, images, hyper, epoch))
            fresh = jax.device_get(in_fresh_view(state, images, hyper, epoch)[0]) if before else ()
            if before:
                as_trained.require(epoch, int(check))
            for index in range(per_epoch):
                step = epoch * per_epoch + index
                add(step, "seen" if before else "next_epoch", *(values[index] for values in exact))
                if before:
                    add(step, "fresh_view", *(values[index] for values in fresh))
        frozen = self.epoch * per_epoch
        never = run.order.groups(run.subset_size, dataset.train_size).get("never_seen")
        for split, of, group in (
            ("never_seen", "train", never),
            ("test_view", "test", (0, len(dataset.test_labels))),
        ):
            fewest = run.batch_size if self.statistics == "batch" else 1
            if group is not None and group[1] - group[0] >= fewest:
                found = evaluate_group[of](state, images, hyper, *group)
                loss, error, accuracy = jax.device_get(found)
                add(frozen, split, loss, accuracy)
                rows.append(Row(frozen, float(self.epoch), split, "error", float(error)))
        add(frozen, "test", *jax.device_get(evaluate_test(state, images, hyper)))
        return rows


@lru_cache(maxsize=32)
def _averaged(setting: Setting):
    """`f(state, images, hyper, epoch) -> state` with the average in place of the weights, compiled."""

    @jax.jit
    def averaged(state: TrainState, images: Images, hyper: Hyperparameters, epoch: Count) -> TrainState:
        run = setting.context(hyper, images)
        statistics = statistics_anew(run, state.average, state.batch_stats, epoch)
        return state._replace(params=state.average, batch_stats=statistics)

    return averaged


Pair = tuple[Float[Array, " batches"], Float[Array, " batches"]]


@lru_cache(maxsize=32)
def of_epoch(setting: Setting, statistics: Statistics, view: int = 0):
    """`f(state, images, hyper, epoch) -> ((losses, accuracies), checksum)` of an epoch's batches, compiled.

    There is room for the whole training set's batches; a subset fills the beginning.

    Args:
        view: 0: as they were seen; else the same images in a fresh view, drawn apart from training's.
    """

    @jax.jit
    def evaluate_epoch(
        state: TrainState, images: Images, hyper: Hyperparameters, epoch: Count
    ) -> tuple[Pair, UInt32[Array, ""]]:
        run = setting.context(hyper, images)
        order = run.order(epoch)
        room = jnp.zeros(len(images.train_labels) // setting.spec.batch_size)

        def body(index, carry):
            (losses, accuracies), check = carry
            batch = run.batch(epoch * run.per_epoch + index, order, view)
            loss, accuracy = run.evaluated(state.params, state.batch_stats, batch, statistics=statistics)
            pair = losses.at[index].set(loss), accuracies.at[index].set(accuracy)
            return pair, chained(check, batch)

        return lax.fori_loop(0, run.per_epoch, body, ((room, room), jnp.uint32(0)))

    return evaluate_epoch


_MIXED = 2**31 - 1  # no view's number


def mixed(images: Images, split: str, first: Count | int, end: Count | int, seed: Count | int) -> Images:
    """The images with some rows of a split in random order, for batches whose own statistics are used.

    A set stands in an order whose every stretch has all classes in their shares. Training's batches are drawn
    at random: their classes are not as even, and so neither are their statistics, nor the losses by them.

    Args:
        split: train or test.
        first, end: from which row up to, not including, which.
        seed: of the run, from which the order follows.
    """
    pixels, labels = getattr(images, f"{split}_images"), getattr(images, f"{split}_labels")
    row = jnp.arange(len(labels))
    inside = (row >= first) & (row < end)
    key = jax.random.fold_in(step_key(run_key(seed), VIEW, 0), _MIXED)
    row = jnp.where(inside, shuffled(key, inside)[jnp.clip(row - first, 0, len(labels) - 1)], row)
    return images._replace(**{f"{split}_images": pixels[row], f"{split}_labels": labels[row]})


@lru_cache(maxsize=32)
def _of_groups(setting: Setting, statistics: Statistics):
    """Compiled functions of a state, the images and hyperparameters, for rows and the test set.

    The first, for each split, also of a first row and an end, gives loss, error and accuracy of these rows in
    training augmentation. The second loss and accuracy of the test set as it is.
    """
    batch_size = setting.spec.batch_size

    def group_of(split: str):
        @jax.jit
        def evaluate_group(
            state: TrainState, images: Images, hyper: Hyperparameters, first: Count, end: Count
        ):
            if statistics == "batch":
                images = mixed(images, split, first, end, hyper.seed)
            run = setting.context(hyper, images)
            weights = state.params, state.batch_stats
            return evaluate_views(run, *weights, split, first, end, statistics=statistics)

        return evaluate_group

    @jax.jit
    def evaluate_test(state: TrainState, images: Images, hyper: Hyperparameters):
        running = statistics == "running"
        rows = len(images.test_labels)
        if not running:  # whole batches of the training's size: the statistics depend on it
            images = mixed(images, "test", 0, rows, hyper.seed)
            rows -= rows % batch_size
        return evaluate(
            setting.context(hyper, images),
            state.params,
            state.batch_stats,
            "test",
            rows,
            use_running_average=running,
            batch_size=EVALUATION_BATCH if running else batch_size,
        )

    return {split: group_of(split) for split in ("train", "test")}, evaluate_test
