"""Units that are dead: whose output is 0 on every image, so that nothing that follows is learned from them.

A ReLU whose input is below 0 on all images gives 0 on all, and gets no gradient: it stays so. With a norm
before it, it is seen there: no gradient reaches the unit's shift. Whatever the network, it is seen from
outside: no gradient reaches the weights that it feeds; where two layers are fed by one ReLU, as a block's
first convolution and its shortcut's are, its units are then there twice.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, PyTree

from research.data import Dataset
from research.errors import require
from research.family import versioned
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
        epoch: its state after this number of epochs is looked at.
        examples: training images, in whole batches; None, or more than an epoch has: those of an epoch. A
            unit that is silent on them counts as dead.
        units: `norms`: the units of norms, each once, by norm as well; `inputs`: the inputs of layers.
    """

    run: RunConfig
    epoch: int
    examples: int | None = 1024
    units: Literal["inputs", "norms"] = versioned("inputs")

    def __post_init__(self):
        require(1 <= self.epoch <= self.run.epochs, "epoch", self.epoch, f"must be in 1 .. {self.run.epochs}")
        require(
            self.examples is None or self.examples >= self.run.batch_size,
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
            Split `train`: `dead_units`, the share of units without a gradient on any batch. Of `norms`: of
            channels whose norm's shift has none; `dead_units.NORM` has the share of each norm's. Of `inputs`:
            of inputs of layers (channels of convolutions, features of linear layers; the images' own among
            them) whose weights have none.

        Raises:
            InvalidInput: units are those of norms, and the network has none.
        """
        run = bind(self.run, dataset)
        setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        batches = per_epoch if self.examples is None else min(self.examples // run.batch_size, per_epoch)
        state = state_after(run, self.epoch, dataset, store)
        quiet = quiet_parameters(setting)(state, Images.of(dataset), hyper, self.epoch - 1, batches)
        by_layer = silent(quiet) if self.units == "inputs" else silent_norms(quiet)
        shares = {"dead_units": share(by_layer)}
        if self.units == "norms":
            shares |= {f"dead_units.{name}": share({name: each}) for name, each in by_layer.items()}
        step, epoch = self.epoch * per_epoch, float(self.epoch)
        return [Row(step, epoch, "train", metric, value) for metric, value in shares.items()]


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
        return _last(path) == "kernel" and leaf.ndim in (2, 4)

    return {
        jax.tree_util.keystr(path): leaf.all(axis=(*range(leaf.ndim - 2), leaf.ndim - 1))
        for path, leaf in jax.tree_util.tree_leaves_with_path(unreached)
        if is_kernel(path, leaf)
    }


def silent_norms(unreached: PyTree) -> dict[str, Bool[Array, " _"]]:
    """Which units of each norm have no gradient at their shift, by `norm_of`.

    Args:
        unreached: as `unreached` gives it.

    Raises:
        InvalidInput: there is no norm.
    """
    leaves = dict(jax.tree_util.tree_leaves_with_path(unreached))
    scaled = {norm_of(path) for path in leaves if _last(path) == "scale"}
    found = {
        norm_of(path): leaf
        for path, leaf in leaves.items()
        if _last(path) == "bias" and norm_of(path) in scaled
    }
    require(bool(found), "model", "without a norm", "units are silenced, revived or counted at norms alone")
    return found


def norm_of(path: tuple[Any, ...]) -> str:
    """The layer that a parameter, or what an optimizer keeps of it, belongs to: `blocks.0.norm2`."""
    keys = [str(entry.key) for entry in path if isinstance(entry, jax.tree_util.DictKey)]
    return ".".join(keys[:-1])


def _last(path: tuple[Any, ...]) -> Any:
    return getattr(path[-1], "key", None)


def share(of: dict[str, Bool[Array, " _"]]) -> float:
    """Of all units, how many are so."""
    return float(jnp.concatenate(list(of.values())).mean(dtype=jnp.float32))


@lru_cache(maxsize=32)
def quiet_parameters(setting: Setting):
    """`f(state, images, hyper, epoch, batches) -> unreached(...)`, compiled."""

    @jax.jit
    def quiet(
        state: TrainState, images: Images, hyper: Hyperparameters, epoch: Count | int, batches: Count | int
    ) -> PyTree:
        return unreached(setting.context(hyper, images), state, epoch, batches)

    return quiet
