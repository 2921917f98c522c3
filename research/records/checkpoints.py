"""States on disk, through Orbax: frozen models of finished runs, and unfinished runs to be resumed.

    RESULTS/unfinished/ID/epoch-0010/   the last state of an unfinished run, and its rows so far
    RESULTS/unfinished/ID/kept-0005/    a state that its record will keep

Each is written beside its place, sealed with checksums and moved there in one rename.
"""

import contextlib
import json
import logging
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.options import MultiprocessingOptions

from research.errors import InvalidInput
from research.records.disk import broken, clear_leftovers, move_aside, partial_name, report_disk_full, seal
from research.records.store import Row
from research.training.context import TrainState


def save(path: Path, state: TrainState) -> None:
    """Write one run's state: parameters, batch-norm statistics, optimizer state, step, average and snapshot.

    Whoever calls makes it atomic: a record's checkpoint is written before the record is renamed into place.
    """
    with _quiet(), _writer() as writer:
        writer.save(path.absolute(), _as_dict(jax.tree.map(np.asarray, state)))


def load(path: Path, like: TrainState) -> TrainState:
    """Read a state with the structure and shapes of `like` (abstract values will do).

    Args:
        like: a part of it that is `()` is not read.

    Raises:
        InvalidInput: there is none, or it is damaged or of another network.
    """
    if not path.exists():
        raise InvalidInput("checkpoint", str(path), "there is none; run the experiment that makes it")
    target = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), _as_dict(like))
    parts = {name: part for name, part in target.items() if jax.tree.leaves(part)}
    wanted = ocp.args.PyTreeRestore(parts, partial_restore=True)
    try:
        with _quiet(), _reader() as reader:
            restored = target | reader.restore(path.absolute(), args=wanted)
        jax.tree.map(_require_alike, restored, target)
    except Exception as error:  # Orbax and TensorStore raise many kinds for a damaged file
        first = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise InvalidInput("checkpoint", str(path), f"cannot be read ({first})") from error
    return TrainState(
        *(
            jax.tree.unflatten(
                jax.tree.structure(part), [jnp.asarray(leaf) for leaf in jax.tree.leaves(restored[name])]
            )
            for name, part in like._asdict().items()
        )
    )


def _require_alike(leaf: np.ndarray, wanted: np.ndarray) -> None:
    if (leaf.shape, leaf.dtype) != (wanted.shape, wanted.dtype):
        raise ValueError(f"{leaf.dtype}{leaf.shape} in place of {wanted.dtype}{wanted.shape}")


def _writer() -> ocp.StandardCheckpointer:
    return ocp.StandardCheckpointer(multiprocessing_options=_alone())


def _reader() -> ocp.Checkpointer:
    # What a StandardCheckpointer wrote, with the leave to read a part of it.
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=_alone())
    return ocp.Checkpointer(handler, multiprocessing_options=_alone())


def _alone() -> MultiprocessingOptions:
    """Of several processes that train a run the first alone reads and writes: nobody is to be waited for."""
    if jax.process_count() == 1:
        return MultiprocessingOptions()
    return MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()},
        barrier_sync_key_prefix="alone",
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Orbax prints a full disk's traceback from a thread of its own, before it raises."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@dataclass
class RunProgress:
    """A run on its way.

    Attributes:
        epochs: how many it has behind it.
        seconds: that they took.
        rows: of its record so far.
        kept: its states after some epochs, for its record.
        resumed: after how many epochs it was resumed, each time that it was.
    """

    epochs: int = 0
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)
    kept: dict[int, TrainState] = field(default_factory=dict)
    resumed: list[int] = field(default_factory=list)


