"""A sweep is a set of runs minus the finished ones.

Runs that share a compiled program are trained side by side, one in each place of the mesh, an epoch at a
time. When a run ends or diverges, the next one takes its place at once; nothing waits for a group.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import jax
import numpy as np

from research import checkpoints
from research.batches import Images
from research.config import RunConfig, bind
from research.data import Dataset
from research.placement import DATA, make_mesh
from research.provenance import provenance
from research.records import Row, Store
from research.training import Metrics, Program, TrainState, program_for, static_part

_NOTHING: Mapping[RunConfig, Collection[int]] = {}


@dataclass(frozen=True)
class Event:
    """Something that happened to a run: it went on by an epoch, or ended.

    Attributes:
        run: the run.
        epochs: how many epochs it has behind it.
        status: training, finished, or diverged.
    """

    run: RunConfig
    epochs: int
    status: Literal["training", "finished", "diverged"]


@dataclass
class Summary:
    """What a sweep did.

    Attributes:
        finished: runs trained to their end in this call.
        diverged: runs stopped in this call because their loss was no longer finite.
        found: runs that were already done.
        idle: share of the places' time spent waiting for a longer epoch in another place, or empty.
    """

    finished: int = 0
    diverged: int = 0
    found: int = 0
    idle: float = 0.0


@dataclass
class _Place:
    """A run in its place of the mesh."""

    run: RunConfig
    epochs: int = 0
    rows: list[Row] = field(default_factory=list)
    kept: dict[int, TrainState] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


def missing(
    runs: Iterable[RunConfig], store: Store, keep: Mapping[RunConfig, Collection[int]] = _NOTHING
) -> list[RunConfig]:
    """The runs, each once, that have no record yet, or lack a state that is to be kept."""
    return [run for run in dict.fromkeys(runs) if not store.has(run, keep.get(run, ()))]


def sweep(
    runs: Sequence[RunConfig],
    dataset: Dataset,
    store: Store,
    *,
    keep: Mapping[RunConfig, Collection[int]] = _NOTHING,
    data_parallel: int = 1,
    watch: Callable[[Event], None] = lambda _: None,
    announce: Callable[[list[RunConfig]], None] = lambda _: None,
) -> Summary:
    """Train every run that has no record yet and record each as it ends.

    Args:
        runs: what is wanted; a run given twice is trained once.
        keep: for some of the runs, after which epochs the state is kept as a checkpoint.
        data_parallel: devices that share one run's batch.
        watch: told of every run's every epoch.
        announce: told first which runs are missing.

    Raises:
        InvalidInput: a run that the data or the devices do not allow. Nothing has been trained then.
    """
    runs = [bind(run, dataset) for run in runs]
    keep = {bind(run, dataset): frozenset(epochs) for run, epochs in keep.items()}
    todo = missing(runs, store, keep)
    groups = _grouped(todo)
    # Making the programs refuses what the devices or the network do not allow; nothing is written before.
    programs = [program_for(group[0], dataset, make_mesh(len(group), data_parallel)) for group in groups]
    if todo:
        store.prepare()
    summary = Summary(found=len(set(runs)) - len(todo))
    announce(todo)
    used = wasted = 0
    for program, group in zip(programs, groups, strict=True):
        for used_steps, wasted_steps in _train(program, group, dataset, store, keep, watch, summary):
            used, wasted = used + used_steps, wasted + wasted_steps
    summary.idle = wasted / max(1, used + wasted)
    return summary


def _grouped(runs: Iterable[RunConfig]) -> list[list[RunConfig]]:
    """Runs by program, in each group the longest epochs first: neighbours then take equally long."""
    groups: dict[RunConfig, list[RunConfig]] = {}
    for run in runs:
        groups.setdefault(static_part(run), []).append(run)
    return [sorted(group, key=lambda run: -(run.subset_size or 0)) for group in groups.values()]


def _train(
    program: Program,
    runs: Sequence[RunConfig],
    dataset: Dataset,
    store: Store,
    keep: Mapping[RunConfig, Collection[int]],
    watch: Callable[[Event], None],
    summary: Summary,
) -> Iterator[tuple[int, int]]:
    """Train runs of one program; yields the steps that each call of it used and wasted."""
    queue = deque(runs)
    images = program.images(dataset)
    states = program.blank()
    places: list[_Place | None] = [None] * program.slots
    while queue or any(places):
        places = [place or (_Place(queue.popleft()) if queue else None) for place in places]
        states, metrics = _one_epoch(program, places, states, images, dataset.train_size)
        steps = [place.run.steps_per_epoch(dataset.train_size) if place else 0 for place in places]
        yield sum(steps), len(places) * max(steps) - sum(steps)
        for index, place in enumerate(places):
            if place is None:
                continue
            place.epochs += 1
            outcome = _record_epoch(
                place, Metrics(*(column[index] for column in metrics)), dataset.train_size
            )
            watch(Event(place.run, place.epochs, outcome["status"] if outcome else "training"))
            if place.epochs in keep.get(place.run, ()) and not _diverged(outcome):
                place.kept[place.epochs] = _state_of(states, index, program)
            if outcome is None:
                continue
            store.write(
                place.run,
                place.rows,
                outcome | {"seconds": round(time.monotonic() - place.started, 3)},
                provenance(),
                {epoch: partial(checkpoints.save, state=state) for epoch, state in place.kept.items()},
            )
            summary.finished += outcome["status"] == "finished"
            summary.diverged += outcome["status"] == "diverged"
            places[index] = None


def _one_epoch(
    program: Program, places: list[_Place | None], states: TrainState, images: Images, train_size: int
) -> tuple[TrainState, Metrics]:
    hyper = program.hyper([place and place.run for place in places], train_size)
    control = program.control(
        fresh=[place is not None and place.epochs == 0 for place in places],
        active=[place is not None for place in places],
        last=[place is not None and place.epochs + 1 == place.run.epochs for place in places],
    )
    states, metrics = program.epoch(states, hyper, control, images)
    return states, jax.device_get(metrics)


def _record_epoch(place: _Place, metrics: Metrics, train_size: int) -> dict[str, Any] | None:
    """Append an epoch's rows; the outcome, if the run has ended."""
    per_epoch = place.run.steps_per_epoch(train_size)
    step = place.epochs * per_epoch
    if metrics.diverged_step >= 0:
        diverged = int(metrics.diverged_step)
        return {"status": "diverged", "diverged_step": diverged, "epochs": place.epochs - 1}

    def add(split: str, metric: str, value: Any) -> None:
        place.rows.append(Row(step, float(place.epochs), split, metric, float(value)))

    add("seen", "loss", metrics.seen_loss)
    add("seen", "accuracy", metrics.seen_accuracy)
    add("test", "loss", metrics.test_loss)
    add("test", "accuracy", metrics.test_accuracy)
    add("seen", "learning_rate", metrics.learning_rate)
    add("seen", "order_checksum", metrics.order_checksum)
    if place.epochs < place.run.epochs:
        return None
    add("train", "loss", metrics.train_loss)
    add("train", "accuracy", metrics.train_accuracy)
    return {"status": "finished", "epochs": place.epochs}


def _diverged(outcome: Mapping[str, Any] | None) -> bool:
    return outcome is not None and outcome["status"] == "diverged"


def _state_of(states: TrainState, index: int, program: Program) -> TrainState:
    """One place's state, on the host."""
    first = index * program.mesh.shape[DATA]
    return jax.tree.map(lambda leaf: np.asarray(leaf.addressable_shards[first].data)[0], states)
