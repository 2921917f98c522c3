"""What a command would do, and how long it would take: told from the records that there are."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import jax

from experiments._data import Fitted
from experiments._experiment import Experiment
from experiments._progress import work_of
from experiments._sweep_status import duration
from research.errors import InvalidInput
from research.records.identity import restored
from research.records.provenance import processor
from research.records.store import Damaged, Store
from research.sweeps.sweep import missing
from research.training.config import RunConfig
from research.training.context import compile_key


@dataclass(frozen=True)
class Plan:
    """An experiment with its data read and its runs and measurements named exactly.

    Attributes:
        fitted: the experiment and the data set of its base.
    """

    name: str
    label: str
    fitted: Fitted
    runs: Sequence[RunConfig]
    measurements: Sequence[Any]

    @property
    def experiment(self) -> Experiment:
        return self.fitted.experiment


@dataclass
class Speed:
    """How long work took on this machine, by the records that were made on it.

    Attributes:
        runs: for each compiled program, seconds per image trained on, of each record.
        measurements: for each kind of measurement and program, seconds of each record.
    """

    runs: dict[RunConfig, list[float]] = field(default_factory=lambda: defaultdict(list))
    measurements: dict[tuple[str, RunConfig], list[float]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, store: Store) -> "Speed":
        """Of all records that can be read and were made on such devices as these."""
        speed = cls()
        kind = jax.devices()[0].device_kind
        for name in store.names():
            try:
                about = store.about(name)
                config, outcome, made = about["config"], about["outcome"], about["provenance"]
                here = made.get("processor") == processor() and made.get("device", "").endswith(f" x {kind}")
                if not here or "seconds" not in outcome or outcome["status"] != "finished":
                    continue
                if config["kind"] == RunConfig.__name__:
                    run = restored(RunConfig, config)
                    speed.runs[compile_key(run)].append(outcome["seconds"] / max(1, work_of(run)))
                elif "run" in config:
                    run = restored(RunConfig, {"kind": RunConfig.__name__, **config["run"]})
                    speed.measurements[config["kind"], compile_key(run)].append(outcome["seconds"])
            except (InvalidInput, KeyError, TypeError):  # of another version of the code, or damaged
                continue
        return speed

    def of_run(self, run: RunConfig) -> float | None:
        """Seconds for a run, as one of those trained side by side; None: not known."""
        known = self.runs.get(compile_key(run))
        return median(known) * work_of(run) if known else None

    def of_measurement(self, item: Any) -> float | None:
        """Seconds for a measurement; None: not known."""
        known = self.measurements.get((type(item).__name__, compile_key(item.run)))
        return median(known) if known else None


def forecast(
    plans: Sequence[Plan],
    keep: Mapping[RunConfig, Collection[int]],
    store: Store,
    data_parallel: int = 1,
) -> Iterator[str]:
    """For each experiment, and for all of them, a line that says what is there and what is to come.

    A run that several of them need is counted in each, and takes its time in the first.
    """
    speed = Speed.of(store)
    places = max(1, len(jax.devices()) // data_parallel)
    everything = _Tally()
    for plan in plans:
        runs, items = list(dict.fromkeys(plan.runs)), list(dict.fromkeys(plan.measurements))
        todo = missing(runs, store, keep, data_parallel)
        untaken = [item for item in items if _is_to_come(item, todo, store)]
        tally = _Tally(set(runs), set(items), set(todo), set(untaken))
        new = [run for run in todo if run not in everything.todo]
        tally.expect([speed.of_run(run) for run in new], places)
        taking = [speed.of_measurement(item) for item in untaken if item not in everything.untaken]
        tally.expect(taking, places)
        everything.add(tally)
        yield f"{plan.name}: {tally.in_words()}"
    if len(plans) > 1:
        yield f"in all: {everything.in_words()}"


def _is_to_come(item: Any, todo: Collection[RunConfig], store: Store) -> bool:
    """Whether a measurement has no whole record, and its run has, or will have, the states that it needs."""
    try:
        if store.verified(item) is not None:
            return False
    except Damaged:
        pass
    return item.run in todo or all(store.checkpoint_path(item.run, epoch).exists() for epoch in item.epochs())


@dataclass
class _Tally:
    """Work counted.

    Attributes:
        seconds: that what is left takes, as far as it is known.
        unknown: pieces of it of which that is not known.
    """

    runs: set[RunConfig] = field(default_factory=set)
    items: set[Any] = field(default_factory=set)
    todo: set[RunConfig] = field(default_factory=set)
    untaken: set[Any] = field(default_factory=set)
    seconds: float = 0.0
    unknown: int = 0

    def expect(self, each: Sequence[float | None], places: int) -> None:
        """Count work that is done `places` pieces at a time."""
        known = [seconds for seconds in each if seconds is not None]
        if known:
            self.seconds += max(max(known), sum(known) / places)
        self.unknown += len(each) - len(known)

    def add(self, other: "_Tally") -> None:
        """Count what another counted, each run and measurement once."""
        self.runs |= other.runs
        self.items |= other.items
        self.todo |= other.todo
        self.untaken |= other.untaken
        self.seconds += other.seconds
        self.unknown += other.unknown

    def in_words(self) -> str:
        """The counts, and the time that is left."""
        left = len(self.todo) + len(self.untaken)
        return (
            f"{len(self.runs)} runs, {len(self.runs) - len(self.todo)} done; "
            f"{len(self.items)} measurements, {len(self.items) - len(self.untaken)} done; {self._time(left)}"
        )

    def _time(self, left: int) -> str:
        if not left:
            return "nothing is left"
        if not self.seconds and not self.unknown:
            return "the rest is another experiment's too, and counted there"
        if not self.seconds:
            return "how long the rest takes here is not known: no record here tells"
        known = f"about {duration(self.seconds)} here"
        if self.unknown:
            return f"{left - self.unknown} of the rest take {known}, of the others no record here tells"
        return f"the rest takes {known}"
