"""Sharpness times learning rate through training, against the thresholds of stability.

python -m analysis.curvature --label quick
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _drawing
from analysis._style import WIDTH, contrast, factor_name, legend, log_axis, over_seeds, panels
from analysis._tables import levels, pivot, where

LINES = {
    ("train", "top_eigenvalue"): ("largest eigenvalue, training loss", "o", "-"),
    ("batch", "batch_sharpness"): ("batch sharpness", "s", "--"),
}
THRESHOLDS = {
    "large_batch": ("Polyak momentum, full batch: 2(1+b)", ":"),
    "threshold": ("the run's optimizer, full batch", "-"),
    "small_batch": ("small batches: 2(1-b)", "-."),
}


def normalised(table: pd.DataFrame, split: str, metric: str) -> pd.DataFrame:
    """A quantity times the learning rate of its moment, a pure number: rows epochs, columns seeds."""

    def of(split: str, metric: str) -> pd.DataFrame:
        return pivot(where(table, split=split, metric=metric), "epoch", "run.seed")

    return of(split, metric) * of("optimizer", "learning_rate")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    measured = where(table, kind="Sharpness")
    batch_sizes, factors = levels(measured, "run.batch_size"), levels(measured, "run.factor")
    measured = where(measured, **{"run.subset_size": max(levels(measured, "run.subset_size"), default=0)})
    height = 2.3 * max(1, len(batch_sizes)) + 0.9
    figure, grid = panels(len(batch_sizes), len(factors), WIDTH * 1.2, height, sharex=True, sharey=True)
    for axes in grid.flat:
        log_axis(axes)
    for row, batch_size in zip(grid, batch_sizes, strict=False):
        for axes, factor in zip(row, factors, strict=False):
            _panel(axes, where(measured, **{"run.batch_size": batch_size, "run.factor": factor}))
            axes.set_title(f"batch size {batch_size:g}, factor {factor_name(factor)}")
    for axes in grid[:, 0]:
        axes.set_ylabel("sharpness x learning rate")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    legend(figure, loc="outside upper center", ncols=3)
    return figure


def _panel(axes: Axes, measured: pd.DataFrame) -> None:
    colors = contrast()
    for (key, (label, marker, style)), color in zip(LINES.items(), (colors[0], colors[1]), strict=True):
        values = normalised(measured, *key)  # a log axis has no place for negative curvature
        over_seeds(axes, values.index, values, color=color, marker=marker, linestyle=style, label=label)
    for metric, (label, style) in THRESHOLDS.items():
        level = normalised(measured, "optimizer", metric).stack().dropna()
        if not level.empty:
            axes.axhline(level.iloc[0], color="0.3", linewidth=0.9, linestyle=style, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


if __name__ == "__main__":
    _drawing.main({"curvature": draw}, __doc__)
