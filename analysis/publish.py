"""Put a label of your results among the published ones: its records, its figures and what made them.

python -m analysis.publish --label quick    or: make publish LABEL=quick

What is published is copied as it is, and only when it is complete: every run and measurement that the label's
experiments consist of is there, the figures are of these very records, and no sweep of the label was asked
for and not finished. Published experiments that the label has no new records of stay, if they are of the
same preset and data, and on seeds that explore where these do, or confirm where these do.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import _manifest, discover
from analysis._drawing import load
from analysis._loss import told
from analysis._tables import seeds_of
from analysis.claims._published import PUBLISHED
from commandline import exit_with, parse
from research.errors import require, require_folder
from research.records.disk import report_disk_full
from research.records.store import Store
from research.seeds import phases

MADE = ("runs", "measurements")  # what an experiment consists of


@dataclass(frozen=True)
class PublishOptions:
    """What is published, and where.

    Attributes:
        label: which result.
        results: folder of the records.
        figures: folder that `python -m analysis.all` collected the records in. Default: figures/ in the
            results folder.
        to: folder of what is published.
    """

    label: str = ""
    results: Path = Path("results")
    figures: Path | None = None
    to: Path = PUBLISHED


def check(options: PublishOptions) -> list[str]:
    """The label's experiments, all of them complete.

    Raises:
        InvalidInput: there are none, or something of one is missing.
    """
    store, folder = Store(options.results), _source(options)
    require(bool(options.label), "label", options.label, "must name the result that is published")
    names = [name for label, name in store.experiments() if label == options.label]
    require(
        bool(names), "label", options.label, f"{options.results} has no finished experiments of that label"
    )
    asked = {name for label, name in store.plans() if label == options.label}
    undone = sorted(asked.difference(names))
    _require(not undone, options, f"{' and '.join(undone)} is not finished; run its command again")
    stale, figures = _manifest.stale(folder), discover()
    known = [_complete(name, options, store, name in stale, name in figures) for name in names]
    _require_one_kind([*known, *(kind for _, kind in _kept(options, names))], options)
    return names


def _complete(name: str, options: PublishOptions, store: Store, is_stale: bool, is_figure: bool) -> str:
    """Of which kind an experiment is, all of it being there."""
    folder = _source(options)
    stated = store.read_experiment(options.label, name)
    again = (
        shlex.join(["python", "-m", "analysis.all", "--results", str(options.results)]) + ", and look at it"
    )
    _require((folder / f"{name}.parquet").exists(), options, f"{name} was not collected yet: {again}")
    table, about = load(folder, name)
    same = all(about[part] == stated[part] for part in MADE)
    _require(same and not is_stale, options, f"{name} has other records than its figure: {again}")
    drawn = name in _manifest.read(folder) or not is_figure
    _require(drawn, options, f"{name} has no figure: {again}")
    for record in [*stated["runs"], *stated["measurements"]]:
        outcome = store.outcome(record)
        whole = outcome is not None and outcome["status"] in ("finished", "diverged")
        _require(whole, options, f"record {record} of {name} is missing or unfinished; run its command again")
    return _kind(table, about)


def _kind(table: pd.DataFrame, about: dict[str, Any]) -> str:
    """What the records of a label have in common: preset, data, loss, and what their seeds are for."""
    return ", ".join([about["preset"], about["data"], *told(about), *sorted(phases(seeds_of(table)))])


def _require(condition: bool, options: PublishOptions, why: str) -> None:
    require(condition, "label", options.label, f"cannot be published: {why}")


def _require_one_kind(found: Sequence[str], options: PublishOptions) -> None:
    kinds = sorted(set(found))
    _require(
        len(kinds) == 1, options, f"it would hold records of {' and of '.join(kinds)}; choose another label"
    )


def _kept(options: PublishOptions, names: Sequence[str]) -> list[tuple[str, str]]:
    """The published experiments of the label that there are no new records of, each with its kind."""
    folder = options.to / options.label
    published = sorted(path.stem for path in folder.glob("*.parquet"))
    return [(name, _kind(*load(folder, name))) for name in published if name not in names]


def _source(options: PublishOptions) -> Path:
    return (options.figures or options.results / "figures") / options.label


def publish(options: PublishOptions) -> list[str]:
    """Copy a label's records and figures; returns the names of the experiments that were copied.

    Raises:
        InvalidInput: it is not complete; nothing is copied.
    """
    names = check(options)
    source, target = _source(options), options.to / options.label
    require_folder("to", target)
    drawn = _manifest.read(source)
    with report_disk_full(target):
        for name in names:
            for kind in _manifest.RECORDS:
                _copy(source / f"{name}.{kind}", target)
            for figure in (one for one, entry in drawn.items() if f"{name}.parquet" in entry["records"]):
                files = [source / file for file in drawn[figure]["files"]]
                for file in files:
                    _copy(file, target)
                _manifest.state(target, figure, [target / file.name for file in files], name)
    return names


def _copy(file: Path, folder: Path) -> None:
    """In one step: a file is what it was, or what it is to be."""
    partial = folder / f".{file.name}"
    partial.write_bytes(file.read_bytes())
    partial.replace(folder / file.name)


def main() -> None:
    """Check, copy, and say what is left to do."""
    options = parse(PublishOptions, "analysis.publish", __doc__)
    names = publish(options)
    kept = [name for name, _ in _kept(options, names)]
    print(f"published in {options.to / options.label}: {', '.join(names)}")
    if kept:
        print(f"left as they were: {', '.join(kept)}")
    print("make figures writes the verdicts, the page and docs/results.md anew", file=sys.stderr)


if __name__ == "__main__":
    exit_with(main)
