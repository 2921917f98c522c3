"""A sweep is a set of runs minus the finished ones.

Runs that share a compiled program are trained side by side, one in each place of the mesh, an epoch at a
time. When a run ends or diverges, the next one takes its place at once; nothing waits for a group.

Any number of processes may sweep over one results folder: each leases a run before it trains it, passes over
those that others have leased, and comes back to them at the end, to see them done or to take them over.
"""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Literal

import jax
import numpy as np

from research import runtime
from research.data import Dataset
from research.errors import is_out_of_memory, require
from research.records import checkpoints
from research.records.checkpoints import ResumeStore, RunProgress
from research.records.identity import identity
from research.records.provenance import provenance
from research.records.store import Damaged, Row, Store
from research.sweeps import distributed as hosts
from research.sweeps.leases import POLL, Leases
from research.sweeps.leftovers import clear_up
from research.sweeps.workers import Workers
from research.training.batches import Images
from research.training.config import RunConfig, bind
from research.training.context import Hyperparameters, TrainState, compile_key
from research.training.epoch import CompiledEpoch, EpochResult, compiled_epoch_for
from research.training.sharding import DATA, RUNS, make_mesh, memory_of, one_per_run, replicated

_NOTHING: Mapping[RunConfig, Collection[int]] = {}


@dataclass(frozen=True)
class RunUpdate:
    """Something that happened to a run: it went on by an epoch, or ended.

    Attributes:
        run: the run.
        epochs: how many epochs it has behind it.
        status: training, finished, diverged, out_of_memory, or elsewhere: another process ended it.
    """

    run: RunConfig
    epochs: int
    status: Literal["training", "finished", "diverged", "out_of_memory", "elsewhere"]


@dataclass
class Summary:
    """What a sweep did.

    Attributes:
        finished: runs trained to their end in this call.
        diverged: runs stopped in this call because their loss was no longer finite.
        out_of_memory: runs given up in this call because their device had too little memory.
        found: runs that were already done.
        elsewhere: runs that other processes ended during this call.
        left: runs not done, the sweep having been stopped.
        idle: share of the places' time spent waiting for a longer epoch in another place, or empty.
    """

    finished: int = 0
    diverged: int = 0
    out_of_memory: int = 0
    found: int = 0
    elsewhere: int = 0
    left: int = 0
    idle: float = 0.0


@dataclass
class _Place:
    """A run in its place of the mesh."""

    run: RunConfig
    so_far: RunProgress
    started: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        return round(self.so_far.seconds + time.monotonic() - self.started, 3)


def missing(
    runs: Iterable[RunConfig],
    store: Store,
    keep: Mapping[RunConfig, Collection[int]] = _NOTHING,
    data_parallel: int = 1,
) -> list[RunConfig]:
    """The runs, each once, that have no whole record yet, or lack a state that is to be kept.

    A run that ran out of memory on other devices than these is missing too.
    """
    return [run for run in dict.fromkeys(runs) if not _is_done(run, store, keep.get(run, ()), data_parallel)]


def _is_done(run: RunConfig, store: Store, epochs: Collection[int], data_parallel: int) -> bool:
    try:
        about = store.verified(run)
    except Damaged:
        return False
    if about is None:
        return False
    if about["outcome"]["status"] == "out_of_memory":
        return about["outcome"]["memory_of"] == memory_of(data_parallel)
    return store.has(run, epochs)


