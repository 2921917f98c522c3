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
from analysis.forgetting import epochs_ago
from analysis.quantities import CurvatureRatio, curvature_ratio

RUN = ["run.batch_size", "run.subset_size", "run.factor", "run.seed"]
CEILING = 100  # of the curvature axis: beyond it a run is as good as diverged


def curvature_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Penalty over gain of a batch's own gradient step, over the measured steps of each run.

    Returns:
        A row for each measured run, with columns batch_size, subset_size, factor, seed, ratio, and the other
        fields of `CurvatureRatio`: error, low, high and batches. The ratio is NaN from too few batches.
    """
    budgets = where(table, kind="StepBudget", split="current")
    steps = budgets.pivot_table(index=[*RUN, "step"], columns="metric", values="value")
    metrics = steps.reindex(columns=["gradient_gain", "gradient_penalty"])
    runs = metrics.groupby(level=RUN)
    rows = [curvature_ratio(*of.to_numpy(float).T) for _, of in runs]
    found = pd.DataFrame(rows, runs.size().index, columns=["ratio", *CurvatureRatio._fields[1:]])
    return _named(found)


def forgetting_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """The share of the newest batches' advantage that is gone half an epoch later, for each measured run.

    A batch's advantage is its loss below that of the next epoch's, on the same frozen model. The newest
    batches are those of the last eighth of an epoch, the older ones lie between 3/8 and 5/8.

    Returns:
        A row for each run that remembers its newest batches at all, with the columns of `curvature_ratios`.
    """
    replays = where(table, kind="Replay", metric="loss")
    ago = epochs_ago(replays)

    def advantage(low: float, high: float) -> pd.Series:
        chosen = replays.loc[(replays["split"] == "replayed") & (ago > low) & (ago <= high)]
        unseen = where(replays, split="unseen").groupby(RUN)["value"].mean()
        return unseen - chosen.groupby(RUN)["value"].mean()

    newest, older = advantage(0, 1 / 8), advantage(3 / 8, 5 / 8)
    return _named((1 - older / newest).where(newest > 0).dropna())


def _named(ratio: pd.Series | pd.DataFrame) -> pd.DataFrame:
    table = ratio.to_frame("ratio") if isinstance(ratio, pd.Series) else ratio
    return table.reset_index().rename(columns=lambda name: name.removeprefix("run."))


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    runs = where(table, kind="RunConfig")
    batch_sizes = sorted(runs["batch_size"].unique())
    rows = {"curvature ratio": curvature_ratios(table), "forgetting ratio": forgetting_ratios(table)}
    figure, grid = plt.subplots(
        len(rows),
        len(batch_sizes),
        figsize=(WIDTH, 2.4 * len(rows) + 0.5),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for row, (label, ratios) in zip(grid, rows.items(), strict=True):
        for axes, batch_size in zip(row, batch_sizes, strict=True):
            _panel(axes, where(runs, batch_size=batch_size), where(ratios, batch_size=batch_size))
            axes.set_title(f"batch size {batch_size:g}")
        row[0].set_ylabel(label)
    for axes in grid[0]:
        axes.set_yscale("log")
        axes.set_ylim(top=min(CEILING, axes.get_ylim()[1]))
    for axes in grid[1]:
        axes.set_ylim(-0.5, 1.5)
        axes.axhline(0, color="0.4", linewidth=0.8)
    for axes in grid[-1]:
        axes.set_xlabel("learning-rate factor")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, title="training images", loc="outside right upper", frameon=False)
    return figure


def _panel(axes: Axes, runs: pd.DataFrame, ratios: pd.DataFrame) -> None:
    sizes, factors = sorted(runs["subset_size"].unique()), sorted(runs["factor"].unique())
    axes.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    for index, (size, color) in enumerate(zip(sizes, sequence(len(sizes)), strict=True)):
        values = where(ratios, subset_size=size).pivot_table(index="factor", columns="seed", values="ratio")
        style = {"color": color, "marker": MARKERS[index % len(MARKERS)], "label": f"{size:,g}"}
        band(axes, values.index, values, **style)
        of_size = where(runs, subset_size=size, status="diverged")
        gone = np.asarray(sorted(set(of_size["factor"]) - set(values.index)))
        axes.scatter(
            gone * 2 ** (0.15 * (index - (len(sizes) - 1) / 2)),
            np.full(len(gone), 0.95),
            marker="x",
            s=18,
            color=color,
            transform=axes.get_xaxis_transform(),
        )
    log_factor_axis(axes, factors)


if __name__ == "__main__":
    _publish.main({"budget": draw}, __doc__)
