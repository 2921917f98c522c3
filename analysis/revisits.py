"""Revisits: what long absences cost at each factor, before annealing in the common order and after it.

python -m analysis.revisits --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._style import WIDTH, contrast, legend, log_axis, log_factor_axis, markers, over_seeds, panels
from analysis._tables import levels, pivot, where


def losses(table: pd.DataFrame, split: str, after: bool) -> pd.DataFrame:
    """A group's loss, nats: rows (number of blocks, factor), columns seeds.

    Args:
        split: the group: `subset` or `never_seen`.
        after: after annealing; else before it.
    """
    measured = where(table, kind="GroupLosses", metric="loss", split=split)
    if not measured.empty:
        measured = measured.loc[(measured["epoch"] == measured["run.epochs"]) == after]
    return pivot(measured, ["run.order.count", "run.factor"], "run.seed")


def absences(table: pd.DataFrame, after: bool) -> pd.Series:
    """What the most blocks cost, against the fewest, at the highest factor, on images never seen, nats."""
    found = losses(table, "never_seen", after)
    counts, factors = (sorted(found.index.unique(level)) for level in (0, 1))
    if len(counts) < 2 or not factors:
        return pd.Series(np.nan, found.columns, dtype=float)
    return _at(found, counts[-1], factors[-1]) - _at(found, counts[0], factors[-1])


def factor_cost(table: pd.DataFrame, after: bool) -> pd.Series:
    """What the highest factor costs, against the best lower one, with the fewest blocks, nats."""
    found = losses(table, "never_seen", after)
    counts, factors = (sorted(found.index.unique(level)) for level in (0, 1))
    if not counts or len(factors) < 2:
        return pd.Series(np.nan, found.columns, dtype=float)
    lower = pd.concat([_at(found, counts[0], factor) for factor in factors[:-1]], axis=1)
    return _at(found, counts[0], factors[-1]) - lower.min(axis=1, skipna=False)


def _at(found: pd.DataFrame, count: float, factor: float) -> pd.Series:
    if (count, factor) not in found.index:
        return pd.Series(np.nan, found.columns, dtype=float)
    return pd.Series(found.loc[(count, factor)])


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, (axes,) = panels(1, 2, WIDTH, 3.3, sharey=True)
    log_axis(axes[0])
    for panel, after in zip(axes, (False, True), strict=True):
        found = losses(table, "never_seen", after)
        counts = sorted(found.index.unique(0))
        for count, color, marker in zip(counts, contrast(len(counts)), markers(len(counts)), strict=True):
            part = found.loc[count]
            over_seeds(panel, part.index, part, color=color, marker=marker, label=f"{count:g}")
        log_factor_axis(
            panel, levels(where(table, kind="GroupLosses"), "run.factor") or levels(table, "factor")
        )
        panel.set(title=f"{'after' if after else 'before'} annealing", xlabel="learning-rate factor")
    axes[0].set_ylabel("loss of images never seen (nats)")
    legend(axes[0], title="blocks")
    return figure


if __name__ == "__main__":
    _drawing.main({"revisits": draw}, __doc__)