def sweep(
    runs: Sequence[RunConfig],
    dataset: Dataset,
    store: Store,
    *,
    keep: Mapping[RunConfig, Collection[int]] = _NOTHING,
    data_parallel: int = 1,
    runs_per_device: int = 1,
    checkpoint_every: int = 0,
    leases: Leases | None = None,
    watch: Callable[[RunUpdate], None] = lambda _: None,
    announce: Callable[[list[RunConfig]], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Summary:
    """Train every run that has no record yet and record each as it ends.

    Args:
        runs: what is wanted; a run given twice is trained once.
        keep: for some of the runs, after which epochs the state is kept as a checkpoint.
        data_parallel: devices that share one run's batch.
        runs_per_device: runs that one device trains at once, in one program; more than 1 on an accelerator
            only, and not with `data_parallel`.
        checkpoint_every: every this many epochs a run's state is put on disk, from which it is resumed
            should this process end before the run does; 0: never. Results do not depend on it.
        leases: of runs; None: those of the store, with the usual heartbeat.
        watch: told of every run's every epoch.
        announce: told first which runs are missing.
        warn: told of what was found damaged and set aside.
        stop: asked after every epoch; once it says so, what has ended is recorded, what has not is kept as
            `checkpoint_every` would, if that is not 0, and the sweep returns.

    Raises:
        InvalidInput: a run that the data or the devices do not allow, or other settings of JAX's than every
            run's (`research.runtime`); nothing has been trained then. Or the disk is full; what has been
            recorded stays.
    """
    runtime.require_pinned()
    require_runs_per_device(runs_per_device, data_parallel)
    wanted = list(dict.fromkeys(bind(run, dataset) for run in runs))
    keep = {bind(run, dataset): frozenset(epochs) for run, epochs in keep.items()}
    absent = set(missing(wanted, store, keep, data_parallel)) if hosts.is_primary() else set()
    flags = hosts.broadcast(np.asarray([run in absent for run in wanted], bool))
    todo = [run for run, flag in zip(wanted, flags, strict=True) if flag]
    groups = grouped(todo)
    # Making the programs refuses what the devices or the network do not allow; nothing is written before.
    programs = [_program(group, dataset, data_parallel, runs_per_device) for group in groups]
    if todo and hosts.is_primary():
        store.prepare()
    summary = Summary(found=len(wanted) - len(todo))
    announce(todo)
    with leases or Leases(store.folder / "leases") as leases, Workers(1) as ahead:
        if hosts.is_primary():
            clear_up(store, leases)
        work = _Work(
            dataset, store, keep, data_parallel, checkpoint_every, leases, summary, watch, warn, stop
        )
        compiled = ahead.each(work.compile, list(zip(programs, groups, strict=True)))
        while any(groups):
            for index, program in enumerate(programs):
                next(compiled, None)  # that of this program has ended
                groups[index] = work.train(program, groups[index])
            if work.stopped:
                break
            if any(groups):  # all that is left is with other processes
                work.pause()
        deque(compiled, maxlen=0)  # one that is under way is waited for
    done = summary.finished + summary.diverged + summary.out_of_memory + summary.elsewhere
    summary.left = len(todo) - done
    summary.idle = work.wasted / max(1, work.used + work.wasted)
    return summary


def require_runs_per_device(runs_per_device: int, data_parallel: int) -> None:
    """Refuse several runs on a device where that is slower, or not made.

    Raises:
        InvalidInput: on a CPU, and where devices share a run's batch.
    """
    require(
        runs_per_device == 1 or (data_parallel == 1 and jax.default_backend() != "cpu"),
        "runs_per_device",
        runs_per_device,
        "must be 1 on a CPU, whose cores train a run each, and where devices share a run's batch",
    )


def in_pieces(runs: Iterable[RunConfig], size: int) -> list[list[RunConfig]]:
    """Pieces of at most `size` runs, each of runs that share a program."""
    return [group[i : i + size] for group in grouped(runs) for i in range(0, len(group), size)]


def grouped(runs: Iterable[RunConfig]) -> list[list[RunConfig]]:
    """Runs by program, in each group the longest epochs first: neighbours then take equally long."""
    groups: dict[RunConfig, list[RunConfig]] = {}
    for run in runs:
        groups.setdefault(compile_key(run), []).append(run)
    return [sorted(group, key=lambda run: -(run.subset_size or 0)) for group in groups.values()]


@dataclass
class _Work:
    """A sweep under way.

    Attributes:
        used: steps taken.
        wasted: steps that places could have taken while they waited or stood empty.
        stopped: the sweep was told to stop, and did.
    """

    dataset: Dataset
    store: Store
    keep: Mapping[RunConfig, Collection[int]]
    data_parallel: int
    checkpoint_every: int
    leases: Leases
    summary: Summary
    watch: Callable[[RunUpdate], None]
    warn: Callable[[str], None]
    stop: Callable[[], bool]
    used: int = 0
    wasted: int = 0
    stopped: bool = False

    def __post_init__(self):
        self.interrupted = ResumeStore(self.store.folder)

    def train(self, program: CompiledEpoch, runs: Sequence[RunConfig]) -> list[RunConfig]:
        """Train runs of one program; returns those that other processes have leased."""
        queue, busy, doubtful = deque(range(len(runs))), [], []
        places: list[_Place | None] = [None] * program.slots
        states = images = None
        while not self.stopped:
            given = self._fill(program, runs, places, queue, busy)
            if not any(places):
                break
            try:
                images = program.images(self.dataset) if images is None else images
                states = program.blank() if states is None else states
                for index, state in given.items():
                    states = _put(states, index, state)
                states, results = _one_epoch(program, places, states, images)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                states = images = None  # what the program was given is used up
                doubtful += self._out_of_memory_of(places)
                continue
            self._count([place.run for place in places if place], len(places))
            for index, place in enumerate(places):
                if place is not None:
                    ended = self._one_epoch_more(
                        place, jax.tree.map(itemgetter(index), results), states, index, program
                    )
                    places[index] = None if ended else place
            self._heed(places, states, program, busy)
        if doubtful:
            # Which of the runs side by side asked for too much? Each by itself will tell.
            alone = compiled_epoch_for(doubtful[0], self.dataset, make_mesh(1, self.data_parallel))
            busy += self.train(alone, doubtful)
        return busy

    def compile(self, wanted: tuple[CompiledEpoch, Sequence[RunConfig]]) -> None:
        """Compile a program, before the first of its runs calls it: the next one while another one trains."""
        program, runs = wanted
        if self.stopped or self.stop() or jax.process_count() > 1:
            return
        each, all_of_them = one_per_run(program.mesh), replicated(program.mesh)
        states = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((program.slots, *leaf.shape), leaf.dtype, sharding=each),
            _abstract_state(program),
        )

        def shape(array: Any) -> Any:
            dtype = jax.dtypes.canonicalize_dtype(array.dtype)
            return jax.ShapeDtypeStruct(array.shape, dtype, sharding=all_of_them)

        images = Images(*(shape(getattr(self.dataset, name)) for name in Images._fields))
        filled = [runs[0]] * program.slots
        flags = [True] * program.slots
        with contextlib.suppress(Exception):  # the first run that calls it meets the same, and tells
            hyper = program.hyper(filled)
            control = program.control(fresh=flags, active=flags, last=flags)
            program.epoch.lower(states, hyper, control, images).compile()

    def pause(self) -> None:
        """Wait a moment for other processes."""
        self.stopped = bool(hosts.broadcast(np.asarray(self.stop())))
        if not self.stopped:
            time.sleep(min(POLL, self.leases.beat))

    def _fill(
        self,
        program: CompiledEpoch,
        runs: Sequence[RunConfig],
        places: list[_Place | None],
        queue: deque[int],
        busy: list[RunConfig],
    ) -> dict[int, TrainState]:
        """Put runs into the empty places; returns by place the states that some of them go on from."""
        given: dict[int, TrainState] = {}
        like = _abstract_state(program)
        for index, place in enumerate(places):
            if place is not None:
                continue
            number, so_far, state = -1, RunProgress(), like
            if hosts.is_primary():
                number, so_far, state = self._next(runs, queue, busy, like)
            number, so_far.epochs = map(int, hosts.broadcast(np.asarray([number, so_far.epochs])))
            if number < 0:
                break
            places[index] = _Place(runs[number], so_far)
            if so_far.epochs:
                host = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like)
                given[index] = hosts.broadcast(
                    jax.tree.map(np.asarray, state) if hosts.is_primary() else host
                )
        return given

    def _next(
        self, runs: Sequence[RunConfig], queue: deque[int], busy: list[RunConfig], like: TrainState
    ) -> tuple[int, RunProgress, TrainState]:
        """Lease the next run that nobody has done or leased: its number, how far it is, its state."""
        while queue:
            number = queue.popleft()
            run = runs[number]
            name, epochs = identity(run), self.keep.get(run, ())
            if not self.leases.acquire(name):
                busy.append(run)
                continue
            if _is_done(run, self.store, epochs, self.data_parallel):
                self.interrupted.remove(name)  # whoever recorded it may have been killed before
                self.leases.release(name)
                self.summary.elsewhere += 1
                self.watch(RunUpdate(run, run.epochs, "elsewhere"))
                continue
            self._set_aside(run)
            so_far, state, damaged = self.interrupted.load(name, like, epochs)
            for what in damaged:
                self.warn(what)
            return number, so_far, state
        return -1, RunProgress(), like

    def _set_aside(self, run: RunConfig) -> None:
        """Move a record that cannot be used out of the way; one that lacks states only can be added to."""
        try:
            about = self.store.verified(run)
        except Damaged as error:
            self.warn(f"record {error.value} is damaged ({error.why}): it is now {self.store.set_aside(run)}")
        else:
            if about is not None and about["outcome"]["status"] == "out_of_memory":
                self.store.set_aside(run)

    def _one_epoch_more(
        self, place: _Place, result: EpochResult, states: TrainState, index: int, program: CompiledEpoch
    ) -> bool:
        """Note what an epoch of a run gave; whether the run has ended with it."""
        run, so_far = place.run, place.so_far
        so_far.epochs += 1
        outcome = _record_epoch(run, so_far, result, self.dataset.train_size)
        status = outcome["status"] if outcome else "training"
        if so_far.epochs in self.keep.get(run, ()) and status != "diverged":
            so_far.kept[so_far.epochs] = _state_of(states, index, program)
        if outcome is not None:
            self._record(place, outcome)
        else:
            self.leases.note(identity(run), epochs=so_far.epochs, of=run.epochs)
            if self.checkpoint_every and so_far.epochs % self.checkpoint_every == 0:
                self._save(place, states, index, program)
        self.watch(RunUpdate(run, so_far.epochs, status))
        return outcome is not None

    def _record(self, place: _Place, outcome: Mapping[str, Any]) -> None:
        """Write a run's record and be done with it."""
        name, kept = identity(place.run), place.so_far.kept
        if hosts.is_primary():
            resumed = {"resumed": place.so_far.resumed} if place.so_far.resumed else {}
            self.store.write(
                place.run,
                place.so_far.rows,
                {**outcome, **resumed, "seconds": place.seconds()},
                provenance(),
                {epoch: partial(checkpoints.save, state=state) for epoch, state in kept.items()},
            )
            self.interrupted.remove(name)
            self.leases.release(name)
        self.summary.finished += outcome["status"] == "finished"
        self.summary.diverged += outcome["status"] == "diverged"
        self.summary.out_of_memory += outcome["status"] == "out_of_memory"

    def _save(self, place: _Place, states: TrainState, index: int, program: CompiledEpoch) -> None:
        state = _state_of(states, index, program)
        if hosts.is_primary():
            self.interrupted.save(identity(place.run), replace(place.so_far, seconds=place.seconds()), state)

    def _out_of_memory_of(self, places: list[_Place | None]) -> list[RunConfig]:
        """Empty the places; a run by itself is recorded, runs side by side are returned."""
        there = [place for place in places if place is not None]
        for index, place in enumerate(places):
            places[index] = None
            if place is not None:
                self.leases.release(identity(place.run)) if len(places) > 1 else None
        if len(places) > 1:
            return [place.run for place in there]
        for place in there:
            place.so_far.rows, place.so_far.kept = [], {}
            outcome = {"status": "out_of_memory", "epochs": 0, "memory_of": memory_of(self.data_parallel)}
            self._record(place, outcome)
            self.watch(RunUpdate(place.run, place.so_far.epochs, "out_of_memory"))
        return []

    def _heed(
        self, places: list[_Place | None], states: TrainState, program: CompiledEpoch, busy: list[RunConfig]
    ) -> None:
        """After an epoch: leave runs that another process took over; stop if that is wanted."""
        lost = [place is not None and self.leases.lost(identity(place.run)) for place in places]
        stop, *lost = map(bool, hosts.broadcast(np.asarray([self.stop(), *lost])))
        for index, place in enumerate(places):
            if place is not None and lost[index]:
                busy.append(place.run)
                self.leases.release(identity(place.run))
                places[index] = None
            elif place is not None and stop and self.checkpoint_every:
                self._save(place, states, index, program)
        self.stopped = stop

    def _count(self, runs: Sequence[RunConfig], places: int) -> None:
        steps = [run.steps_per_epoch(self.dataset.train_size) for run in runs]
        self.used += sum(steps)
        self.wasted += places * max(steps) - sum(steps)


