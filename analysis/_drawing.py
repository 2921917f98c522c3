"""From a results folder to a figure: collect, draw, save; and the command line that every figure has."""

import io
import json
import multiprocessing
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from analysis import _manifest as manifest
from analysis._numbers import numbers
from analysis._style import caption, house_style
from analysis._writing import report_unwritable, require_writable
from commandline import exit_with, parse
from research.errors import InvalidInput, require_folder
from research.records.disk import sha256
from research.records.store import Store, checksum, is_as_written

Draw = Callable[..., Figure]
"""Of the records' table and, where it asks for it, of what is stated of the experiment."""


@dataclass(frozen=True)
class DrawingOptions:
    """Where the records are and where the figures go.

    Attributes:
        label: which result; `experiments` prints it when done. None: all that there are.
        results: folder of the records.
        figures: the figures go to a folder of this one, named after the label. Default: figures/ in the
            results folder.
        redraw: draw from the Parquet files already among the figures; no results folder is needed.
    """

    label: str | None = None
    results: Path = Path("results")
    figures: Path | None = None
    redraw: bool = False

    @property
    def target(self) -> Path:
        """The folder that the figures go to."""
        return self.figures or self.results / "figures"

    @property
    def way_on(self) -> str:
        """What helps where nothing can be written to `target`."""
        if self.redraw:
            return "copy the folder to one of yours and name it with --figures"
        return "--figures FOLDER writes elsewhere"


