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
from research.training.batches import Images, chained
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState
from research.training.evaluation import EVALUATION_BATCH, evaluate


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
        state = state_after(run, self.epoch, dataset, store)
        trained = store.read(run)[1]
        seen = trained[trained["metric"] == "order_checksum"].set_index("epoch")["value"]
        images = Images.of(dataset)
        evaluate_epoch, evaluate_test = _evaluators(Setting.of(run, dataset), self.statistics)
        hyper = Hyperparameters.of(run)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        rows: list[Row] = []

        def add(step: int, split: str, loss: Any, accuracy: Any) -> None:
            rows.append(Row(step, step / per_epoch, split, "loss", float(loss)))
            rows.append(Row(step, step / per_epoch, split, "accuracy", float(accuracy)))

        for epoch in range(self.epoch - self.epochs_back, self.epoch + 1):
            losses, accuracies, check = jax.device_get(evaluate_epoch(state, images, hyper, epoch))
            split = "replayed" if epoch < self.epoch else "unseen"
            if split == "replayed" and int(seen.loc[epoch + 1]) != int(check):
                raise InvalidInput(
                    "epoch",
                    epoch,
                    "its batches differ from those trained on; train and replay with one version of jax",
                )
            for index in range(per_epoch):
                add(epoch * per_epoch + index, split, losses[index], accuracies[index])
        add(self.epoch * per_epoch, "test", *jax.device_get(evaluate_test(state, images, hyper)))
        return rows


@lru_cache(maxsize=32)
def _evaluators(setting: Setting, statistics: str):
    """Two compiled functions of a state, the images and hyperparameters, the first also of an epoch.

    The first gives the loss and the accuracy of each batch of an epoch, with room for the whole training
    set's batches (a subset fills the beginning), and their checksum; the second those of the test set.
    """
    batch_size = setting.spec.batch_size

    @jax.jit
    def evaluate_epoch(
        state: TrainState, images: Images, hyper: Hyperparameters, epoch
    ) -> tuple[Float[Array, " batches"], Float[Array, " batches"], UInt32[Array, ""]]:
        run = setting.context(hyper, images)
        order = run.order(epoch)
        room = jnp.zeros(len(images.train_labels) // batch_size)

        def body(index, carry):
            losses, accuracies, check = carry
            batch = run.batch(epoch * run.per_epoch + index, order)
            loss, accuracy = run.evaluated(state.params, state.batch_stats, batch, statistics=statistics)
            check = chained(check, batch)
            return losses.at[index].set(loss), accuracies.at[index].set(accuracy), check

        return lax.fori_loop(0, run.per_epoch, body, (room, room, jnp.uint32(0)))

    @jax.jit
    def evaluate_test(state: TrainState, images: Images, hyper: Hyperparameters):
        running = statistics == "running"
        rows = len(images.test_labels)
        if not running:  # whole batches of the training's size: the statistics depend on it
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

    return evaluate_epoch, evaluate_test
