"""Measurements on finished runs: one shape for all, each with a record of its own.

A measurement is a frozen dataclass that names a run and says what is measured on its frozen model. To add
one, write such a class; its identity, storage and resumption follow.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import jax

from research import checkpoints
from research.claims import POLL, Claims
from research.config import RunConfig, bind
from research.data import Dataset
from research.errors import is_out_of_memory
from research.placement import memory_of
from research.provenance import provenance
from research.records import Damaged, Row, Store, identity
from research.training import Network, TrainState, static_part


@runtime_checkable
class Measurement(Protocol):
    """A frozen dataclass with the run to measure and the means to do it."""

    @property
    def run(self) -> RunConfig: ...

    def epochs(self) -> Collection[int]:
        """After which of the run's epochs it needs the state."""
        ...

    def measure(self, dataset: Dataset, store: Store) -> Sequence[Row]:
        """The rows of its record; the states of the run that it needs are in `store`."""
        ...


def states_to_keep(wanted: Iterable[Measurement]) -> dict[RunConfig, frozenset[int]]:
    """For each measured run, after which epochs its state is needed."""
    keep: dict[RunConfig, frozenset[int]] = {}
    for item in wanted:
        keep[item.run] = keep.get(item.run, frozenset()) | frozenset(item.epochs())
    return keep


def state_after(run: RunConfig, epoch: int, dataset: Dataset, store: Store) -> tuple[Network, TrainState]:
    """A run's network and its state after so many epochs.

    Raises:
        InvalidInput: that state was not kept.
    """
    network, like = _network(static_part(run), dataset.image_shape, dataset.classes)
    return network, checkpoints.load(store.checkpoint_path(run, epoch), like)


@lru_cache(maxsize=32)
def _network(static: RunConfig, image_shape: tuple[int, int, int], classes: int):
    network = Network(static, image_shape, classes, split_batch=False)
    return network, jax.eval_shape(network.initial_state, 0)


def bind_measurement(config: Any, dataset: Dataset) -> Any:
    """The same measurement with its run's data named exactly."""
    return replace(config, run=bind(config.run, dataset))


@dataclass
class Taken:
    """What was measured.

    Attributes:
        taken: measurements taken in this call.
        out_of_memory: given up in this call because the device had too little memory.
        left: not done, the taking having been stopped.
    """

    taken: int = 0
    out_of_memory: int = 0
    left: int = 0


def measure_missing(
    wanted: Iterable[Measurement],
    dataset: Dataset,
    store: Store,
    watch: Callable[[Measurement], None] = lambda _: None,
    *,
    claims: Claims | None = None,
    warn: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Taken:
    """Take and record every measurement that has no whole record yet.

    A run that diverged before the state that a measurement needs is passed over; so, at first, is a
    measurement that another process has claimed.

    Args:
        watch: told of each measurement that is there.
        claims: of measurements; None: those of the store, with the usual heartbeat.
        warn: told of records found damaged and set aside.
        stop: asked before each measurement.
    """
    result = Taken()
    left = [bind_measurement(config, dataset) for config in wanted]
    with claims or Claims(store.folder / "claims") as claims:
        while left and not stop():
            busy = []
            for config in left:
                states = [store.checkpoint_path(config.run, epoch).exists() for epoch in config.epochs()]
                if all(states) and not _is_whole(config, store):
                    if stop() or not claims.acquire(identity(config)):
                        busy.append(config)
                        continue
                    _measure(config, dataset, store, warn, result)
                    claims.release(identity(config))
                watch(config)
            left = busy
            if left and not stop():
                time.sleep(min(POLL, claims.beat))
    result.left = len(left)
    return result


def _is_whole(config: Any, store: Store) -> bool:
    try:
        about = store.verified(config)
    except Damaged:
        return False
    return about is not None and about["outcome"].get("memory_of", memory_of()) == memory_of()


def _measure(config: Any, dataset: Dataset, store: Store, warn: Callable[[str], None], result: Taken) -> None:
    """Take one measurement, unless another process took it in the meantime; replace what is damaged."""
    try:
        if _is_whole(config, store):
            return
        if store.verified(config) is not None:  # it ran out of memory on another device
            store.set_aside(config)
    except Damaged as error:
        warn(f"record {error.value} is damaged ({error.why}): it is now {store.set_aside(config)}")
    try:
        rows, outcome = config.measure(dataset, store), {"status": "finished"}
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        rows, outcome = [], {"status": "out_of_memory", "memory_of": memory_of()}
    store.write(config, rows, outcome, provenance())
    result.taken += bool(rows)
    result.out_of_memory += not rows
