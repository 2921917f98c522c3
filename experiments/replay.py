"""A frozen model from any stored checkpoint, on the batches that it saw: now, or when its sweep is long over.

    python -m experiments.replay --results results                        the checkpoints that there are
    python -m experiments.replay --results results --record 3f2a          one of them, its last
    python -m experiments.replay --record 3f2a --epoch 5 --epochs-back 2 --statistics batch

Loss against how long ago a batch was seen, beside that of never-seen batches and of the test set. It is a
record like any other measurement's: asked again, it is read and not taken again.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from rich.console import Console

from commandline import exit_with, parse, spelled
from experiments._command import RunOptions
from experiments._run import prepare, warn
from experiments._tables import console, fitting
from research import data
from research.errors import require
from research.family import Family, differing, families_in, value_at
from research.measures.replay import Replay
from research.records.identity import identity, restored
from research.records.store import Damaged, Store
from research.sweeps.measure import measure_missing
from research.training.config import RunConfig

NEWEST = 1 / 8  # of an epoch: how long ago the newest batches were seen; each row goes back twice as far


@dataclass(frozen=True)
class ReplayOptions:
    """Which checkpoint, and what it is replayed on.

    Attributes:
        results: folder of the records.
        record: of the run, or the first digits of its name; None: list the checkpoints.
        epoch: of the run after which the model was kept. Default: the last of those.
        epochs_back: how many of the epochs before that are replayed. Default: 4, or as many as there are.
        statistics: batch norm's in the replay: running averages, or each batch's own.
        data: where the run's .npz lies now; it must hold the images that the run was trained on.
    """

    results: Path = Path("results")
    record: str | None = None
    epoch: int | None = None
    epochs_back: int | None = None
    statistics: Literal["running", "batch"] = "running"
    data: Path | None = None


def stored(store: Store) -> dict[str, list[int]]:
    """The records that have checkpoints, and after which epochs.

    Raises:
        InvalidInput: there is no such folder, or there are none.
    """
    require((store.folder / "records").is_dir(), "results", str(store.folder), "holds no records")
    found = {name: store.kept(name) for name in store.names()}
    found = {name: epochs for name, epochs in found.items() if epochs}
    require(bool(found), "results", str(store.folder), "none of its records has a checkpoint")
    return found


def run_of(name: str, store: Store) -> RunConfig:
    """The run that a record is of.

    Raises:
        InvalidInput: it is damaged, or of a version of this code that knew other runs.
    """
    run = restored(RunConfig, store.read(name)[0]["config"])
    require(identity(run) == name, "record", name, "is of a run that this version of the code does not know")
    return run


def chosen(options: ReplayOptions, store: Store) -> Replay:
    """The replay that is asked for.

    Raises:
        InvalidInput: there is no such checkpoint, or several, or it is not what was written.
    """
    kept = stored(store)
    found = [name for name in kept if name.startswith(options.record or "")]
    require(
        len(found) == 1,
        "record",
        options.record,
        f"must begin the name of one of the {len(kept)} records with checkpoints in {store.folder}; "
        f"it begins that of {len(found) or 'none'}",
    )
    (name,) = found
    run, epochs = run_of(name, store), kept[name]
    store.verified(run)
    epoch = epochs[-1] if options.epoch is None else options.epoch
    require(epoch in epochs, "epoch", epoch, f"{name} has its state after {' and '.join(map(str, epochs))}")
    back = min(4, epoch) if options.epochs_back is None else options.epochs_back
    return Replay(run, epoch, back, options.statistics)


def dataset_of(run: RunConfig, path: Path | None) -> data.Dataset:
    """The images that a run was trained on, from another path where that is given; no others will do."""
    wanted = run.data if path is None else replace(run.data, name=str(path))
    moved = path is None and wanted.name.endswith(".npz") and not Path(wanted.name).exists()
    require(not moved, "data", None, f"the run's images were in {wanted.name}; --data PATH says where it is")
    # A file may have another name by now; the record goes by the one that it had.
    return replace(data.load(wanted), config=run.data)


NEVER = {
    "never_seen": "never: images beyond the subset",
    "test_view": "never: the test set, augmented",
}


def remembered(rows: pd.DataFrame, epoch: int) -> list[tuple[str, int, float]]:
    """When batches were seen, how many, and their mean loss: the newest first, those never seen last."""
    loss = rows.loc[rows["metric"] == "loss"]
    seen = loss.loc[loss["split"] == "seen"]
    doublings = np.ceil(np.log2((epoch - seen["epoch"].to_numpy()) / NEWEST) - 1e-6).clip(0)
    found = []
    for upto, values in seen["value"].groupby(NEWEST * 2**doublings):
        since = f"{Fraction(float(upto) / 2)} to " if upto > NEWEST else "up to "
        found.append((f"{since}{Fraction(float(upto))} epochs ago", len(values), float(values.mean())))
    for split, name in NEVER.items():
        values = loss.loc[loss["split"] == split, "value"]
        if len(values):  # a subset that is the whole training set leaves no image unseen
            found.append((name, len(values), float(values.mean())))
    return found


def show(replay: Replay, store: Store, console: Console) -> None:
    """Print a replay's record as a table."""
    rows = []
    lines = remembered(store.read(replay)[1], replay.epoch)
    level = next(loss for name, _, loss in lines if name in NEVER.values())
    for name, count, loss in lines:
        batches = "–" if name in NEVER.values() else f"{count:,}"
        rows.append((name, batches, f"{loss:.4f}", f"{loss - level:+.4f}"))
    columns = ("seen", "batches", f"loss ({replay.run.loss.unit})", "less never seen")
    console.print(fitting(columns, rows, console.width, title=in_words(replay.run)))