def collect(store: Store, label: str, name: str, folder: Path) -> None:
    """Copy an experiment's records into `folder`: NAME.parquet, and NAME.json with what they are.

    Raises:
        InvalidInput: the experiment is not finished; or its records are damaged, or not all there.
    """
    about = store.read_experiment(label, name)
    records = [*about["runs"], *about["measurements"]]
    gone = [record for record in records if store.outcome(record) is None]
    if gone:
        again = f"run its command again: {about['command']}"
        raise InvalidInput("record", gone[0], f"is not in {store.folder}; {again}")
    table = store.table(records)
    require_folder("figures", folder)
    # Columns that are the same everywhere compress to nothing, and keep each row's meaning complete.
    table.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    about["records"] = _made(store, records)
    about["files"] = {f"{name}.parquet": sha256((folder / f"{name}.parquet").read_bytes())}
    about["checksum"] = checksum(about)
    (folder / f"{name}.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def _made(store: Store, ids: Sequence[str]) -> dict[str, Any]:
    """How the records came about: they may be older than the command that last asked for them."""
    abouts = [store.read(name)[0] for name in ids]
    facts = {
        fact: sorted({about["provenance"].get(fact, "unknown") for about in abouts})
        for fact in ("revision", "device", "processor", "jax")
    }
    return {"seconds": round(sum(about["outcome"].get("seconds", 0) for about in abouts), 1), **facts}


def load(folder: Path, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What `collect` wrote.

    Raises:
        InvalidInput: it is not there, or not what was written.
    """
    path = folder / f"{name}.parquet"
    try:
        about, content = json.loads(path.with_suffix(".json").read_text()), path.read_bytes()
        _require_as_written(about, path.name, content)
        return pd.read_parquet(io.BytesIO(content)), about
    except FileNotFoundError as error:
        raise InvalidInput("label", folder.name, f"{folder} has no {path.name}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:  # there are many ways to damage a file
        again = f"python -m analysis.all --label {shlex.quote(folder.name)} writes it again"
        raise InvalidInput(
            "label", folder.name, f"{path} or its JSON is not what was written; {again}"
        ) from error


def _require_as_written(about: dict[str, Any], name: str, content: bytes) -> None:
    if not isinstance(about, dict) or not {"data", "preset"} <= about.keys():
        raise ValueError(name)
    if not is_as_written(about) or ("files" in about and about["files"][name] != sha256(content)):
        raise ValueError(name)


def records_of(name: str, draw: Draw | None) -> str:
    """The experiment that a figure is of: what its module says, or that of the figure's own name."""
    return getattr(sys.modules[draw.__module__], "RECORDS", name) if draw else name


def picture(name: str, draw: Draw, folder: Path) -> Figure:
    """A figure of `folder`'s records, with its caption. Save it under `house_style`, then close it."""
    table, about = load(folder, records_of(name, draw))
    drawn = draw(table, about) if len(signature(draw).parameters) > 1 else draw(table)
    caption(drawn, about, table)
    return drawn


def save(name: str, draw: Draw, folder: Path) -> list[Path]:
    """Draw a figure from `folder`'s records and save it there: the files of `write`."""
    with plt.rc_context(house_style()):  # pyright: ignore[reportArgumentType]
        drawn = picture(name, draw, folder)
        paths = write(drawn, name, folder)
        plt.close(drawn)
    return paths


def write(drawn: Figure, name: str, folder: Path) -> list[Path]:
    """A figure as PNG and PDF in `folder`, with the numbers behind it. Call it under `house_style`."""
    paths = files(name, folder)
    # No dates and no versions inside: the same records give the same files.
    drawn.savefig(paths[0], dpi=200, metadata={"Software": None})
    drawn.set_layout_engine("none")  # all is in its place: to find it again takes as long as to draw it
    drawn.savefig(paths[1], metadata={"CreationDate": None, "Creator": None, "Producer": None})
    numbers(drawn).to_csv(paths[2], index=False, float_format="%.6g")
    return paths


def files(name: str, folder: Path) -> list[Path]:
    """Where `write` writes."""
    return [folder / f"{name}.{kind}" for kind in ("png", "pdf", "csv")]


@dataclass(frozen=True)
class _Job:
    """An experiment to collect the records of, and the figures to draw of them."""

    label: str
    name: str
    figures: Mapping[str, Draw]
    options: DrawingOptions

    @property
    def folder(self) -> Path:
        return self.options.target / self.label

    def do(self) -> dict[str, list[Path]]:
        """The files drawn of each figure."""
        with report_unwritable("figures", self.folder, self.options.way_on):
            if not self.options.redraw:
                collect(Store(self.options.results), self.label, self.name, self.folder)
            return {name: save(name, draw, self.folder) for name, draw in self.figures.items()}

    def attempt(self) -> dict[str, list[Path]] | str:
        """The files drawn; or, in a line, why there are none."""
        try:
            return self.do()
        except InvalidInput as error:
            return str(error)
        except Exception as error:  # one label's trouble must not take another's figures with it
            return f"cannot be drawn: {type(error).__name__}: {error}"


def run(figures: Mapping[str, Draw | None], options: DrawingOptions) -> bool:
    """Collect and draw every figure given that there are records for; without a `Draw`, collect alone.

    Of several, one that cannot be drawn is named on stderr, and the others are drawn.

    Returns:
        Whether all of them could be.

    Raises:
        InvalidInput: there are none; or there is one, whose records cannot be used; or nothing can be
            written among the figures.
    """
    of: dict[str, dict[str, Draw]] = {}
    for figure, draw in figures.items():
        own = of.setdefault(records_of(figure, draw), {})
        if draw:
            own[figure] = draw
    available = _available(options)
    jobs = [
        _Job(label, name, of[name], options)
        for label, name in available
        if name in of and options.label in (None, label)
    ]
    if not jobs:
        raise _nothing_to_draw(options, available, [*of])
    for folder in dict.fromkeys(job.folder for job in jobs):
        require_writable("figures", folder, options.way_on)
    well = True
    for job, drawn in zip(jobs, _in_parallel(jobs), strict=True):
        if isinstance(drawn, str):
            well = False
            print(f"{job.label}/{job.name}: {drawn}", file=sys.stderr, flush=True)
            continue
        for figure, paths in drawn.items():
            # Which records the figure is of; here, since all of a folder share one manifest.
            with report_unwritable("figures", job.folder, options.way_on):
                manifest.state(job.folder, figure, paths, job.name)
            for path in paths:
                print(path, flush=True)
    return well


def _nothing_to_draw(
    options: DrawingOptions, available: Sequence[tuple[str, str]], wanted: Sequence[str]
) -> InvalidInput:
    """Why there is nothing to draw, and what there is instead."""
    field = "figures" if options.redraw else "results"
    source = options.target if options.redraw else options.results
    if not source.is_dir():
        return InvalidInput(field, str(source), "there is no such folder")
    labels = sorted({label for label, _ in available})
    if not labels:
        return InvalidInput(field, str(source), "there are no finished experiments in it")
    if options.label not in (None, *labels):
        return InvalidInput("label", options.label, f"{source} has only {', '.join(labels)}")
    finished = sorted({name for label, name in available if options.label in (None, label)})
    missing = f"no finished {wanted[0]}" if len(wanted) == 1 else "nothing finished that is drawn here"
    value = str(source) if options.label is None else options.label
    field = field if options.label is None else "label"
    return InvalidInput(field, value, f"{source} has {missing} of it, but {', '.join(finished)}")


def _in_parallel(jobs: Sequence[_Job]) -> Iterator[dict[str, list[Path]] | str]:
    """What becomes of each job, in order; where there are several, a process for each core."""
    if len(jobs) == 1:
        yield jobs[0].do()
        return
    with processes() as pool:
        yield from pool.map(_Job.attempt, jobs)


def processes() -> ProcessPoolExecutor:
    """A process for each core, to draw in."""
    # Spawned, not forked: libraries that the records are read with have threads.
    return ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))


def _available(options: DrawingOptions) -> Sequence[tuple[str, str]]:
    if options.redraw:
        return sorted((path.parent.name, path.stem) for path in options.target.glob("*/*.parquet"))
    return Store(options.results).experiments()


def main(figures: Mapping[str, Draw | None], description: str | None) -> None:
    """The `main` of a figure's module; exit status 1 where a figure could not be drawn."""
    program = sys.modules["__main__"].__spec__.name  # type: ignore[union-attr]

    def draw_all() -> None:
        if not run(figures, parse(DrawingOptions, program, description)):
            sys.exit(1)

    exit_with(draw_all)
