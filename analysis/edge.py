"""The edge of stability: sharpness times rate through full-batch training, and at its end by batch size.

python -m analysis.edge --label quick
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import _drawing
from analysis._style import WIDTH, contrast, legend, log_axis, markers, over_seeds, panels, sequence
from analysis._tables import levels, pivot, where

FITTED = 0.9  # of the training images right: from there on the loss goes to 0, and its curvature with it
PLATEAU = 0.5  # of the moments before that: what is held is read off the later ones
FEWEST = 4  # moments before that, for there to be a plateau


def full_batch(table: pd.DataFrame, momentum: float) -> pd.DataFrame:
    """Largest eigenvalue over the optimizer's threshold, full batch: rows (rate, step), columns seeds."""
    measured = where(table, kind="Sharpness", **{"run.optimizer.momentum": momentum})
    if not measured.empty:
        measured = measured.loc[measured["run.batch_size"] == measured["run.subset_size"]]

    def of(split: str, metric: str) -> pd.DataFrame:
        return pivot(where(measured, split=split, metric=metric), ["run.factor", "step"], "run.seed")

    return of("train", "top_eigenvalue") / of("optimizer", "threshold")


def held(table: pd.DataFrame) -> pd.DataFrame:
    """Batch sharpness times rate with momentum, mean over the plateau: rows sizes, columns seeds."""
    return pivot(_with_momentum(plateau(table)), "run.batch_size", "run.seed")


def highest(table: pd.DataFrame) -> pd.DataFrame:
    """Batch sharpness times rate with momentum at the moment it was highest: as `held`."""
    return pivot(_with_momentum(table), "run.batch_size", "run.seed", aggfunc="max")


def _with_momentum(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the batch sharpness of the runs with momentum, each times its run's rate."""
    measured = where(table, kind="Sharpness", metric="batch_sharpness")
    if measured.empty:
        return measured
    measured = measured.loc[measured["run.optimizer.momentum"] > 0]
    return measured.assign(value=measured["value"] * measured["run.factor"])


def hovering(table: pd.DataFrame, momentum: float = 0.0) -> pd.DataFrame:
    """Largest eigenvalue over its threshold, median over the plateau: rows rates, columns seeds."""
    return full_batch(plateau(table), momentum).groupby("run.factor").median()


def plateau(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of sharpness measured on each run's plateau, before it has fitted its set.

    Of the moments measured before `FITTED` of the training images were right, those after the first half.
    None of a run with fewer than `FEWEST` of them.
    """
    measured = where(table, kind="Sharpness")
    if measured.empty:
        return measured
    run = [name for name in measured if f"run.{name}" in measured]  # all that there is to tell runs by
    seen = where(table, kind="RunConfig", split="seen", metric="accuracy")
    fitted = seen.loc[seen["value"] >= FITTED].groupby(run, dropna=False, as_index=False)["epoch"].min()
    fitted = fitted.rename(columns={name: f"run.{name}" for name in run} | {"epoch": "fitted"})
    of_run = [f"run.{name}" for name in run]
    found = measured.merge(fitted, how="left", on=of_run)
    before = found.loc[~(found["epoch"] >= found["fitted"])].drop(columns="fitted")
    moments = before.groupby(of_run, dropna=False)["epoch"]
    count = moments.transform("nunique")
    place = moments.rank(method="dense")
    return before.loc[(count >= FEWEST) & (place > PLATEAU * count)]


def draw(table: pd.DataFrame) -> Figure:
    """The figure, from the records' table."""
    figure, ((left, right),) = panels(1, 2, WIDTH, 3)
    momentum = max(levels(where(table, kind="Sharpness"), "run.optimizer.momentum"), default=0.0)
    cases = [("gradient descent", 0.0), (f"Polyak momentum {momentum:g}", momentum)]
    lines = [(name, full_batch(table, b)) for name, b in cases]
    count = sum(len(found.index.unique("run.factor")) for _, found in lines)
    looks = zip(sequence(count), markers(count), strict=True)
    for name, found in lines:
        for rate in found.index.unique("run.factor"):
            values, (color, marker) = found.loc[rate], next(looks)
            style = {"color": color, "marker": marker, "label": f"{name}, rate {rate:g}"}
            over_seeds(left, values.index, values, **style)
    left.axhline(1, color="0.3", linestyle="--", linewidth=0.9)
    left.set(xlabel="step", ylabel="largest eigenvalue over\nthe optimizer's threshold", title="full batch")
    left.set_ylim(0, 1.45 * left.get_ylim()[1])  # with room for the legend
    legend(left, loc="upper left")
    _by_batch_size(right, held(table), highest(table), momentum)
    return figure


def _by_batch_size(axes: Axes, values: pd.DataFrame, tops: pd.DataFrame, momentum: float) -> None:
    log_axis(axes)  # it has no place for negative curvature
    over_seeds(axes, values.index, values, color=contrast()[0], marker="o", label="mean of the last half")
    over_seeds(
        axes, tops.index, tops, color=contrast()[1], marker="^", linestyle="--", label="highest moment"
    )
    for level, label, style in (
        (2 * (1 + momentum), "2(1+b)", ":"),
        (2 * (1 - momentum), "2(1-b)", "-."),
    ):
        if len(values):
            axes.axhline(level, color="0.3", linewidth=0.9, linestyle=style, label=label)
    sizes = np.asarray(values.index, float)
    axes.set(xscale="log", xlabel="batch size", title=f"Polyak momentum {momentum:g}")
    axes.set_ylabel("batch sharpness x rate")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_ylim(low * min(low / high, 0.1) ** 0.45, high)  # with room for the legend
    legend(axes, loc="lower center")


if __name__ == "__main__":
    _drawing.main({"edge": draw}, __doc__)
