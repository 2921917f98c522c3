"""Runs of a tidy table, one number or one curve each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis._tables import where


def final(
    table: pd.DataFrame, split: str, keys: Sequence[str], metric: str = "loss", diverged: float = np.inf
) -> pd.Series:
    """The last epoch's value of each run, indexed by the columns `keys`.

    Args:
        diverged: what stands for the value of a run that diverged.
    """
    runs = where(table, kind="RunConfig")
    ended = where(runs.loc[runs["epoch"] == runs["epochs"]], split=split, metric=metric, status="finished")
    values = pd.Series(ended["value"].to_numpy(float), pd.MultiIndex.from_frame(ended[[*keys]]))
    lost = where(runs, status="diverged")[[*keys]].drop_duplicates()
    return pd.concat([values, pd.Series(diverged, pd.MultiIndex.from_frame(lost), dtype=float)])


def curve(table: pd.DataFrame, split: str, columns: str | list[str] = "seed") -> pd.DataFrame:
    """Loss after each epoch: rows are epochs; runs that diverged are left out."""
    loss = where(table, kind="RunConfig", split=split, metric="loss", status="finished")
    return loss.pivot_table(index="epoch", columns=columns, values="value")


def grid(values: pd.Series, row: str) -> pd.DataFrame:
    """A series over (`row`, seed) as a table: rows of `row`, a column for each seed, NaN where not finite."""
    found = values.reset_index(name="value")
    return found.pivot_table(index=row, columns="seed", values="value").replace([np.inf, -np.inf], np.nan)
