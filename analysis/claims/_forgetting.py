"""The forgetting experiment as the claims read it: test losses of (a) and (b), and what is remembered."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis._tables import where
from analysis.claims._claim import Evidence
from analysis.forgetting import curve
from research.errors import require

LAST_PART = 0.25  # of the epochs: at a constant rate the loss of the last epoch alone is a draw from many
NEWEST = (0.0, 1 / 8)  # ages in epochs: above the first, up to the second
OLDER = (1 / 2, 1.0)  # within the last epoch: beyond it every image has been visited again
BEYOND = (1.0, np.inf)

KINDS = ("view", "image", "both")


def log_ratio(evidence: Evidence, factor: int) -> pd.Series:
    """Log of the test loss of (a) half the data over that of (b) all of it, for each seed.

    Args:
        factor: 0 for the lowest of the learning-rate factors, the article's 1/4; -1 for the highest, its 4.
    """
    table = evidence.tables["forgetting"]
    runs = where(table, factor=_factor(table, factor))
    sizes = np.unique(runs["subset_size"])
    half, full = (_late_loss(where(runs, subset_size=size)) for size in (sizes[0], sizes[-1]))
    return (half / full).map(np.log).reindex(_seeds(table))


def remembered(table: pd.DataFrame, facts: Sequence[str] = ()) -> pd.DataFrame:
    """What frozen models remember of each batch that they saw, nats: the one place that reads a replay.

    Memory of the `view` is the loss of the same images in a view that was never used less that of the batch
    as it was seen; memory of the `image` that of images that were never seen less that of the fresh view;
    `both` is their sum, what the article plots.

    Args:
        facts: columns of the run to keep.

    Returns:
        A row for each batch that was replayed, with the columns `KINDS`, `ago` (its age in epochs when the
        model was frozen), `record`, `run.factor`, `run.seed` and the facts.

    Raises:
        InvalidInput: there are replays, but without images that were never seen.
    """
    replays = where(table, kind="Replay", metric="loss")
    columns = list(dict.fromkeys(["record", "run.factor", "run.seed", *facts]))
    if replays.empty:
        return pd.DataFrame(columns=[*columns, "ago", *KINDS], dtype=float)
    lacking = {"seen", "fresh_view", "never_seen"} - set(replays["split"])
    known = ", ".join(sorted(replays["split"].unique()))
    require(
        not lacking,
        "split",
        known,
        "a replay must have seen, fresh_view and never_seen; run its command again",
    )
    # Rows of images that were never seen stand at the step at which the model was frozen.
    never = where(replays, split="never_seen").groupby("record", as_index=False)[["value", "epoch"]].mean()
    fresh = where(replays, split="fresh_view").loc[:, ["record", "epoch", "value"]]
    seen = where(replays, split="seen").loc[:, [*columns, "epoch", "value"]]
    found = seen.merge(fresh, how="left", on=["record", "epoch"], suffixes=("", "_fresh"))
    found = found.merge(pd.DataFrame(never), how="left", on="record", suffixes=("", "_never"))
    return pd.DataFrame(found[columns]).assign(
        ago=found["epoch_never"] - found["epoch"],
        view=found["value_fresh"] - found["value"],
        image=found["value_never"] - found["value_fresh"],
        both=found["value_never"] - found["value"],
    )


@lru_cache(maxsize=2)
def _of_forgetting(evidence: Evidence) -> pd.DataFrame:
    return remembered(evidence.tables["forgetting"])


def memory(evidence: Evidence, factor: int, kind: str, ages: tuple[float, float]) -> pd.Series:
    """The mean memory of batches of some ages, nats, for each seed; NaN where there is none, or no run.

    Args:
        factor: as in `log_ratio`.
        kind: of `KINDS`.
        ages: in epochs; above the first, up to the second.
    """
    table = evidence.tables["forgetting"]
    found = where(_of_forgetting(evidence), **{"run.factor": _factor(table, factor)})
    return mean_memory(found, kind, ages).reindex(_seeds(table))


def mean_memory(found: pd.DataFrame, kind: str, ages: tuple[float, float]) -> pd.Series:
    """The mean memory of batches of some ages, in some of `remembered`'s rows: a number for each seed."""
    ago = found["ago"].to_numpy(float)
    # A batch seen at step s ends its part of the epoch at s + 1: the newest is a step old and not younger.
    chosen = found.loc[(ago > ages[0] + 1e-6) & (ago <= ages[1] + 1e-6)]
    return pd.Series(chosen.groupby("run.seed")[kind].mean())


def curve_of_memory(evidence: Evidence, factor: int, kind: str, bins: int = 8) -> pd.DataFrame:
    """Mean memory by age: rows are the middles of so many bins in each epoch, columns seeds."""
    table = evidence.tables["forgetting"]
    found = where(_of_forgetting(evidence), **{"run.factor": _factor(table, factor)})
    number = np.ceil(found["ago"].to_numpy(float) * bins - 1e-6)
    binned = found.assign(ago=(number - 0.5) / bins)
    means = binned.pivot_table(index="ago", columns="run.seed", values=kind)
    return means.reindex(columns=_seeds(table))


def _factor(table: pd.DataFrame, which: int) -> float:
    factors = np.unique(table["factor"].dropna())
    require(len(factors) > 1, "factors", factors.tolist(), "must be two or more, a high and a low one")
    return float(factors[which])


def _seeds(table: pd.DataFrame) -> np.ndarray:
    return np.unique(table["seed"].dropna())


def _late_loss(runs: pd.DataFrame) -> pd.Series:
    """Mean test loss over the last part of the epochs, for each seed; NaN where the run diverged."""
    losses = curve(where(runs, status="finished"), "test")
    return losses.loc[losses.index > (1 - LAST_PART) * runs["epochs"].max()].mean()
