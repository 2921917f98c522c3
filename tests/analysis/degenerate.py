"""What goes wrong with records, done to any table of them: figures, claims and pages are tried on each.

Each entry of `WORLDS` takes an experiment's table and returns what would be there if its runs had diverged,
its sweep had one factor, and so on. `published` has a table for each experiment, with no training.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis._style import MANY
from analysis._tables import seeds_of, where

FIGURES = Path(__file__).parents[2] / "paper_figures"
LABEL = "quick-confirm"  # every experiment's records are there
RUNS, RUN = "RunConfig", "run."


def published() -> list[str]:
    """The experiments whose records are in the repository."""
    return sorted(path.stem for path in (FIGURES / LABEL).glob("*.parquet"))


def records(name: str) -> pd.DataFrame:
    """The published table of an experiment, of as many seeds as figures take for many."""
    table = pd.read_parquet(FIGURES / LABEL / f"{name}.parquet")
    seeds = seeds_of(table)[:MANY]
    of = pd.Series(False, table.index)
    for column in {"seed", "run.seed"} & {*table}:
        of |= table[column].isin(seeds)
    return table.loc[of].reset_index(drop=True)


def _is_run(table: pd.DataFrame) -> pd.Series:
    return pd.Series(table["kind"] == RUNS)


def all_diverged(table: pd.DataFrame) -> pd.DataFrame:
    """Every run diverged in its first epoch: nothing was measured on any."""
    first = table.loc[_is_run(table)].drop_duplicates("record")
    return _diverged(first)


def some_diverged(table: pd.DataFrame) -> pd.DataFrame:
    """Every second run did."""
    return _some(table, lambda runs: runs[::2])


def all_but_one_diverged(table: pd.DataFrame) -> pd.DataFrame:
    """A single run went well."""
    return _some(table, lambda runs: runs[1:])


def _some(table: pd.DataFrame, chosen: Callable[[list[str]], list[str]]) -> pd.DataFrame:
    lost = chosen(sorted(table.loc[_is_run(table), "record"].unique()))
    runs = table.loc[_is_run(table)]
    left = runs.loc[~runs["record"].isin(lost)]
    gone = runs.loc[runs["record"].isin(lost)].drop_duplicates("record")
    return pd.concat([left, _measured_on(table, left), _diverged(gone)], ignore_index=True)


def _diverged(first: pd.DataFrame) -> pd.DataFrame:
    """One row, as a run that diverges leaves it."""
    row = {"epoch": 0.25, "step": 1, "split": "seen", "metric": "loss", "value": np.nan}
    columns = [column for column in first if not str(column).startswith(RUN)]
    return first.assign(**row, status="diverged", diverged_step=1.0).loc[:, columns]


def _measured_on(table: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of measurements on these runs: which one a measurement is of, its columns `run.` say."""
    measured = table.loc[~_is_run(table)]
    names = [c for c in runs if f"{RUN}{c}" in measured and c not in ("kind", "status", "diverged_step")]
    if measured.empty or not names:
        return measured
    known = set(runs[names].astype(str).drop_duplicates().itertuples(index=False, name=None))
    own = measured[[f"{RUN}{name}" for name in names]]
    own.columns = names
    # Where some rows have no value, whole numbers are floats.
    own = own.astype({name: runs[name].dtype for name in names}, errors="ignore").astype(str)
    return measured.loc[[row in known for row in own.itertuples(index=False, name=None)]]


def one(column: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Of several values of a run's field only the smallest was asked for."""

    def keep(table: pd.DataFrame) -> pd.DataFrame:
        chosen = pd.Series(True, table.index)
        for name in (column, f"{RUN}{column}"):
            if name in table:
                chosen &= table[name].isna() | (table[name] == table[name].min())
        return table.loc[chosen].reset_index(drop=True)

    return keep


def one_run(table: pd.DataFrame) -> pd.DataFrame:
    """Nothing but the first run, and nothing measured."""
    return where(table, record=table["record"].iloc[0])


def missing_run(table: pd.DataFrame) -> pd.DataFrame:
    """One of the runs was never made, or its record was lost; what was measured on it is there."""
    names = table.loc[_is_run(table), "record"].unique()
    return table.loc[~table["record"].isin(names[:1])].reset_index(drop=True)


def nothing_measured(table: pd.DataFrame) -> pd.DataFrame:
    """Every measurement ran out of memory: their records are empty, their columns are there."""
    return table.loc[_is_run(table)].reset_index(drop=True)


def measurement_out_of_memory(table: pd.DataFrame) -> pd.DataFrame:
    """One did."""
    names = table.loc[~_is_run(table), "record"].unique()
    return table.loc[~table["record"].isin(names[:1])].reset_index(drop=True)


def no_last_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Each record lacks its last epoch."""
    last = table.groupby("record")["epoch"].transform("max")
    return table.loc[table["epoch"] < last].reset_index(drop=True)


def not_measured(table: pd.DataFrame) -> pd.DataFrame:
    """Every number is one that could not be computed."""
    return table.assign(value=np.nan)


def negative(table: pd.DataFrame) -> pd.DataFrame:
    """Every number that should be positive is not: what a log axis has no place for."""
    return table.assign(value=-table["value"].abs())


def all_equal(table: pd.DataFrame) -> pd.DataFrame:
    """Every number is the same."""
    return table.assign(value=1.0)


def huge(table: pd.DataFrame) -> pd.DataFrame:
    """Half of the numbers are at the end of what a float32 holds."""
    return table.assign(value=np.where(table["value"] > table["value"].median(), 3e38, table["value"]))


def many_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Ten times as many seeds."""
    seeds = [column for column in ("seed", f"{RUN}seed") if column in table]
    copies = []
    for index in range(10):
        shifted = {column: table[column] + 1000 * index for column in seeds}
        names = table["record"].astype(str) + f"-{index}"
        copies.append(table.assign(**shifted, record=names, value=table["value"] * (1 + index / 100)))
    return pd.concat(copies, ignore_index=True)


def empty(table: pd.DataFrame) -> pd.DataFrame:
    """All records are empty."""
    return table.iloc[:0]


WORLDS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "as it is": lambda table: table,
    "all diverged": all_diverged,
    "some diverged": some_diverged,
    "all but one diverged": all_but_one_diverged,
    "one seed": one("seed"),
    "one factor": one("factor"),
    "one subset size": one("subset_size"),
    "one batch size": one("batch_size"),
    "one run": one_run,
    "a run missing": missing_run,
    "nothing measured": nothing_measured,
    "a measurement out of memory": measurement_out_of_memory,
    "last rows missing": no_last_rows,
    "no number known": not_measured,
    "all negative": negative,
    "all equal": all_equal,
    "huge": huge,
    "many seeds": many_seeds,
    "empty": empty,
}