def _program(
    runs: Sequence[RunConfig], dataset: Dataset, data_parallel: int, runs_per_device: int
) -> CompiledEpoch:
    """What trains these runs, with no more places than runs, but for the last device's."""
    mesh = make_mesh(len(runs), data_parallel)
    return compiled_epoch_for(
        runs[0], dataset, mesh, min(runs_per_device, math.ceil(len(runs) / mesh.shape[RUNS]))
    )


@lru_cache(maxsize=32)
def _abstract_state(program: CompiledEpoch) -> TrainState:
    """Structure and shapes of a run's state."""
    return program.setting.abstract_state()


@lru_cache(maxsize=1)
def _hyper(program: CompiledEpoch, runs: tuple[RunConfig | None, ...]) -> Hyperparameters:
    """The arguments of the runs in each slot, which are the same epoch after epoch."""
    return program.hyper(list(runs))


def _one_epoch(
    program: CompiledEpoch, places: list[_Place | None], states: TrainState, images: Images
) -> tuple[TrainState, EpochResult]:
    hyper = _hyper(program, tuple(place and place.run for place in places))
    control = program.control(
        fresh=[place is not None and place.so_far.epochs == 0 for place in places],
        active=[place is not None for place in places],
        last=[place is not None and place.so_far.epochs + 1 == place.run.epochs for place in places],
    )
    states, results = program.epoch(states, hyper, control, images)
    return states, hosts.fetch(results)


