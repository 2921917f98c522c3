"""Sharpness times learning rate through training, against the thresholds of stability.

python -m analysis.curvature --label quick
"""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis import _publish
from analysis._style import WIDTH, band, contrast, factor_name
from analysis._tables import where

LINES = {
    ("train", "top_eigenvalue"): ("largest eigenvalue, training loss", "o", "-"),
    ("batch", "batch_sharpness"): ("batch sharpness", "s", "--"),
}
THRESHOLDS = {
    "large_batch": ("heavy ball, full batch: 2(1+b)", ":"),
    "threshold": ("the run's optimizer, full batch", "-"),
    "small_batch": ("small batches: 2(1-b)", "-."),
}


def normalised(table: pd.DataFrame, split: str, metric: str) -> pd.DataFrame:
    """A quantity times the learning rate of its moment, a pure number: rows epochs, columns seeds."""

    def of(split: str, metric: str) -> pd.DataFrame:
        values = where(table, split=split, metric=metric)
        return values.pivot_table(index="epoch", columns="run.seed", values="value")

    return of(split, metric) * of("optimizer", "learning_rate")


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    measured = where(table, kind="Sharpness")
    batch_sizes = sorted(measured["run.batch_size"].unique())
    factors = sorted(measured["run.factor"].unique())
    sizes = measured["run.subset_size"]
    measured = measured.loc[sizes == sizes.max()]
    figure, grid = plt.subplots(
        len(batch_sizes),
        len(factors),
        figsize=(WIDTH * 1.2, 2.3 * len(batch_sizes) + 0.9),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for row, batch_size in zip(grid, batch_sizes, strict=True):
        for axes, factor in zip(row, factors, strict=True):
            _panel(axes, where(measured, **{"run.batch_size": batch_size, "run.factor": factor}))
            axes.set_title(f"batch size {batch_size:g}, factor {factor_name(factor)}")
        row[0].set_ylabel("sharpness x learning rate")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _panel(axes: Axes, measured: pd.DataFrame) -> None:
    colors = contrast()
    for (key, (label, marker, style)), color in zip(LINES.items(), (colors[0], colors[1]), strict=True):
        values = normalised(measured, *key)
        values = values.where(values > 0)  # a log axis has no place for negative curvature
        band(axes, values.index, values, color=color, marker=marker, linestyle=style, label=label)
    for metric, (label, style) in THRESHOLDS.items():
        level = normalised(measured, "optimizer", metric)
        if not level.empty:
            axes.axhline(level.to_numpy()[0, 0], color="0.3", linewidth=0.9, linestyle=style, label=label)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))


if __name__ == "__main__":
    _publish.main({"curvature": draw}, __doc__)
