"""Runs of a tidy table, one number or one curve each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis._tables import nothing, pivot, where


def final(
    table: pd.DataFrame, split: str, keys: Sequence[str], metric: str = "loss", diverged: float = np.inf
) -> pd.Series:
    """The last epoch's value of each run, indexed by the columns `keys`.

    Args:
        diverged: what stands for the value of a run that diverged.
    """
    runs = where(table, kind="RunConfig")
    if runs.empty:
        return pd.Series(index=nothing(keys), dtype=float)
    ended = where(runs.loc[runs["epoch"] == runs["epochs"]], split=split, metric=metric, status="finished")
    values = pd.Series(ended["value"].to_numpy(float), index_of(ended, keys))
    lost = index_of(where(runs, status="diverged"), keys).drop_duplicates()
    return pd.concat([values, pd.Series(diverged, lost, dtype=float)])


def index_of(table: pd.DataFrame, keys: Sequence[str]) -> pd.MultiIndex:
    """Some columns of each row, as an index."""
    return pd.MultiIndex.from_frame(pd.DataFrame(table[[*keys]]))


def logs(values: pd.Series) -> pd.Series:
    """Logarithms, as a series; NaN and minus infinity of what has none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.Series(np.log(values.to_numpy(float)), values.index)


def at(values: pd.Series, **levels: object) -> pd.Series:
    """The part of a series whose index has these levels."""
    keep = np.ones(len(values), bool)
    for level, value in levels.items():
        keep &= np.asarray(values.index.get_level_values(level) == value)
    return pd.Series(values[keep])


def curve(table: pd.DataFrame, split: str, columns: str | list[str] = "seed") -> pd.DataFrame:
    """Loss after each epoch: rows are epochs; runs that diverged are left out."""
    loss = where(table, kind="RunConfig", split=split, metric="loss", status="finished")
    return pivot(loss, "epoch", columns)


def grid(values: pd.Series, row: str) -> pd.DataFrame:
    """A series over (`row`, seed) as a table: rows of `row`, a column for each seed; infinite if diverged."""
    return pivot(values.reset_index(name="value"), row, "seed")


def over_lower(losses: pd.DataFrame, factor: float) -> pd.Series:
    """What a factor costs in each seed, against the lowest loss of a lower factor: below 0 where it is best.

    Args:
        losses: rows factors, columns seeds.

    Returns:
        In the losses' unit; NaN without this factor, without a lower one, or where one of them is missing.
    """
    lower = losses.loc[losses.index < factor]
    if factor not in losses.index or lower.empty:
        return pd.Series(np.nan, losses.columns, dtype=float)
    return pd.Series(losses.loc[factor] - lower.min(skipna=False))