class ResumeStore:
    """The unfinished runs under one results folder."""

    def __init__(self, results: Path):
        self._results = results
        self._folder = results / "unfinished"

    def names(self) -> set[str]:
        """The runs of which something is there."""
        return {path.name for path in self._folder.glob("[!.]*")}

    def clear_leftovers(self) -> None:
        """Clear away what dead writers left half-written."""
        for folder in (self._folder, *self._folder.glob("[!.]*")):
            clear_leftovers(folder)

    def save(self, name: str, run: RunProgress, state: TrainState) -> None:
        """Keep a run's state after its last epoch, in place of earlier ones.

        Raises:
            InvalidInput: there is no room for it. What was there before is as it was.
        """
        for epoch, kept in run.kept.items():
            if not (self._folder / name / f"kept-{epoch:04d}").exists():
                self._write(name, f"kept-{epoch:04d}", kept)
        about = {
            "epochs": run.epochs,
            "seconds": run.seconds,
            "rows": [asdict(row) for row in run.rows],
            "resumed": run.resumed,
        }
        target = self._write(name, f"epoch-{run.epochs:04d}", state, about)
        for other in (self._folder / name).glob("epoch-*"):
            if other != target:
                shutil.rmtree(other, ignore_errors=True)

    def load(
        self, name: str, like: TrainState, keep: Collection[int]
    ) -> tuple[RunProgress, TrainState, list[str]]:
        """The run as it was last kept, with its state; without one, a run before its first epoch.

        Args:
            like: structure and shapes of a state.
            keep: after which epochs its record will need the state: one that was passed and not kept means
                starting again.

        Returns:
            The run, its state, and what was found damaged and set aside.
        """
        aside: list[str] = []

        def usable(path: Path) -> bool:
            why = broken(path)
            if why is not None and (moved := move_aside(path, self._results, name)) is not None:
                aside.append(f"checkpoint {name}/{path.name} is damaged ({why}): it is now {moved}")
            return why is None

        for path in sorted((self._folder / name).glob("epoch-*"), reverse=True):
            if not usable(path):
                continue
            about = json.loads((path / "run.json").read_text())
            rows = [Row(**row) for row in about.pop("rows")]
            run = RunProgress(**about, rows=rows)
            run.resumed.append(run.epochs)
            folder = self._folder / name
            needed = {epoch: folder / f"kept-{epoch:04d}" for epoch in keep if epoch <= run.epochs}
            if all(kept.exists() and usable(kept) for kept in needed.values()):
                run.kept = {epoch: load(kept / "state", like) for epoch, kept in needed.items()}
                return run, load(path / "state", like), aside
        return RunProgress(), like, aside

    def remove(self, name: str) -> None:
        """Forget a run: it has its record."""
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def younger_than(self, name: str, moment: float) -> bool:
        """Whether a run was resumed after that moment, in seconds since 1970."""
        times = (path.stat().st_mtime for path in (self._folder / name).glob("*/run.json"))
        return max(times, default=0.0) > moment

    def epochs(self, name: str) -> int:
        """How many epochs of a run would not have to be trained again."""
        return max((int(path.name[6:]) for path in (self._folder / name).glob("epoch-*")), default=0)

    def _write(self, name: str, what: str, state: TrainState, about: object = None) -> Path:
        target = self._folder / name / what
        partial = target.with_name(partial_name(what))
        try:
            with report_disk_full(self._results):
                partial.mkdir(parents=True)
                (partial / "run.json").write_text(json.dumps(about))
                save(partial / "state", state)
                seal(partial)
                if target.exists():  # by a process that had the run before: equal, unless it is damaged
                    if broken(target) is None:
                        return target
                    move_aside(target, self._results, name)
                partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target


def _as_dict(state: TrainState) -> dict[str, object]:
    # Optax's state is named tuples, which Orbax would restore as dicts: its leaves are kept by number.
    opt_state = {f"{i:04d}": leaf for i, leaf in enumerate(jax.tree.leaves(state.opt_state))}
    return {
        "params": _text_keys(state.params),
        "batch_stats": _text_keys(state.batch_stats),
        "opt_state": opt_state,
        "step": state.step,
        "average": _text_keys(state.average),
        "snapshot": _text_keys(state.snapshot),
    }


def _text_keys(tree: object) -> object:
    # NNX numbers the members of a list; Orbax wants text.
    if isinstance(tree, dict):
        return {
            f"{key:04d}" if isinstance(key, int) else key: _text_keys(value) for key, value in tree.items()
        }
    return tree
