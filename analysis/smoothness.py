"""Swings of the training loss against batch size: from step to step within an epoch, and between epochs.

python -m analysis.smoothness --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _drawing
from analysis._runs import at, curve, grid, logs
from analysis._style import (
    WIDTH,
    contrast,
    explain,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
)
from analysis._tables import levels, pivot, where
from analysis.scaling_rules import by_rule

RUN = ["rule", "batch_size", "seed"]
RULES = {"none": "rate unchanged", "sqrt": "rate by the square root", "linear": "rate in proportion"}
KINDS = {"within": "swing of a step's loss\nwithin an epoch (nats)", "between": "swing between epochs (nats)"}


def swings(table: pd.DataFrame, kind: str) -> pd.Series:
    """How far the training loss swings over the second half of the epochs, in nats: (rule, batch size, seed).

    Args:
        kind: `within`: the standard deviation of the steps' losses about their epoch's mean, root mean square
            over the epochs; `between`: that of the epochs' mean losses about a straight line through their
            neighbours, by second differences, whose variance is six times as large.
    """
    runs = by_rule(table)
    runs = where(runs.loc[runs["epoch"] > runs["epochs"] / 2], split="seen", status="finished")
    loss = pivot(where(runs, metric="loss"), [*RUN, "epoch"], "metric")
    if loss.empty:
        return pd.Series(index=pd.MultiIndex.from_arrays([[]] * len(RUN), names=RUN), dtype=float)
    values = loss["loss"]
    if kind == "between":
        squares = values.groupby(level=RUN).diff().groupby(level=RUN).diff() ** 2 / 6
    else:
        squared = pivot(where(runs, metric="loss_squared"), [*RUN, "epoch"], "metric")
        squares = (squared.reindex(columns=["loss_squared"])["loss_squared"] - values**2).clip(lower=0)
    return pd.Series(np.sqrt(pd.Series(squares).groupby(level=RUN).mean()))


def exponents(table: pd.DataFrame, kind: str, rule: str) -> pd.Series:
    """The slope of log swing against log batch size, for each seed; NaN where a batch size is missing."""
    runs = where(table, kind="RunConfig")
    sizes, seeds = levels(runs, "batch_size"), levels(runs, "seed")
    found = logs(swings(table, kind)).replace(-np.inf, np.nan)
    of = grid(at(found, rule=rule).droplevel("rule"), "batch_size") if len(found) else pd.DataFrame()
    of = of.reindex(index=sizes, columns=seeds)
    x = np.log(np.asarray(sizes, float))
    if len(x) < 2:
        return pd.Series(np.nan, seeds, dtype=float)
    x = x - x.mean()
    return pd.Series(x @ of.to_numpy(float) / (x @ x), seeds)


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, (axes,) = panels(1, 3, WIDTH * 1.2, 3.0)
    runs = by_rule(table)
    _curves(axes[0], where(runs, rule="none"))
    for panel, (kind, label) in zip(axes[1:], KINDS.items(), strict=True):
        log_axis(panel)
        found = swings(table, kind)
        # The base's own batch size is under every rule, asked for or not.
        present = [rule for rule in RULES if len(levels(where(runs, rule=rule), "batch_size")) > 1]
        for rule, color, marker in zip(present, contrast(), markers(len(present)), strict=False):
            if rule in found.index.get_level_values("rule"):
                lines = grid(at(found, rule=rule).droplevel("rule"), "batch_size")
                over_seeds(panel, lines.index, lines, color=color, marker=marker, label=RULES[rule])
        log_factor_axis(panel, levels(runs, "batch_size"))
        panel.set(xlabel="batch size", ylabel=label)
    legend(axes[1])
    explain(figure, "swings: over the second half of the epochs")
    return figure


def _curves(axes: Axes, runs: pd.DataFrame) -> None:
    """What the posts show: the training loss by epoch, one batch size beside the other."""
    log_axis(axes)
    sizes = levels(runs, "batch_size")
    for size, color in zip(sizes, contrast(len(sizes)), strict=True):
        lines = curve(where(runs, batch_size=size), "seen")
        over_seeds(axes, lines.index, lines, color=color, label=f"batch {size:g}")
    axes.set(xlabel="epoch", ylabel="training loss (nats)", title=RULES["none"])
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    legend(axes)


if __name__ == "__main__":
    _drawing.main({"smoothness": draw}, __doc__)
