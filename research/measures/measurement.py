"""Measurements on finished runs: one shape for all, each with a record of its own.

A measurement is a frozen dataclass that names a run and says what is measured on its frozen model. To add
one, write such a class; its identity, storage and resumption follow.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from research.data import Dataset
from research.errors import InvalidInput
from research.records import checkpoints
from research.records.store import Row, Store
from research.training.config import RunConfig, bind
from research.training.context import Setting, TrainState


@runtime_checkable
class Measurement(Protocol):
    """A frozen dataclass with the run to measure and the means to do it.

    Where a class sets `alone`, nothing else is measured meanwhile: as for one that takes time. It may name
    other runs beside, whose states it then needs after the same epochs.
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
        for run in runs_of(item).values():
            keep[run] = keep.get(run, frozenset()) | frozenset(item.epochs())
    return keep


def runs_of(item: Any) -> dict[str, RunConfig]:
    """The runs that a measurement needs states of, by its fields."""
    of = {field.name: getattr(item, field.name) for field in fields(item)}
    return {name: value for name, value in of.items() if isinstance(value, RunConfig)}


def with_runs(item: Any, change: Callable[[RunConfig], RunConfig]) -> Any:
    """The same measurement of other runs: those that `change` makes of its own."""
    return replace(item, **{name: change(run) for name, run in runs_of(item).items()})


def state_after(
    run: RunConfig, epoch: int, dataset: Dataset, store: Store, *, to_train: bool = False
) -> TrainState:
    """A run's state after some number of epochs.

    Args:
        to_train: with the optimizer's state and the gradient's snapshot, which are not read else: `()`.

    Raises:
        InvalidInput: that state was not kept.
    """
    like = _abstract_state(Setting.of(run, dataset))
    if not to_train:
        like = like._replace(opt_state=(), snapshot=())
    return checkpoints.load(store.checkpoint_path(run, epoch), like)


@lru_cache(maxsize=32)
def _abstract_state(setting: Setting) -> TrainState:
    return setting.abstract_state()


class BatchesAsTrained:
    """Compares batches that are made again with those that a finished run trained on."""

    def __init__(self, run: RunConfig, store: Store):
        rows = store.read(run)[1]
        self._checksums = rows[rows["metric"] == "order_checksum"].set_index("epoch")["value"]

    def require(self, epoch: int, checksum: int) -> None:
        """Raise `InvalidInput` unless the batches of an epoch, counted from 0, have the recorded checksum."""
        if int(self._checksums.loc[epoch + 1]) != checksum:
            raise InvalidInput(
                "epoch",
                epoch,
                "its batches differ from those trained on; train and measure with one version of jax",
            )


def bind_measurement(config: Any, dataset: Dataset) -> Any:
    """The same measurement with its runs' data named exactly."""
    return with_runs(config, lambda run: bind(run, dataset))
