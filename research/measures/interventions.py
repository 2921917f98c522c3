"""Interventions: what a past batch, or a part of the training state, caused, and not only what goes with it.

From the state after one of a run's epochs, training goes on for some epochs, once as it did and once with one
thing changed: the same seed, the same state, the same batches otherwise. The difference between the two is
the change's doing. A recency curve only says that recent batches have a lower loss; here the order of two
windows of batches is swapped, and what follows from it is seen (arXiv 2601.21624 names this gap).

Window A is the first batches of the epoch, window B as many from its middle on:

    untouched     A . . . B . . .
    swap          B . . . A . . .
    repeat        A . . . A . . .
    leave_out     - . . . B . . .     no steps are taken in place of A's

`reset_momentum` and `reset_statistics` leave the order alone and set the velocity to zero, or batch norm's
running averages to those of a new network, before the first step. `initial_lengths` scales each convolution's
kernel back to the length that it was initialised with: what grew under a high rate is taken off. `revived`
gives units that are silent on all images of the epoch before their norm's first scale and shift, so that half
of what comes in passes their ReLU again.
`reset_live` is its sham: as many live units of the same norms, drawn, are set so instead;
`reset_live_anywhere` draws as many in all, of whatever norms. `killed` makes units silent for good, with a
scale of 0 and a shift below it: those that are silent in a twin's state, `dead_of`. `restarted` begins anew:
all is a new network's but the step; `restarted_killed` does so with what was silent silent for good.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from research.data import Dataset
from research.errors import require
from research.family import versioned
from research.measures.dead import norm_of, quiet_parameters, share, silent_norms
from research.measures.measurement import state_after
from research.measures.rerun import SKIP, rerun
from research.records.store import Row, Store
from research.training.batches import UNITS, Images, run_key, step_key
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, Setting, TrainState
from research.training.evaluation import evaluate

Change = Literal[
    "untouched",
    "swap",
    "repeat",
    "leave_out",
    "reset_momentum",
    "reset_statistics",
    "initial_lengths",
    "revived",
    "reset_live",
    "reset_live_anywhere",
    "killed",
    "restarted",
    "restarted_killed",
]

SHAMS = ("reset_live", "reset_live_anywhere")
OF_UNITS = ("revived", *SHAMS, "killed", "restarted_killed")

Units = dict[str, Bool[Array, " _"]]
"""Some units of each norm, by its name: `research.measures.dead.silent_norms`."""


@dataclass(frozen=True)
class Intervention:
    """A run continued from one of its states, with one thing changed.

    Attributes:
        run: the run.
        epoch: it is continued from its state after this number of epochs.
        change: what is changed.
        window: batches in each window.
        horizon: epochs that it is continued for.
        dead_of: the run whose dead units after as many epochs are meant; None: this one's. where live
            ones are reset it is their number that counts.
        counts_dead: also say how many units are changed and are dead.
    """

    run: RunConfig
    epoch: int
    change: Change
    window: int = 8
    horizon: int = 2
    dead_of: RunConfig | None = versioned(None)
    counts_dead: bool = versioned(False)

    def __post_init__(self):
        require(self.horizon >= 1, "horizon", self.horizon, "must be at least 1")
        require(self.window >= 1, "window", self.window, "must be at least 1")
        require(
            1 <= self.epoch <= self.run.epochs - self.horizon,
            "epoch",
            self.epoch,
            f"must be in 1 .. {self.run.epochs - self.horizon}, so that {self.horizon} epochs follow it",
        )
        twin = None if self.dead_of is None else "another run"
        require(twin is None or self.change in OF_UNITS, "dead_of", twin, f"is for {', '.join(OF_UNITS)}")
        require(
            twin is not None or self.change != "killed",
            "dead_of",
            twin,
            "must be given where units are killed",
        )

    def epochs(self) -> tuple[int]:
        """It needs the state that it goes on from."""
        return (self.epoch,)

    def measure(self, dataset: Dataset, store: Store) -> list[Row]:
        """Continue the run and evaluate it after window A, after window B and after each epoch.

        Returns:
            Losses (nats, running batch-norm statistics) on split `test` and on `window_a` and `window_b`, the
            windows' own batches as they are seen in training, at the steps where they were evaluated. On
            split `audit`, at the first and the last step: `order_checksum` of the batches trained on since
            the state, `statistics_checksum` of batch norm's running averages, and `key_0` and `key_1`,
            the two words of the key that all of the run's randomness comes from. Equal checksums at the first
            step say that two records start from one state. Where dead units are counted, on split `train` at
            the first step, after the change, and at the last: `dead_units`, of norms' units the share that no
            image of the epoch before gets through; `changed_units`, how many were changed, and
            `changed_dead`, the share of these that are dead.

        Raises:
            InvalidInput: the windows do not fit into half an epoch.
        """
        run = bind(self.run, dataset)
        per_epoch = run.steps_per_epoch(dataset.train_size)
        require(
            self.window <= per_epoch // 2,
            "window",
            self.window,
            f"half an epoch has {per_epoch // 2} of them",
        )
        state = state_after(run, self.epoch, dataset, store, to_train=True)
        setting, hyper, images = Setting.of(run, dataset), Hyperparameters.of(run), Images.of(dataset)
        units = self._units(state, dataset, store)
        state = changed(state, self.change, setting, hyper, units)
        steps, losses_on = rerun(run, dataset), _losses(setting, self.window)
        start = self.epoch * per_epoch
        window_a, window_b = start, start + per_epoch // 2
        order = sources(self.change, start, per_epoch, self.window, self.horizon)
        rows = _audit(start, per_epoch, 0, state, run.seed)
        if self.counts_dead:
            rows += _dead(run, state, units, self.epoch, dataset)
        checks: list[int] = []
        moments = [
            self.window,
            per_epoch // 2 + self.window,
            *(epoch * per_epoch for epoch in range(1, self.horizon + 1)),
        ]
        done = 0
        for moment in sorted(set(moments)):
            part = np.full(per_epoch, SKIP, np.int32)
            part[: moment - done] = order[done:moment]
            state, trace = steps(state, images, hyper, jnp.asarray(part), jnp.int32(moment - done))
            checks.append(int(trace.order_checksum))
            done = moment
            losses = jax.device_get(losses_on(state, images, hyper, jnp.asarray([window_a, window_b])))
            for split, loss in zip(("test", "window_a", "window_b"), losses, strict=True):
                rows.append(Row(start + done, (start + done) / per_epoch, split, "loss", float(loss)))
        combined = zlib.crc32(np.asarray(checks, np.uint32).tobytes())
        if self.counts_dead:
            rows += _dead(run, state, units, self.epoch + self.horizon, dataset)
        return [*rows, *_audit(start + done, per_epoch, combined, state, run.seed)]

    def _units(self, state: TrainState, dataset: Dataset, store: Store) -> Units:
        """Which are changed."""
        if self.change not in OF_UNITS:
            return {}
        run = bind(self.run, dataset)
        own = dead_units(state, run, self.epoch - 1, dataset)
        if self.dead_of is not None:
            twin = bind(self.dead_of, dataset)
            dead = dead_units(state_after(twin, self.epoch, dataset, store), twin, self.epoch - 1, dataset)
        else:
            dead = own
        if self.change in SHAMS:
            key = step_key(run_key(run.seed), UNITS, int(state.step))
            return as_many_live(dead, own, key, anywhere=self.change == "reset_live_anywhere")
        return dead


def sources(
    change: Change, start: int, per_epoch: int, window: int, horizon: int
) -> Int[np.ndarray, " steps"]:
    """Which step's batch each step after `start` trains on.

    Args:
        start: the first step, at the beginning of an epoch.
        per_epoch: steps in an epoch.
        horizon: epochs.
    """
    order = np.arange(start, start + horizon * per_epoch, dtype=np.int32)
    a, b = slice(0, window), slice(per_epoch // 2, per_epoch // 2 + window)
    if change == "swap":
        order[a], order[b] = order[b].copy(), order[a].copy()
    elif change == "repeat":
        order[b] = order[a]
    elif change == "leave_out":
        order[a] = SKIP
    return order


def changed(
    state: TrainState, change: Change, setting: Setting, hyper: Hyperparameters, units: Units
) -> TrainState:
    """The state to go on from.

    Args:
        units: which ones are changed, where it is units that are.
    """
    if change == "reset_momentum":
        return state._replace(opt_state=setting.config.optimizer.at_rest(state.opt_state))
    initial = jax.jit(setting.initial_state)(hyper)
    if change == "reset_statistics":
        return state._replace(batch_stats=initial.batch_stats)
    if change == "initial_lengths":
        return state._replace(params=jax.tree.map(_as_long, state.params, initial.params))
    if change in ("revived", *SHAMS):
        return state._replace(params=_in_units(units, initial.params, state.params))
    if change in ("restarted", "restarted_killed"):
        state = initial._replace(step=state.step)
    if change in ("killed", "restarted_killed"):
        at_rest = setting.config.optimizer.at_rest(state.opt_state)
        return state._replace(
            params=_in_units(units, _silenced(state.params), state.params),
            opt_state=_in_units(units, at_rest, state.opt_state),
        )
    return state


def dead_units(state: TrainState, run: RunConfig, epoch: int, dataset: Dataset) -> Units:
    """Which units of norms are silent on all images of an epoch, counted from 0."""
    setting, hyper = Setting.of(run, dataset), Hyperparameters.of(run)
    per_epoch = run.steps_per_epoch(dataset.train_size)
    return silent_norms(quiet_parameters(setting)(state, Images.of(dataset), hyper, epoch, per_epoch))


def as_many_live(dead: Units, own: Units, key: Key[Array, ""], anywhere: bool = False) -> Units:
    """As many units of each norm as are dead, drawn among those that are not; all, where these are fewer.

    Args:
        dead: how many.
        own: which units are not live.
        key: of the draw, from which each norm has its own.
        anywhere: draw as many in all, among all norms' units.
    """
    if anywhere:
        whole = [{"all": jnp.concatenate(list(units.values()))} for units in (dead, own)]
        found = as_many_live(whole[0], whole[1], key)["all"]
        ends = np.cumsum([len(units) for units in own.values()])[:-1]
        return dict(zip(own, jnp.split(found, ends), strict=True))

    def drawn(norm: int, count: Array, taken: Array) -> Array:
        order = jax.random.uniform(jax.random.fold_in(key, norm), taken.shape) + taken  # those not live last
        return (order.argsort().argsort() < count) & ~taken

    return {name: drawn(norm, of.sum(), own[name]) for norm, (name, of) in enumerate(dead.items())}


def _in_units(units: Units, new: PyTree, old: PyTree) -> PyTree:
    """These units' scales and shifts, or what an optimizer keeps of them, from `new`; else from `old`."""

    def chosen(path: tuple[Any, ...], new: Array, old: Array) -> Array:
        inside = units.get(norm_of(path))
        return old if inside is None else jnp.where(inside, new, old)

    return jax.tree_util.tree_map_with_path(chosen, new, old)


