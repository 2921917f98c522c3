"""Measurements on finished runs: one shape for all, each with a record of its own.

A measurement is a frozen dataclass that names a run and says what is measured on its frozen model. To add
one, write such a class; its identity, storage and resumption follow.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
from research.side_by_side import SideBySide
from research.training import Network, TrainState, static_part


@runtime_checkable
class Measurement(Protocol):
    """A frozen dataclass with the run to measure and the means to do it.

    Where a class sets `alone`, nothing else is measured meanwhile: as for one that takes time.
    """

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


def state_after(
    run: RunConfig, epoch: int, dataset: Dataset, store: Store, *, to_train: bool = False
) -> tuple[Network, TrainState]:
    """A run's network and its state after so many epochs.

    Args:
        to_train: with the optimizer's state, which is not read else: `()`.

    Raises:
        InvalidInput: that state was not kept.
    """
    network, like = _network(static_part(run), dataset.image_shape, dataset.classes)
    if not to_train:
        like = like._replace(opt_state=())
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
    """Take and record every measurement that has no whole record yet: on a CPU one for each core at once.

    A run that diverged before the state that a measurement needs is passed over; so, at first, is a
    measurement that another process has claimed.

    Args:
        watch: told of each measurement that is there.
        claims: of measurements; None: those of the store, with the usual heartbeat.
        warn: told of records found damaged and set aside.
        stop: asked before each measurement.
    """
    result = Taken()
    left = [bind_measurement(config, dataset) for config in dict.fromkeys(wanted)]
    at_once = jax.local_device_count() if jax.default_backend() == "cpu" else 1
    with claims or Claims(store.folder / "claims") as claims, SideBySide(at_once) as workers:

        def take(config: Any) -> str:
            states = [store.checkpoint_path(config.run, epoch).exists() for epoch in config.epochs()]
            if stop():
                return "left"
            if not all(states) or _is_whole(config, store):
                return "there"
            if not claims.acquire(identity(config)):
                return "left"
            outcome = _measure(config, dataset, store, warn)
            claims.release(identity(config))
            return outcome

        while left and not stop():
            again = []
            for some in _in_turn(left):
                for config, outcome in workers.each(take, some):
                    if outcome == "left":
                        again.append(config)
                        continue
                    result.taken += outcome == "finished"
                    result.out_of_memory += outcome == "out_of_memory"
                    watch(config)
            left = again
            if left and not stop():
                time.sleep(min(POLL, claims.beat))
    result.left = len(left)
    return result


def _in_turn(wanted: Sequence[Any]) -> Iterator[list[Any]]:
    """What may be taken side by side, group by group.

    First one of each kind and shape of run, which compiles what the others of it use; then these; what wants
    to be alone, alone.
    """
    shared = [config for config in wanted if not getattr(config, "alone", False)]
    firsts = {(type(config), static_part(config.run)): config for config in reversed(shared)}
    yield list(firsts.values())
    yield [config for config in shared if config not in firsts.values()]
    yield from ([config] for config in wanted if getattr(config, "alone", False))


def _is_whole(config: Any, store: Store) -> bool:
    try:
        about = store.verified(config)
    except Damaged:
        return False
    return about is not None and about["outcome"].get("memory_of", memory_of()) == memory_of()


def _measure(config: Any, dataset: Dataset, store: Store, warn: Callable[[str], None]) -> str:
    """Take one measurement, unless another process took it in the meantime; replace what is damaged."""
    try:
        if _is_whole(config, store):
            return "there"
        if store.verified(config) is not None:  # it ran out of memory on another device
            store.set_aside(config)
    except Damaged as error:
        warn(f"record {error.value} is damaged ({error.why}): it is now {store.set_aside(config)}")
    try:
        rows, status = config.measure(dataset, store), "finished"
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        rows, status = [], "out_of_memory"
    outcome = {"status": status} | ({"memory_of": memory_of()} if status == "out_of_memory" else {})
    store.write(config, rows, outcome, provenance())
    return status
