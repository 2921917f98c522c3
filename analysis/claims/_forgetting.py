"""The forgetting experiment as the claims read it: test losses of (a) and (b), and what is remembered."""

from functools import lru_cache

import numpy as np
import pandas as pd

from analysis._tables import where
from analysis.claims._claim import Evidence
from analysis.forgetting import curve, recency

LAST_PART = 0.25  # of the epochs: at a constant rate the loss of the last epoch alone is a draw from many


def log_ratio(evidence: Evidence, factor: int) -> pd.Series:
    """Log of the test loss of (a) half the data over that of (b) all of it, for each seed.

    Args:
        factor: 0 for the lowest of the learning-rate factors, the article's 1/4; -1 for the highest, its 4.
    """
    table = evidence.tables["forgetting"]
    runs = where(table, factor=_factors(table)[factor])
    sizes = np.unique(runs["subset_size"])
    half, full = (_late_loss(where(runs, subset_size=size)) for size in (sizes[0], sizes[-1]))
    return (half / full).map(np.log).reindex(_seeds(table))


@lru_cache(maxsize=2)  # one for each of the two rates
def advantage(evidence: Evidence, factor: int) -> pd.DataFrame:
    """By how much batches that were seen are better known than never-seen ones, in nats.

    Rows are ages in epochs, columns seeds; a seed whose run diverged is NaN.
    """
    table = evidence.tables["forgetting"]
    replays = where(table, **{"run.factor": _factors(table)[factor]})
    return -recency(replays).reindex(columns=_seeds(table))


def newest(advantages: pd.DataFrame) -> pd.Series:
    """Of the batches seen last, in the first of `recency`'s bins."""
    if advantages.empty:
        return pd.Series(np.nan, index=advantages.columns)
    return advantages.iloc[0]


def beyond_an_epoch(advantages: pd.DataFrame) -> pd.Series:
    """Of the batches seen more than one epoch ago; NaN where no such were replayed."""
    return advantages.loc[advantages.index > 1].mean()


def _factors(table: pd.DataFrame) -> np.ndarray:
    return np.unique(table["factor"].dropna())


def _seeds(table: pd.DataFrame) -> np.ndarray:
    return np.unique(table["seed"].dropna())


def _late_loss(runs: pd.DataFrame) -> pd.Series:
    """Mean test loss over the last part of the epochs, for each seed; NaN where the run diverged."""
    losses = curve(where(runs, status="finished"), "test")
    return losses.loc[losses.index > (1 - LAST_PART) * runs["epochs"].max()].mean()