def in_words(run: RunConfig, also: Sequence[str] = ()) -> str:
    """A run in a line: what most runs differ in, and the fields of these paths."""
    images = f"{run.subset_size or 0:,} images" + ("" if run.augmentation else " as they are")
    words = (
        f"{run.data.name}, {images}, {run.model.in_words()}, {run.optimizer.in_words()}, "
        f"batch {run.effective_batch}, factor {run.factor:g}, {run.epochs} epochs, seed {run.seed}"
    )
    return ", ".join([words, *(f"{path} {_in_words(value_at(run, path))}" for path in also)])


def _in_words(value: object) -> str:
    if isinstance(value, Family):
        return value.in_words()
    if isinstance(value, tuple) and any(isinstance(one, Family) for one in value):
        return " and ".join(map(_in_words, value))
    return str(value) if is_dataclass(value) else spelled(value)


def telling_apart(runs: Sequence[RunConfig]) -> list[str]:
    """The paths of fields in which some of the runs differ and that `in_words` does not tell by itself."""
    told = {"data.name", "subset_size", "batch_size", "model", "optimizer", "factor", "epochs", "seed"}
    families = families_in(runs[0]) if runs else {}
    found: dict[str, None] = {}
    for path in (path for run in runs for path in differing(run, runs[0])):
        of = path.partition(".")[0]
        found[of if of in families else path] = None  # a member is told whole
    return [path for path in found if path not in told]


def list_all(store: Store, console: Console) -> None:
    """Print a table of the checkpoints, with what tells their runs apart."""
    runs, damaged = {}, 0
    for name in (kept := stored(store)):
        try:
            runs[name] = run_of(name, store)
        except Damaged:
            damaged += 1
    also = telling_apart([*runs.values()])
    lines = sorted((in_words(run, also), name) for name, run in runs.items())
    rows = [(name, words, ", ".join(map(str, kept[name]))) for words, name in lines]
    console.print(fitting(("record", "run", "kept after epoch"), rows, console.width))
    if damaged:
        console.print(f"{damaged} records with checkpoints are damaged")


def main() -> None:
    """List, or replay and show."""
    options = parse(ReplayOptions, "experiments.replay", __doc__, sys.argv[1:], ReplayOptions())
    store = Store(options.results)
    if options.record is None:
        alone = options == ReplayOptions(options.results)
        require(alone, "record", None, "is needed with the other options; without any, all are listed")
        list_all(store, console())
        return
    prepare(RunOptions())
    replay = chosen(options, store)
    dataset = dataset_of(replay.run, options.data)
    store.prepare()
    taken = measure_missing([replay], dataset, store, warn=warn)
    if taken.out_of_memory or store.read(replay)[0]["outcome"]["status"] != "finished":
        print("the replay does not fit into this device's memory", file=sys.stderr)
        sys.exit(1)
    show(replay, store, console())
    print(f"{'measured' if taken.taken else 'found done'}: record {identity(replay)} in {store.folder}")


if __name__ == "__main__":
    exit_with(main)
