"""The forgetting experiment as the claims read it: test losses of (a) and (b), and what is remembered."""

from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from analysis._replays import mean_memory, of_ages, remembered
from analysis._tables import where
from analysis.claims._claim import Evidence
from analysis.claims._images import drawn, of_memory
from analysis.forgetting import curve
from research.errors import require

LAST_PART = 0.25  # of the epochs: at a constant rate the loss of the last epoch alone is a draw from many


def log_ratio(evidence: Evidence, factor: int, equal: Literal["epochs", "updates"] = "epochs") -> pd.Series:
    """Log of the test loss of (a) half the data over that of (b) all of it, for each seed.

    Args:
        factor: 0 for the lowest of the learning-rate factors, the article's 1/4; -1 for the highest, its 4.
        equal: of what both have had as much: (b) at the end, or at half of its epochs, which is fair where
            the rate is constant but for the warm-up.
    """
    table = evidence.tables["forgetting"]
    runs = where(table, factor=_factor(table, factor))
    sizes = np.unique(runs["subset_size"])
    share = float(sizes[0] / sizes[-1]) if equal == "updates" else 1.0
    half = _late_loss(where(runs, subset_size=sizes[0]))
    full = _late_loss(where(runs, subset_size=sizes[-1]), share)
    return (half / full).map(np.log).reindex(_seeds(table))


@lru_cache(maxsize=2)
def _of_forgetting(evidence: Evidence) -> pd.DataFrame:
    return remembered(evidence.tables["forgetting"])


def memory(evidence: Evidence, factor: int, kind: str, ages: tuple[float, float]) -> pd.Series:
    """The mean memory of batches of some ages, nats, for each seed; NaN where there is none, or no run.

    Args:
        factor: as in `log_ratio`.
        kind: of `analysis._replays.KINDS`.
        ages: in epochs; above the first, up to the second.
    """
    return memory_at(evidence, _factor(evidence.tables["forgetting"], factor), kind, ages)


def memory_at(evidence: Evidence, factor: float, kind: str, ages: tuple[float, float]) -> pd.Series:
    """`memory` at a learning-rate factor of this value."""
    found = mean_memory(where(_of_forgetting(evidence), **{"run.factor": factor}), kind, ages)
    return found.reindex(_seeds(evidence.tables["forgetting"]))


def of_images(evidence: Evidence, factor: int, ages: tuple[float, float]) -> float:
    """Standard error over images, nats, of the memory that is held against images never seen.

    That which seeds have in common: none where each drew its own images.

    Args:
        factor: as in `log_ratio`.
        ages: as in `memory`.
    """
    return of_images_at(evidence, _factor(evidence.tables["forgetting"], factor), ages)


def of_images_at(evidence: Evidence, factor: float, ages: tuple[float, float]) -> float:
    """`of_images` at a learning-rate factor of this value."""
    if drawn(evidence, "forgetting"):
        return 0.0
    return of_memory(of_ages(where(_of_forgetting(evidence), **{"run.factor": factor}), ages))


def _factor(table: pd.DataFrame, which: int) -> float:
    factors = np.unique(table["factor"].dropna())
    require(len(factors) > 1, "factors", factors.tolist(), "must be two or more, a high and a low one")
    return float(factors[which])


def _seeds(table: pd.DataFrame) -> np.ndarray:
    return np.unique(table["seed"].dropna())


def _late_loss(runs: pd.DataFrame, share: float = 1.0) -> pd.Series:
    """Mean test loss over the last part of this share of the epochs, by seed; NaN where the run diverged."""
    losses = curve(where(runs, status="finished"), "test")
    end = share * runs["epochs"].max()
    return losses.loc[(losses.index > (1 - LAST_PART) * end) & (losses.index <= end)].mean()
