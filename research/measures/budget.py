"""A step's budget: what one update takes off the loss, and where the rest of it goes.

An update D moves the parameters along the gradients of many batches at once, by momentum. For a loss L with
gradient g and Hessian H, to second order,

    L(w + D) - L(w) = g'D + D'HD / 2 = -(gain - penalty),   gain = -g'D,   penalty = D'HD / 2.

The *curvature ratio* is penalty over gain on the batch's own loss for its own gradient step, D = -rate g:
rate g'Hg / 2g'g, half the rate times the batch sharpness. A quadratic in one direction is stable under plain
gradient descent while that is below 1. That is so of plain gradient descent, whatever the run's optimizer: D
is not the optimizer's direction, so that optimizers are compared by one number; at Adam's rates it is small.
`gain` and `penalty` are those of the optimizer's own update.

What the step does to other batches is measured as the change of their losses: of those of the last half
epoch, of the one seen K steps before, of batches that never came up, of the test set. `docs/measures.md`
says what these are good for.

Losses are those of training: augmented batches, batch norm with each batch's own statistics, no weight decay.
"""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from research.data import Dataset
from research.errors import require
from research.measures.measurement import state_after
from research.measures.operators import dot
from research.records.store import Row, Store
from research.training.batches import Batch, Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState
from research.training.step import train_step

AGES = tuple(2**k for k in range(12))  # steps ago; those beyond an epoch are left out
RECENT = 8  # batches of the last half epoch at which its mean is taken


