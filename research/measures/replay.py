"""Forgetting: a frozen model on the very batches it was trained on, against how long ago that was.

Nothing needs to be stored but the model. A batch is a pure function of (seed, step), so the batches of the
last epochs are made again exactly, augmentation included; so are those of the next epoch, which the model
has never seen in that form. Source: the article's section on forgetfulness.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, UInt32

from research.data import Dataset
from research.errors import InvalidInput, require
from research.measures.measurement import state_after
from research.records.store import Row, Store
from research.training.batches import BatchSpec, Images, chained, epoch_order, normalise, run_key, take_batch
from research.training.config import RunConfig, bind
from research.training.epoch import (
    EVALUATION_BATCH,
    Network,
    TrainState,
    compile_key,
    cross_entropy,
    evaluate,
)


@dataclass(frozen=True)
class Replay:
    """One re-evaluation of a frozen model.

    Attributes:
        run: the run.
        epoch: its state after so many epochs is frozen.
        epochs_back: how many of the epochs before that are replayed.
        statistics: batch norm's: `running` averages, as when the network is used, or those of each replayed
            `batch`, as when it was trained.
    """

    run: RunConfig
    epoch: int
    epochs_back: int = 4
    statistics: Literal["running", "batch"] = "running"

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        require(
            1 <= self.epochs_back <= self.epoch,
            "epochs_back",
            self.epochs_back,
            f"must be in 1 .. {self.epoch}, the epochs before the model is frozen",
        )

    def epochs(self) -> tuple[int]:
        """It needs the state that is frozen."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Evaluate the frozen state on the batches of the epochs before it, as they were seen.

        Returns:
            Loss (nats) and accuracy, one pair of rows for each batch: split `replayed` for those of the
            epochs before, `unseen` for those of the epoch that comes next. `step` and `epoch` are the
            batch's own: how long ago it was seen follows from them. One more pair, split `test`, for the
            test set, at the step where the model was frozen.

        Raises:
            InvalidInput: the run has no checkpoint, or its batches cannot be made again here.
        """
        run = bind(self.run, dataset)
        _, state = state_after(run, self.epoch, dataset, store)
        trained = store.read(run)[1]
        seen = trained[trained["metric"] == "order_checksum"].set_index("epoch")["value"]
        images = Images.of(dataset)
        evaluate_epoch, evaluate_test = _evaluators(
            compile_key(run), dataset.image_shape, dataset.classes, self.statistics
        )
        per_epoch = run.steps_per_epoch(dataset.train_size)
        rows: list[Row] = []

        def add(step: int, split: str, loss: Any, accuracy: Any) -> None:
            rows.append(Row(step, step / per_epoch, split, "loss", float(loss)))
            rows.append(Row(step, step / per_epoch, split, "accuracy", float(accuracy)))

        for epoch in range(self.epoch - self.epochs_back, self.epoch + 1):
            losses, accuracies, check = jax.device_get(
                evaluate_epoch(state, images, run.seed, run.subset_size, epoch)
            )
            split = "replayed" if epoch < self.epoch else "unseen"
            if split == "replayed" and int(seen.loc[epoch + 1]) != int(check):
                raise InvalidInput(
                    "epoch",
                    epoch,
                    "its batches differ from those trained on; train and replay with one version of jax",
                )
            for index in range(per_epoch):
                add(epoch * per_epoch + index, split, losses[index], accuracies[index])
        add(self.epoch * per_epoch, "test", *jax.device_get(evaluate_test(state, images)))
        return rows


@lru_cache(maxsize=32)
def _evaluators(static: RunConfig, image_shape: tuple[int, int, int], classes: int, statistics: str):
    """Two compiled functions of a state and the images, the first also of seed, subset size and epoch.

    The first gives the loss and the accuracy of each batch of an epoch, with room for the whole training
    set's batches (a subset fills the beginning), and their checksum; the second those of the test set.
    """
    network = Network(static, image_shape, classes, split_batch=False)
    recipe = BatchSpec.of(static)

    @jax.jit
    def evaluate_epoch(
        state: TrainState, images: Images, seed, subset_size, epoch
    ) -> tuple[Float[Array, " batches"], Float[Array, " batches"], UInt32[Array, ""]]:
        key, train_size = run_key(seed), len(images.train_labels)
        order = epoch_order(key, epoch, subset_size, train_size)
        per_epoch = subset_size // recipe.batch_size
        room = jnp.zeros(train_size // recipe.batch_size)

        def body(index, carry):
            losses, accuracies, check = carry
            batch = take_batch(images, order, key, epoch * per_epoch + index, subset_size, recipe)
            logits, _ = network.apply(
                state.params, state.batch_stats, normalise(batch.images, images), statistics == "running"
            )
            loss = cross_entropy(logits, batch.labels).mean()
            accuracy = (logits.argmax(-1) == batch.labels).mean()
            check = chained(check, batch)
            return losses.at[index].set(loss), accuracies.at[index].set(accuracy), check

        return lax.fori_loop(0, per_epoch, body, (room, room, jnp.uint32(0)))

    @jax.jit
    def evaluate_test(state: TrainState, images: Images):
        running = statistics == "running"
        rows = len(images.test_labels)
        if not running:  # whole batches of the training's size: the statistics depend on it
            rows -= rows % recipe.batch_size
        return evaluate(
            network,
            state.params,
            state.batch_stats,
            images,
            "test",
            rows,
            use_running_average=running,
            batch_size=EVALUATION_BATCH if running else recipe.batch_size,
        )

    return evaluate_epoch, evaluate_test
