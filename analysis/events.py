"""Forgetting events per image against learning-rate factor, and how many images are never forgotten.

python -m analysis.events --label quick
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _drawing
from analysis._style import (
    WIDTH,
    factor_name,
    legend,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import levels, pivot, where


def at_the_end(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A number of each run: rows (batch size, factor), columns seeds."""
    rows = where(table, kind="Events", split="train", metric=metric)
    return pivot(rows, ["run.batch_size", "run.factor"], "run.seed")


def through_training(table: pd.DataFrame, batch_size: float) -> pd.DataFrame:
    """Share of the images visited in each epoch that were forgotten: rows (factor, epoch), columns seeds."""
    rows = where(table, kind="Events", split="seen", metric="forgotten", **{"run.batch_size": batch_size})
    return pivot(rows, ["run.factor", "epoch"], "run.seed")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    batch_sizes = levels(where(table, kind="Events"), "run.batch_size")
    figure, (axes,) = panels(1, 2 + max(1, len(batch_sizes)), WIDTH * 1.4, 2.9)
    for panel, metric, label in (
        (axes[0], "events", "times forgotten,\nper image learned"),
        (axes[1], "never_forgotten", "share of images learned\nand never forgotten"),
    ):
        _against_factor(panel, at_the_end(table, metric))
        panel.set(xlabel="learning-rate factor", ylabel=label)
        panel.set_ylim(bottom=0)
    legend(axes[0], title="batch size")
    for panel, batch_size in zip(axes[2:], batch_sizes, strict=False):
        _against_epoch(panel, through_training(table, batch_size))
        panel.set(xlabel="epoch", title=f"batch size {batch_size:g}")
    axes[2].set_ylabel("share of images forgotten\nsince their last visit")
    legend(axes[2], title="factor")
    return figure


def _against_factor(axes: Axes, values: pd.DataFrame) -> None:
    batch_sizes = values.index.unique("run.batch_size")
    count = len(batch_sizes)
    for batch_size, color, marker in zip(batch_sizes, sequence(count), markers(count), strict=True):
        of_size = values.loc[batch_size]
        over_seeds(axes, of_size.index, of_size, color=color, marker=marker, label=f"{batch_size:g}")
    log_factor_axis(axes, list(values.index.unique("run.factor")))


def _against_epoch(axes: Axes, values: pd.DataFrame) -> None:
    factors = values.index.unique("run.factor")
    count = len(factors)
    for factor, color, marker in zip(factors, sequence(count), markers(count), strict=True):
        of_factor = values.loc[factor]
        style = {"color": color, "marker": marker, "label": factor_name(factor)}
        over_seeds(axes, of_factor.index, of_factor, **style)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


if __name__ == "__main__":
    _drawing.main({"events": draw}, __doc__)
