"""Losses of groups of images that a run visited alike, and how they go as it trains on.

Which groups there are is the run's order to say (`research.orders`): the cohort that is withheld, the half
that is not visited again, the images never seen. All are evaluated in training augmentation, in a view
drawn apart from training's, so that they differ in nothing but their visits. The memory of a group is the
loss of the images never seen less its own.
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.data import Dataset
from research.errors import require
from research.measures.measurement import BatchesAsTrained, state_after
from research.measures.rerun import rerun
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState
from research.training.evaluation import evaluate_views


@dataclass(frozen=True)
class GroupLosses:
    """The groups' losses along a run, from the state after one of its epochs on.

    Attributes:
        run: the run.
        epoch: its state after this number of epochs is the first that is evaluated. From there its steps
            are taken again, and the state is evaluated after 1, 2, 4, 8 ... steps and after every epoch.
        last: after this number of epochs the last state is evaluated; None: those of the whole run. Equal to
            `epoch`: that state alone, and nothing is trained.
        moments_per_doubling: this number of moments, instead of one, in each doubling of the steps.
    """

    run: RunConfig
    epoch: int
    last: int | None = None
    moments_per_doubling: int = 1

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        require(
            self.last is None or self.epoch <= self.last <= self.run.epochs,
            "last",
            self.last,
            f"must be in {self.epoch} .. {self.run.epochs}, or None for the whole run",
        )
        per = self.moments_per_doubling
        require(1 <= per <= 8, "moments_per_doubling", per, "must be in 1 .. 8")

    def epochs(self) -> tuple[int, ...]:
        """It needs the state it starts from, and that the run got as far as the last one."""
        return tuple(sorted({self.epoch, self.last or self.run.epochs}))

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Evaluate the groups, again and again, while the run's steps are taken once more.

        Returns:
            At each moment loss (in units of the run's loss), its standard `error` over the images, and
            accuracy of each group of the run's order, and of split `test_view`, the test set in training
            augmentation. Split `optimizer`: `summed_rate`, of the learning rates of the steps since the first
            moment.

        Raises:
            InvalidInput: the run has no such state, or its steps come out otherwise here.
        """
        run = bind(self.run, dataset)
        assert run.subset_size is not None
        per_epoch = run.steps_per_epoch(dataset.train_size)
        start, last = self.epoch, self.last or run.epochs
        trained_on = last > start
        state = state_after(run, start, dataset, store, to_train=trained_on)
        setting, hyper, images = Setting.of(run, dataset), Hyperparameters.of(run), Images.of(dataset)
        groups = run.order.groups(run.subset_size, dataset.train_size)
        bounds = jnp.asarray([*groups.values()], jnp.int32)
        losses_of, rate_of = _losses(setting), _rates(setting)
        as_trained = BatchesAsTrained(run, store)
        rows: list[Row] = []
        summed, done = 0.0, start * per_epoch
        for moment in moments(start * per_epoch, last * per_epoch, per_epoch, self.moments_per_doubling):
            if moment > done:
                steps = np.arange(done, moment, dtype=np.int32)
                summed += float(np.sum(rate_of(hyper, jnp.asarray(_padded(steps, per_epoch)))[: len(steps)]))
                sources = jnp.asarray(_padded(steps, per_epoch))
                state, trace = rerun(run, dataset)(state, images, hyper, sources, jnp.int32(len(steps)))
                whole = len(steps) == per_epoch and moment % per_epoch == 0
                if whole:
                    as_trained.require(moment // per_epoch - 1, int(trace.order_checksum))
                done = moment
            found, of_test = jax.device_get(losses_of(state, images, hyper, bounds))
            for split, values in zip((*groups, "test_view"), [*found, of_test], strict=True):
                for metric, value in zip(("loss", "error", "accuracy"), values, strict=True):
                    rows.append(Row(moment, moment / per_epoch, split, metric, float(value)))
            rows.append(Row(moment, moment / per_epoch, "optimizer", "summed_rate", summed))
        return rows


def moments(start: int, last: int, per_epoch: int, per_doubling: int = 1) -> list[int]:
    """Steps at which the state is looked at: close together at first, then after every epoch.

    Args:
        start, last: the first and the last of them.
        per_doubling: this number within the first epoch in each doubling of the steps since the start.
    """
    exponents = np.arange(0, per_doubling * np.log2(max(2, per_epoch)) + 1) / per_doubling
    early = {start, *(start + round(step) for step in 2.0**exponents)}
    return sorted(step for step in early | set(range(start, last + 1, per_epoch)) if step <= last)


def _padded(steps: np.ndarray, room: int) -> Int[np.ndarray, " room"]:
    """As many steps as an epoch has: one compiled program serves every stretch."""
    return np.pad(steps, (0, room - len(steps)), mode="edge").astype(np.int32)


@lru_cache(maxsize=32)
def _rates(setting: Setting):
    """`f(hyper, steps) -> rates`, compiled."""

    @jax.jit
    def rates(hyper: Hyperparameters, steps: Int[Array, " steps"]) -> Float[Array, " steps"]:
        per_epoch = hyper.subset_size // setting.spec.batch_size
        return jnp.asarray(jax.vmap(hyper.rate.of_steps(per_epoch))(steps))

    return rates


@lru_cache(maxsize=32)
def _losses(setting: Setting):
    """`f(state, images, hyper, bounds)`: loss, error and accuracy of the groups and of the test set."""

    @jax.jit
    def losses(
        state: TrainState, images: Images, hyper: Hyperparameters, bounds: Int[Array, "groups 2"]
    ) -> tuple[Float[Array, "groups 3"], Float[Array, " 3"]]:
        run, weights = setting.context(hyper, images), (state.params, state.batch_stats)

        def of_group(bound: Int[Array, " 2"]) -> Float[Array, " 3"]:
            return jnp.stack(evaluate_views(run, *weights, "train", bound[0], bound[1]))

        of_test = jnp.stack(evaluate_views(run, *weights, "test", 0, len(images.test_labels)))
        return jax.lax.map(of_group, bounds), of_test

    return losses
