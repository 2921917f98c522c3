"""Measurements on finished runs: one shape for all, each with a record of its own.

A measurement is a frozen dataclass that names a run and says what is measured on its frozen model. To add
one, write such a class; its identity, storage and resumption follow.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import jax

from research import checkpoints
from research.config import RunConfig, bind
from research.data import Dataset
from research.provenance import provenance
from research.records import Row, Store
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


def measure_missing(
    wanted: Iterable[Measurement],
    dataset: Dataset,
    store: Store,
    watch: Callable[[Measurement], None] = lambda _: None,
) -> int:
    """Take and record every measurement that has no record yet; returns how many those were.

    A run that diverged before the state that a measurement needs is passed over.
    """
    taken = 0
    for config in wanted:
        config = bind_measurement(config, dataset)
        states = [store.checkpoint_path(config.run, epoch).exists() for epoch in config.epochs()]
        if not store.has(config) and all(states):
            store.write(config, config.measure(dataset, store), {"status": "finished"}, provenance())
            taken += 1
        watch(config)
    return taken