def _silenced(params: PyTree) -> PyTree:
    """Scales of 0 and shifts of -1: what comes into a ReLU is below 0, whatever the image."""

    def below(path: tuple[Any, ...], leaf: Array) -> Array:
        return jnp.full_like(leaf, -1.0 if path[-1].key == "bias" else 0.0)

    return jax.tree_util.tree_map_with_path(below, params)


def _as_long(leaf: Array, initial: Array) -> Array:
    """A convolution's kernel, as long as at first; all else as it is: norms follow convolutions alone."""
    if leaf.ndim != 4:
        return leaf
    return leaf * (jnp.linalg.norm(initial) / jnp.linalg.norm(leaf))


def _dead(run: RunConfig, state: TrainState, units: Units, epoch: int, dataset: Dataset) -> list[Row]:
    """How many units are dead, and of those that were changed, after `epoch` epochs."""
    dead = dead_units(state, run, epoch - 1, dataset)
    among = {name: dead[name][inside] for name, inside in units.items()}
    count = sum(int(inside.sum()) for inside in units.values())
    found = {"dead_units": share(dead), "changed_units": count}
    if count:
        found["changed_dead"] = share(among)
    return [Row(int(state.step), float(epoch), "train", metric, value) for metric, value in found.items()]


def _audit(step: int, per_epoch: int, order_checksum: int, state: TrainState, seed: int) -> list[Row]:
    checksum = 0
    for leaf in jax.tree.leaves(jax.device_get(state.batch_stats)):
        checksum = zlib.crc32(np.ascontiguousarray(leaf).tobytes(), checksum)
    words = np.asarray(jax.random.key_data(run_key(seed)))
    facts = {
        "order_checksum": order_checksum,
        "statistics_checksum": checksum,
        "key_0": words[0],
        "key_1": words[1],
    }
    return [Row(step, step / per_epoch, "audit", metric, float(value)) for metric, value in facts.items()]


@lru_cache(maxsize=32)
def _losses(setting: Setting, window: int):
    """`f(state, images, hyper, firsts) -> losses` on the test set and each window, compiled."""

    @jax.jit
    def losses(
        state: TrainState, images: Images, hyper: Hyperparameters, firsts: Int[Array, " windows"]
    ) -> Float[Array, " parts"]:
        run = setting.context(hyper, images)

        def loss_of(step):
            return run.evaluated(state.params, state.batch_stats, run.batch(step), statistics="running")[0]

        of_windows = lax.map(loss_of, (firsts[:, None] + jnp.arange(window)).ravel())
        test, _ = evaluate(run, state.params, state.batch_stats, "test", len(images.test_labels))
        return jnp.concatenate([test[None], of_windows.reshape(len(firsts), window).mean(1)])

    return losses
