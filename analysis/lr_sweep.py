"""Final train and test loss against learning-rate factor, one line per subset size, a row per batch size.

python -m analysis.lr_sweep --label quick
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import _publish
from analysis._style import MARKERS, WIDTH, band, log_factor_axis, log_loss_axis, sequence
from analysis._tables import where

SPLITS = {"train": "final training loss (nats)", "test": "final test loss (nats)"}


def final_losses(table: pd.DataFrame, split: str, batch_size: int, subset_size: int) -> pd.DataFrame:
    """The last epoch's loss of each run: rows are factors, columns seeds; NaN where a run diverged."""
    runs = where(table, batch_size=batch_size, subset_size=subset_size)
    ended = where(runs, status="finished", split=split, metric="loss")
    loss = ended.loc[ended["epoch"] == ended["epochs"]]
    losses = loss.pivot_table(index="factor", columns="seed", values="value")
    return losses.reindex(index=sorted(runs["factor"].unique()), columns=sorted(runs["seed"].unique()))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    batch_sizes = sorted(table["batch_size"].unique())
    figure, grid = plt.subplots(
        len(batch_sizes),
        len(SPLITS),
        figsize=(WIDTH, 2.5 * len(batch_sizes) + 0.5),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for row, batch_size in zip(grid, batch_sizes, strict=True):
        for axes, (split, label) in zip(row, SPLITS.items(), strict=True):
            _panel(axes, table, split, batch_size)
            axes.set(title=f"batch size {batch_size}", ylabel=label)
            axes.label_outer()
            axes.set_ylabel(label)
    for axes in grid[-1]:
        axes.set_xlabel("learning-rate factor")
    handles, _ = grid[0, 0].get_legend_handles_labels()
    for width, label in ((1.6, "diverged"), (0.6, "some seeds did")):
        handles.append(
            Line2D([], [], linestyle="", marker="x", color="0.3", markeredgewidth=width, label=label)
        )
    figure.legend(handles=handles, title="training images", loc="outside right upper", frameon=False)
    return figure


def _panel(axes: Axes, table: pd.DataFrame, split: str, batch_size: int) -> None:
    sizes = sorted(table["subset_size"].unique())
    factors = sorted(table["factor"].unique())
    for index, (size, color) in enumerate(zip(sizes, sequence(len(sizes)), strict=True)):
        losses = final_losses(table, split, batch_size, size)
        style = {"color": color, "marker": MARKERS[index % len(MARKERS)], "label": f"{size:,}"}
        band(axes, losses.index, losses, **style)
        diverged = losses.isna().to_numpy().mean(axis=1)  # share of the seeds
        # At the upper edge, side by side: heavy where every seed diverged, thin where some did.
        offset = 2 ** (0.12 * (index - (len(sizes) - 1) / 2))
        for weight, points in ((1.6, diverged == 1), (0.6, (diverged > 0) & (diverged < 1))):
            axes.scatter(
                losses.index.to_numpy()[points] * offset,
                np.full(points.sum(), 0.96),
                marker="x",
                s=18,
                linewidths=weight,
                color=color,
                transform=axes.get_xaxis_transform(),
                zorder=3,
            )
    log_loss_axis(axes)
    log_factor_axis(axes, factors)


if __name__ == "__main__":
    _publish.main({"lr_sweep": draw}, __doc__)
