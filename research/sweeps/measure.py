"""Every measurement that has no record yet is taken and recorded, on a CPU one for each core at once."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from research import runtime
from research.data import Dataset
from research.errors import is_out_of_memory
from research.measures.measurement import Measurement, bind_measurement, runs_of
from research.records.identity import identity
from research.records.provenance import provenance
from research.records.store import Damaged, Store
from research.sweeps.leases import POLL, Leases
from research.sweeps.leftovers import clear_up
from research.sweeps.workers import Workers
from research.training.context import compile_key
from research.training.sharding import memory_of


@dataclass
class MeasurementSummary:
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
    leases: Leases | None = None,
    warn: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> MeasurementSummary:
    """Take and record every measurement that has no whole record yet: on a CPU one for each core at once.

    A run that diverged before the state that a measurement needs is passed over; so, at first, is a
    measurement that another process has leased.

    Args:
        watch: told of each measurement that is there.
        leases: of measurements; None: those of the store, with the usual heartbeat.
        warn: told of records found damaged and set aside.
        stop: asked before each measurement.

    Raises:
        InvalidInput: JAX has other settings than every measurement's (`research.runtime`), the disk is full,
            or nothing can be written there.
    """
    runtime.require_pinned()
    result = MeasurementSummary()
    left = [bind_measurement(config, dataset) for config in dict.fromkeys(wanted)]
    at_once = jax.local_device_count() if jax.default_backend() == "cpu" else 1
    with leases or Leases(store.folder / "leases") as leases, Workers(at_once) as workers:
        clear_up(store, leases)

        def take(config: Any) -> str:
            needed = [(run, epoch) for run in runs_of(config).values() for epoch in config.epochs()]
            states = [store.checkpoint_path(run, epoch).exists() for run, epoch in needed]
            if stop():
                return "left"
            if not all(states) or is_measured(config, store):
                return "there"
            if not leases.acquire(identity(config)):
                return "left"
            outcome = _measure(config, dataset, store, warn)
            leases.release(identity(config))
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
                time.sleep(min(POLL, leases.beat))
    result.left = len(left)
    return result


def _in_turn(wanted: Sequence[Any]) -> Iterator[list[Any]]:
    """What may be taken side by side, group by group.

    First one of each kind and shape of run, which compiles what the others of it use; then these; what wants
    to be alone, alone.
    """
    shared = [config for config in wanted if not getattr(config, "alone", False)]
    firsts = {(type(config), compile_key(config.run)): config for config in reversed(shared)}
    yield list(firsts.values())
    yield [config for config in shared if config not in firsts.values()]
    yield from ([config] for config in wanted if getattr(config, "alone", False))


def is_measured(config: Any, store: Store) -> bool:
    """Whether a measurement has a whole record, of these devices where it ran out of memory.

    That record makes it ask for the devices, which starts JAX; `may_be_taken` does not.
    """
    about = _whole(config, store)
    lacked = about is not None and about["outcome"].get("memory_of")
    return about is not None and (not lacked or lacked == memory_of())


def may_be_taken(config: Any, store: Store) -> bool:
    """Whether on some devices the measurement would be taken: it has no whole record, or lacked memory."""
    about = _whole(config, store)
    return about is None or "memory_of" in about["outcome"]


def _whole(config: Any, store: Store) -> dict[str, Any] | None:
    """What a measurement's record says; None where there is none, or a damaged one."""
    try:
        return store.verified(config)
    except Damaged:
        return None


def _measure(config: Any, dataset: Dataset, store: Store, warn: Callable[[str], None]) -> str:
    """Take one measurement, unless another process took it in the meantime; replace what is damaged."""
    try:
        if is_measured(config, store):
            return "there"
        if store.verified(config) is not None:  # it ran out of memory on another device
            store.set_aside(config)
    except Damaged as error:
        warn(f"record {error.value} is damaged ({error.why}): it is now {store.set_aside(config)}")
    began = time.monotonic()
    try:
        rows, status = config.measure(dataset, store), "finished"
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        rows, status = [], "out_of_memory"
    outcome = {"status": status, "seconds": round(time.monotonic() - began, 3)}
    if status == "out_of_memory":
        outcome["memory_of"] = memory_of()
    store.write(config, rows, outcome, provenance())
    return status