@dataclass(frozen=True)
class StepBudget:
    """The budget of some steps in a row, from the state after one of a run's epochs.

    Attributes:
        run: the run.
        epoch: the steps measured are the first ones after this number of epochs.
        steps: how many; what they have in common is in their mean.
        examples: about this number of examples stands for the rest of the training set.
    """

    run: RunConfig
    epoch: int
    steps: int = 2
    examples: int = 256

    def __post_init__(self):
        require(
            1 <= self.epoch < self.run.epochs,
            "epoch",
            self.epoch,
            f"must be in 1 .. {self.run.epochs - 1}, so that steps follow it",
        )
        require(
            not self.run.accumulates,
            "run.accumulate",
            self.run.accumulate,
            "a step's budget needs one pass per update",
        )
        require(self.steps >= 1, "steps", self.steps, "must be at least 1")
        require(self.examples >= 1, "examples", self.examples, "must be at least 1")

    def epochs(self) -> tuple[int]:
        """It needs the state that its steps start from."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Take the steps, one after the other, and say what each did.

        Returns:
            For each step, rows in nats: `gain` and `penalty` of the update and `change` of the loss, on split
            `current` (the step's own batch) and `rest` (batches of the training set in an order and with an
            augmentation that never came up); `gradient_gain` and `gradient_penalty` on `current`, those of
            the batch's own gradient step; `change` on `recent` (mean over the last half epoch's batches),
            on `ago_K` (the batch seen K steps before) and on `test`. And `learning_rate`; and
            `half_epoch`, the number of batches in half an epoch.
        """
        run = bind(self.run, dataset)
        state = state_after(run, self.epoch, dataset, store, to_train=True)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        step_budget = _step_budget(Setting.of(run, dataset))
        images, hyper = Images.of(dataset), Hyperparameters.of(run)
        half = max(1, per_epoch // 2)
        recent = jnp.asarray(np.unique(np.linspace(1, half, RECENT).round()).astype(np.int32))
        recent = jnp.resize(recent, (RECENT,))  # a short epoch's few batches, repeated: one shape for all
        rest = jnp.arange(max(1, self.examples // run.batch_size)) + (run.epochs + 1) * per_epoch
        rows: list[Row] = []
        for step in range(self.epoch * per_epoch, self.epoch * per_epoch + self.steps):
            state, values = jax.device_get(step_budget(state, images, hyper, recent, rest))
            ages = values.pop("ago")
            found = {tuple(name.split(".")): value for name, value in values.items()}
            found |= {
                (f"ago_{age}", "change"): change
                for age, change in zip(AGES, ages, strict=True)
                if not np.isnan(change)
            }
            found["recent", "half_epoch"] = np.float32(half)
            for (split, metric), value in found.items():
                rows.append(Row(step, step / per_epoch, split, metric, float(value)))
        return rows


@lru_cache(maxsize=32)
def _step_budget(setting: Setting):
    """`f(state, images, hyper, recent, rest) -> (next state, values)`, one compilation for each."""

    @jax.jit
    def step_budget(
        state: TrainState,
        images: Images,
        hyper: Hyperparameters,
        recent: Int[Array, " recent"],
        rest: Int[Array, " rest"],
    ) -> tuple[TrainState, dict[str, Float[Array, "..."]]]:
        run = setting.context(hyper, images)
        loss = run.trained_loss(state.batch_stats)
        own = run.batch(state.step)
        after, _, _ = train_step(run, state, own)
        update = jax.tree.map(jnp.subtract, after.params, state.params)
        slope = jax.grad(loss)(state.params, own)
        step_size = run.rate(state.step)
        downhill = jax.tree.map(lambda leaf: -step_size * leaf, slope)

        def second_order(item):
            batch, along_update = item
            direction = jax.tree.map(lambda u, d: jnp.where(along_update, u, d), update, downhill)
            slope, curved = jax.jvp(lambda p: jax.grad(loss)(p, batch), (state.params,), (direction,))
            return -dot(slope, direction), dot(direction, curved) / 2

        def change(item):
            batch, wanted = item
            return lax.cond(
                wanted,
                lambda: loss(after.params, batch) - loss(state.params, batch),
                lambda: jnp.float32(jnp.nan),
            )

        # One compiled body for all second-order terms, and one for all changes of the loss.
        others = run.batches(rest)
        twice_and_others = _joined(_stacked(own), _stacked(own), others)
        along_update = jnp.arange(len(rest) + 2) != 1
        gains, penalties = lax.map(second_order, (twice_and_others, along_update))
        ages = jnp.asarray(AGES)
        within = ages <= jnp.minimum(run.per_epoch, state.step)
        parts = {
            "current": _stacked(own),
            "rest": others,
            "recent": run.batches(jnp.maximum(state.step - recent, 0)),
            "ago": run.batches(jnp.maximum(state.step - ages, 0)),
            "test": _test_batches(images, setting.spec.batch_size, len(rest)),
        }
        wanted = [
            within if name == "ago" else jnp.ones(len(part.labels), bool) for name, part in parts.items()
        ]
        changes = lax.map(change, (_joined(*parts.values()), jnp.concatenate(wanted)))
        ends = np.cumsum([len(part.labels) for part in parts.values()])[:-1]
        of = dict(zip(parts, jnp.split(changes, ends), strict=True))
        return after, {
            "current.learning_rate": step_size,
            "current.gain": gains[0],
            "current.penalty": penalties[0],
            "current.gradient_gain": gains[1],
            "current.gradient_penalty": penalties[1],
            "rest.gain": gains[2:].mean(),
            "rest.penalty": penalties[2:].mean(),
            "ago": of.pop("ago"),
            **{f"{split}.change": values.mean() for split, values in of.items()},
        }

    return step_budget


def _stacked(batch: Batch) -> Batch:
    return jax.tree.map(lambda leaf: leaf[None], batch)


def _joined(*stacks: Batch) -> Batch:
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *stacks)


def _test_batches(images: Images, batch_size: int, count: int) -> Batch:
    """The first test images as `count` batches of the training's size, or as many as there are."""
    count = max(1, min(count, len(images.test_labels) // batch_size))
    rows = jnp.arange(count * batch_size) % len(images.test_labels)
    shape = (count, batch_size)
    return Batch(
        images.test_images[rows].reshape(*shape, *images.test_images.shape[1:]),
        images.test_labels[rows].reshape(shape),
    )
