"""Units that are dead: whose output is 0 on every image, so that nothing that follows is learned from them.

A ReLU whose input is below 0 on all images gives 0 on all, and gets no gradient: it stays so. Whatever the
network, it is seen from outside: no gradient reaches the weights that it feeds.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, PyTree

from research.data import Dataset
from research.errors import require
from research.measures.measurement import state_after
from research.records.store import Row, Store
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Context, Count, Hyperparameters, Setting, TrainState


@dataclass(frozen=True)
class DeadUnits:
    """The share of dead units in one frozen state.

    Attributes:
        run: the run.
        epoch: its state after so many epochs is looked at.
        examples: training images, in whole batches; at most those of an epoch. A unit that is silent on them
            counts as dead.
    """

    run: RunConfig
    epoch: int
    examples: int = 1024

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        require(
            self.examples >= self.run.batch_size,
            "examples",
            self.examples,
            f"must be at least a batch, {self.run.batch_size}",
        )

    def epochs(self) -> tuple[int]:
        """It needs the state it looks at."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Take the gradient of batch after batch, with running batch-norm statistics.

        Returns:
            Split `train`: `dead_units`, the share of inputs of layers (channels of convolutions, features of
            linear layers; the images' own among them) whose weights have no gradient on any batch.
        """
        run = bind(self.run, dataset)
        setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        batches = min(self.examples // run.batch_size, per_epoch)
        state = state_after(run, self.epoch, dataset, store)
        share = _dead(setting)(state, Images.of(dataset), hyper, self.epoch - 1, batches)
        return [Row(self.epoch * per_epoch, float(self.epoch), "train", "dead_units", float(share))]


def unreached(context: Context, state: TrainState, epoch: Count | int, batches: Count | int) -> PyTree:
    """Which parameters have no gradient on any of the first batches of an epoch: booleans, shaped as they."""
    loss, order = context.trained_loss(state.batch_stats, "running"), context.order(epoch)

    def body(index: Count, quiet: PyTree) -> PyTree:
        batch = context.batch(epoch * context.per_epoch + index, order)
        gradient = jax.grad(loss)(state.params, batch)
        return jax.tree.map(lambda one, leaf: one & (leaf == 0), quiet, gradient)

    everything = jax.tree.map(lambda leaf: jnp.ones(leaf.shape, bool), state.params)
    return lax.fori_loop(0, batches, body, everything)


def silent(unreached: PyTree) -> dict[str, Bool[Array, " inputs"]]:
    """Which inputs of each kernel have unreached weights alone; its last two axes are inputs and outputs.

    Args:
        unreached: as `unreached` gives it.
    """

    def is_kernel(path: tuple[Any, ...], leaf: Array) -> bool:
        return getattr(path[-1], "key", None) == "kernel" and leaf.ndim in (2, 4)

    return {
        jax.tree_util.keystr(path): leaf.all(axis=(*range(leaf.ndim - 2), leaf.ndim - 1))
        for path, leaf in jax.tree_util.tree_leaves_with_path(unreached)
        if is_kernel(path, leaf)
    }


@lru_cache(maxsize=32)
def _dead(setting: Setting):
    """`f(state, images, hyper, epoch, batches) -> share`, compiled."""

    @jax.jit
    def dead(
        state: TrainState, images: Images, hyper: Hyperparameters, epoch: Count | int, batches: Count | int
    ) -> Float[Array, ""]:
        found = silent(unreached(setting.context(hyper, images), state, epoch, batches))
        return jnp.concatenate(jax.tree.leaves(found)).mean(dtype=jnp.float32)

    return dead
