"""Annealing: what a high rate cost, before the rate falls and after it, and what is left of half B.

python -m analysis.annealing --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._runs import over_lower
from analysis._style import WIDTH, contrast, legend, log_axis, log_factor_axis, markers, over_seeds, panels
from analysis._tables import levels, pivot, where


def losses(
    table: pd.DataFrame, order: str, split: str, after: bool, annealed: float, metric: str = "loss"
) -> pd.DataFrame:
    """A group's loss before annealing or after it, nats: rows factors, columns seeds.

    Args:
        order: `reshuffled`, annealed on all images, or `half`, on half A alone.
        split: the group (`research.measures.groups`).
        after: at the run's end; else where annealing begins.
        annealed: epochs that annealing takes.
        metric: `loss`, or `error`, its standard error over the group's images.
    """
    measured = where(table, kind="GroupLosses", metric=metric, split=split, **{"run.order.kind": order})
    if measured.empty:
        return pivot(measured, "run.factor", "run.seed")
    ended = measured["epoch"] == measured["run.epochs"]
    length = measured["run.epochs"] - peak_epochs(table)
    return pivot(measured.loc[(ended == after) & (length == annealed)], "run.factor", "run.seed")


def peak_epochs(table: pd.DataFrame) -> float:
    """The epoch at whose start annealing begins: the first that anything was measured after."""
    return float(np.min(where(table, kind="GroupLosses")["epoch"].to_numpy(float)))


def lengths(table: pd.DataFrame, order: str) -> list[float]:
    """Epochs of annealing, ascending, in this order."""
    measured = where(table, kind="GroupLosses", **{"run.order.kind": order})
    return [one - peak_epochs(table) for one in levels(measured, "run.epochs")]


def costs(table: pd.DataFrame, factor: float, after: bool) -> pd.Series:
    """What a factor costs on images never seen, against the lowest loss of a lower one, nats.

    Args:
        after: of the longest annealing; else before it.

    Returns:
        One for each seed; NaN without this factor or a lower one.
    """
    every = lengths(table, "reshuffled")
    if not every:
        return pd.Series(dtype=float)
    return over_lower(losses(table, "reshuffled", "never_seen", after, every[-1]), factor)


def advantages(table: pd.DataFrame, after: bool) -> pd.DataFrame:
    """How much lower half B's loss is than that of images never seen, nats: rows factors, columns seeds."""
    every = lengths(table, "half")
    if not every:
        return pd.DataFrame()
    never, withheld = (losses(table, "half", split, after, every[-1]) for split in ("never_seen", "withheld"))
    return never - withheld


def error(table: pd.DataFrame, factor: float, after: bool) -> float:
    """Standard error, over images, of half B's advantage at a factor, nats: a mean over seeds."""
    every = lengths(table, "half")
    if not every:
        return float("nan")
    found = [losses(table, "half", split, after, every[-1], "error") for split in ("never_seen", "withheld")]
    never, half = (pd.Series(one.reindex([factor]).stack()) for one in found)
    return float(np.hypot(never.mean(), half.mean()))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, ((left, right),) = panels(1, 2, WIDTH, 3.0)
    log_axis(left)
    every = lengths(table, "reshuffled")
    curves = [("before annealing", False, every[-1])] if every else []
    curves += [(f"after {epochs:g} epochs", True, epochs) for epochs in every]
    for (name, after, length), color, marker in zip(
        curves, contrast(len(curves)), markers(len(curves)), strict=True
    ):
        found = losses(table, "reshuffled", "never_seen", after, length)
        over_seeds(left, found.index, found, color=color, marker=marker, label=name)
    for name, after, color in zip(("before", "after"), (False, True), contrast(), strict=False):
        found = advantages(table, after)
        if not found.empty:
            label = f"{name} annealing on A alone"
            over_seeds(right, found.index, found, color=color, marker="o", label=label)
    right.axhline(0, color="0.5", linewidth=0.8, linestyle=":")
    left.set_ylabel("loss of images never seen (nats)")
    right.set_ylabel("loss of images never seen\nless that of half B (nats)")
    factors = levels(where(table, kind="GroupLosses"), "run.factor") or levels(table, "factor")
    for panel in (left, right):
        log_factor_axis(panel, factors)
        panel.set_xlabel("learning-rate factor")
        legend(panel)
    return figure


if __name__ == "__main__":
    _drawing.main({"annealing": draw}, __doc__)
