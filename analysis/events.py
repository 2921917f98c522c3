"""Forgetting events per image against learning-rate factor, and how many images are never forgotten.

python -m analysis.events --label quick
"""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _publish
from analysis._style import MARKERS, WIDTH, band, factor_name, log_factor_axis, sequence
from analysis._tables import where


def at_the_end(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A number of each run: rows (batch size, factor), columns seeds."""
    rows = where(table, kind="Events", split="train", metric=metric)
    return rows.pivot_table(index=["run.batch_size", "run.factor"], columns="run.seed", values="value")


def through_training(table: pd.DataFrame, batch_size: float) -> pd.DataFrame:
    """Share of the images visited in each epoch that were forgotten: rows (factor, epoch), columns seeds."""
    rows = where(table, kind="Events", split="seen", metric="forgotten", **{"run.batch_size": batch_size})
    return rows.pivot_table(index=["run.factor", "epoch"], columns="run.seed", values="value")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    batch_sizes = sorted(where(table, kind="Events")["run.batch_size"].unique())
    figure, axes = plt.subplots(1, 2 + len(batch_sizes), figsize=(WIDTH * 1.4, 2.9))
    for panel, metric, label in (
        (axes[0], "events", "times forgotten,\nper image learned"),
        (axes[1], "never_forgotten", "share of images learned\nand never forgotten"),
    ):
        _against_factor(panel, at_the_end(table, metric))
        panel.set(xlabel="learning-rate factor", ylabel=label)
        panel.set_ylim(bottom=0)
    axes[0].legend(title="batch size")
    for panel, batch_size in zip(axes[2:], batch_sizes, strict=True):
        _against_epoch(panel, through_training(table, batch_size))
        panel.set(xlabel="epoch", title=f"batch size {batch_size:g}")
    axes[2].set_ylabel("share of images forgotten\nsince their last visit")
    axes[2].legend(title="factor")
    return figure


def _against_factor(axes: Axes, values: pd.DataFrame) -> None:
    batch_sizes = values.index.unique("run.batch_size")
    for index, (batch_size, color) in enumerate(zip(batch_sizes, sequence(len(batch_sizes)), strict=True)):
        of_size = values.loc[batch_size]
        style = {"color": color, "marker": MARKERS[index], "label": f"{batch_size:g}"}
        band(axes, of_size.index, of_size, **style)
    log_factor_axis(axes, list(values.index.unique("run.factor")))


def _against_epoch(axes: Axes, values: pd.DataFrame) -> None:
    factors = values.index.unique("run.factor")
    for index, (factor, color) in enumerate(zip(factors, sequence(len(factors)), strict=True)):
        of_factor = values.loc[factor]
        style = {"color": color, "marker": MARKERS[index], "label": factor_name(factor)}
        band(axes, of_factor.index, of_factor, **style)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


if __name__ == "__main__":
    _publish.main({"events": draw}, __doc__)
