"""Final train and test loss against learning-rate factor, one line per subset size, a row per batch size.

python -m analysis.lr_sweep --label quick
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._loss import guess as guess_of
from analysis._runs import final
from analysis._style import (
    WIDTH,
    legend,
    log_axis,
    log_factor_axis,
    markers,
    over_seeds,
    panels,
    sequence,
)
from analysis._tables import levels, where

SPLITS = {"train": "final training loss (nats)", "test": "final test loss (nats)"}


def final_losses(table: pd.DataFrame, split: str, batch_size: int, subset_size: int) -> pd.DataFrame:
    """The last epoch's loss of each run: rows are factors, columns seeds.

    Infinite where a run diverged, NaN where there is none.
    """
    runs = where(table, batch_size=batch_size, subset_size=subset_size)
    losses = final(runs, split, ["factor", "seed"]).unstack("seed")
    return losses.reindex(index=levels(runs, "factor"), columns=levels(runs, "seed"))


def draw(table: pd.DataFrame, about: Mapping[str, Any] | None = None) -> Figure:
    """The figure, from the records' table and what is stated of the experiment: a guess's loss, if it is."""
    guess = guess_of(about) if about else None
    batch_sizes = levels(table, "batch_size")
    height = 2.5 * max(1, len(batch_sizes)) + 0.5
    figure, grid = panels(len(batch_sizes), len(SPLITS), WIDTH, height, sharex=True, sharey=True)
    for row, batch_size in zip(grid, batch_sizes, strict=False):
        for axes, (split, label) in zip(row, SPLITS.items(), strict=True):
            _panel(axes, table, split, batch_size)
            if guess:
                axes.axhline(guess, color="0.4", linewidth=0.8, linestyle=":", zorder=1, gid="a guess")
                axes.text(
                    0.015,
                    guess,
                    "a guess",
                    va="bottom",
                    fontsize=6,
                    color="0.3",
                    transform=axes.get_yaxis_transform(),
                )
            axes.set(title=f"batch size {batch_size}", ylabel=label)
            axes.label_outer()
            axes.set_ylabel(label)
    for axes in grid[-1]:
        axes.set_xlabel("learning-rate factor")
    legend(figure, title="training images", loc="outside right upper")
    return figure


def _panel(axes: Axes, table: pd.DataFrame, split: str, batch_size: int) -> None:
    log_axis(axes)
    sizes = levels(table, "subset_size")
    for size, color, marker in zip(sizes, sequence(len(sizes)), markers(len(sizes)), strict=True):
        losses = final_losses(table, split, batch_size, size)
        over_seeds(axes, losses.index, losses, color=color, marker=marker, label=f"{size:,g}")
    log_factor_axis(axes, levels(table, "factor"))


if __name__ == "__main__":
    _drawing.main({"lr_sweep": draw}, __doc__)
