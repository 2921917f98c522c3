"""What stops a step at each learning rate: curvature ratio and forgetting ratio against factor.

python -m analysis.budget --label quick
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _publish
from analysis._style import MARKERS, WIDTH, band, log_factor_axis, sequence
from analysis._tables import where

RATIOS = {"curvature": "curvature ratio", "forgetting": "forgetting ratio"}
FLOOR = 1e-2  # the axis ends here; a step after which old batches are better off has no forgetting to show


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """The two ratios of each run, from the means over its measured steps (`research.budget` defines them).

    Returns:
        A row for each measured run, with columns batch_size, subset_size, factor, seed, curvature and
        forgetting. Forgetting is infinite where the steps did not lower their own batches' loss.
    """
    budgets = where(table, kind="StepBudget")
    run = ["run.batch_size", "run.subset_size", "run.factor", "run.seed"]
    means = budgets.pivot_table(index=run, columns=["split", "metric"], values="value", aggfunc="mean")
    gained = -means["current", "change"]
    regained = means["recent", "half_epoch"] * means["recent", "change"]
    return pd.DataFrame(
        {
            "curvature": means["current", "gradient_penalty"] / means["current", "gradient_gain"],
            "forgetting": (regained / gained).where(gained > 0, np.inf),
        }
    ).reset_index(names=[name.removeprefix("run.") for name in run])


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    runs = where(table, kind="RunConfig")
    measured = ratios(table)
    batch_sizes = sorted(runs["batch_size"].unique())
    figure, grid = plt.subplots(
        len(RATIOS),
        len(batch_sizes),
        figsize=(WIDTH, 2.4 * len(RATIOS) + 0.5),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for row, (ratio, label) in zip(grid, RATIOS.items(), strict=True):
        for axes, batch_size in zip(row, batch_sizes, strict=True):
            of_batch = where(measured, batch_size=batch_size)
            _panel(axes, where(runs, batch_size=batch_size), of_batch, ratio)
            axes.set_title(f"batch size {batch_size}")
        row[0].set_ylabel(label)
    for axes in grid[-1]:
        axes.set_xlabel("learning-rate factor")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title="training images", loc="outside right upper", frameon=False)
    return figure


def _panel(axes: Axes, runs: pd.DataFrame, measured: pd.DataFrame, ratio: str) -> None:
    sizes, factors = sorted(runs["subset_size"].unique()), sorted(runs["factor"].unique())
    axes.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    axes.axhspan(1, 1e3, color="0.5", alpha=0.08, linewidth=0)
    for index, (size, color) in enumerate(zip(sizes, sequence(len(sizes)), strict=True)):
        values = where(measured, subset_size=size).pivot_table(index="factor", columns="seed", values=ratio)
        values = values.clip(FLOOR, 1e3)
        style = {"color": color, "marker": MARKERS[index % len(MARKERS)], "label": f"{size:,}"}
        band(axes, values.index, values, **style)
        gone = [factor for factor in factors if factor not in values.index]
        axes.scatter(
            np.asarray(gone) * 2 ** (0.15 * (index - (len(sizes) - 1) / 2)),
            np.full(len(gone), 0.95),
            marker="x",
            s=18,
            color=color,
            transform=axes.get_xaxis_transform(),
        )
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, 1e2)
    log_factor_axis(axes, factors)


if __name__ == "__main__":
    _publish.main({"budget": draw}, __doc__)