def _record_epoch(
    run: RunConfig, so_far: RunProgress, result: EpochResult, train_size: int
) -> dict[str, Any] | None:
    """Append an epoch's rows; the outcome, if the run has ended."""
    step = so_far.epochs * run.steps_per_epoch(train_size)
    if result.diverged_step >= 0:
        diverged = int(result.diverged_step)
        # Even a run that diverged in its first epoch has a row, and so a place in every table.
        at = diverged / run.steps_per_epoch(train_size)
        so_far.rows.append(Row(diverged, at, "seen", "loss", float("nan")))
        return {"status": "diverged", "diverged_step": diverged, "epochs": so_far.epochs - 1}

    ended = so_far.epochs == run.epochs
    found = result.metrics | (result.at_end if ended else {})
    found["seen.order_checksum"] = result.order_checksum
    for name, value in found.items():
        split, metric = name.split(".")
        so_far.rows.append(Row(step, float(so_far.epochs), split, metric, float(value)))
    if not ended:
        return None
    return {"status": "finished", "epochs": so_far.epochs}


def _state_of(states: TrainState, index: int, program: CompiledEpoch) -> TrainState:
    """One place's state, on the host."""
    if jax.process_count() > 1:
        return jax.tree.map(lambda leaf: leaf[index], hosts.fetch(states))
    device, place = divmod(index, program.runs_per_device)
    first = device * program.mesh.shape[DATA]
    return jax.tree.map(lambda leaf: np.asarray(leaf.addressable_shards[first].data[place]), states)


def _put(states: TrainState, index: int, state: TrainState) -> TrainState:
    """The states with one place's replaced."""

    def replaced(leaf: jax.Array, value: np.ndarray) -> jax.Array:
        parts = []
        for shard in leaf.addressable_shards:
            place = index - (shard.index[0].start or 0)
            here = 0 <= place < len(shard.data)
            parts.append(shard.data.at[place].set(np.asarray(value)) if here else shard.data)
        return jax.make_array_from_single_device_arrays(leaf.shape, leaf.sharding, parts)

    return jax.tree.map(replaced, states, state)
